/** With which settings is an index of a spec measured? */

/** What is settled for one line of the table. */
export interface Setting {
  /** The recall that is asked for, in place of all else. */
  target?: number
  /** Absent where there are no cells to choose from. */
  nprobe?: number
  epsilon?: number
  rescoreFactor?: number
  rescore?: false
}

/** What the command line sweeps; what is absent has a default. */
export interface SweepOptions {
  nprobe?: number[]
  epsilon?: number[]
  rescoreFactor?: number[]
  rescore: boolean
  /** Recalls to ask for. */
  recall?: number[]
}

/** The library's own ε, told so that a line of the table can name it. */
export const DEFAULT_EPSILON = 1.9

/**
 * Every nprobe with every ε, or every factor. ε is of scalar codes whose spec names no factor; vectors that are stored
 * exactly are never rescored. Then every recall that is asked for.
 */
export function settingsOf(
  index: { spec: string; nlist: number; keep: string },
  { nprobe = [1, 4, 16, 64], epsilon = [DEFAULT_EPSILON], rescoreFactor, rescore, recall = [] }: SweepOptions,
): Setting[] {
  const cells = index.nlist > 1 ? nprobe.filter((n) => n <= index.nlist).map((n) => ({ nprobe: n })) : [{}]
  const ways = waysToRescore()
  const settings: Setting[] = cells.flatMap((cell) => ways.map((way) => ({ ...cell, ...way })))
  return [...settings, ...recall.map((target) => ({ target }))]

  function waysToRescore(): Setting[] {
    if (!hasCodes(index.spec)) return [{}]
    if (!rescore || index.keep === 'none') return [{ rescore: false }]
    const factors = rescoreFactor ?? factorOf(index.spec)
    if (factors) return factors.map((factor) => ({ rescoreFactor: factor }))
    return boundsErrors(index.spec) ? epsilon.map((one) => ({ epsilon: one })) : [{}]
  }
}

/** The cells that a spec names; undefined when it names none. */
export function cellsOf(spec: string): number | undefined {
  const named = /(?:^|,)IVF(\d+)s?(?:,|$)/i.exec(spec)?.[1]
  return named === undefined ? undefined : Number(named)
}

/** Which cells a setting visits, in a few characters. */
export function visitingOf({ nprobe, target }: Setting): string {
  if (target !== undefined) return `≥ ${target}`
  return nprobe === undefined ? '–' : String(nprobe)
}

/** How a setting rescores, in a few characters. */
export function rescoringOf(spec: string, { target, epsilon, rescoreFactor, rescore }: Setting): string {
  if (target !== undefined && hasCodes(spec)) return 'as needed'
  if (rescore === false) return 'no'
  if (rescoreFactor !== undefined) return `× ${rescoreFactor}`
  if (epsilon !== undefined) return `ε ${epsilon}`
  return hasCodes(spec) ? 'default' : '–'
}

/** Whether answers come from codes, beside which vectors may be kept. */
export function hasCodes(spec: string): boolean {
  return !/(^|,)Flat\b/.test(spec)
}

/** Whether the quantizer knows the error of an estimate. */
function boundsErrors(spec: string): boolean {
  return /(^|,)SQ\d/.test(spec)
}

function factorOf(spec: string): number[] | undefined {
  const named = /,R(\d+)$/.exec(spec)?.[1]
  return named === undefined ? undefined : [Number(named)]
}
