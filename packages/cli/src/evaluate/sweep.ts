/** With which settings is an index of a spec measured? */

/** What is settled for one line of the table. */
export interface Setting {
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
}

/** The library's own ε, told so that a line of the table can name it. */
export const DEFAULT_EPSILON = 1.9

/**
 * Every nprobe with every ε, or every factor. ε is of scalar codes whose spec names no factor; vectors that are stored
 * exactly are never rescored.
 */
export function settingsOf(
  index: { spec: string; nlist: number; keep: string },
  { nprobe = [1, 4, 16, 64], epsilon = [DEFAULT_EPSILON], rescoreFactor, rescore }: SweepOptions,
): Setting[] {
  const cells = index.nlist > 1 ? nprobe.filter((n) => n <= index.nlist).map((n) => ({ nprobe: n })) : [{}]
  const ways = waysToRescore()
  return cells.flatMap((cell) => ways.map((way) => ({ ...cell, ...way })))

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

/** How a setting rescores, in a few characters. */
export function rescoringOf(spec: string, { epsilon, rescoreFactor, rescore }: Setting): string {
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
