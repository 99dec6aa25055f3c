import type { Engine } from '../engine/engine.js'
import { show } from '../errors.js'
import type { Rescore } from '../ivf/rows.js'
import type { Calibration, Level, sizesOf } from '../recall/calibration.js'
import { type IndexFile, placeOf, readSmall } from './file.js'
import { damaged, names } from './layout.js'

/*
 * The metadata `recall`, JSON, tells what is no array; a wave is told by its cells. The tensor `calibration` is all
 * arrays, one after another: `spreads`; then for each k `byRank` and, for each wave, the table's `shares` and the curve:
 * `vectors`, `cells`, `most`, `told`, `tail`, then `recall` of each level, then `deviation` of each level.
 */

/** What was found of an index, and how many vectors have come and gone since. */
export interface CalibrationTold {
  readonly calibration: Calibration
  readonly changed: number
}

/** Of lengths and meanings; files of a later one are opened as if nothing had been calibrated. */
const VERSION = 1

/** What a file is told; undefined where values near the end of 32-bit floats have left what could not be read again. */
export async function storeCalibration({
  calibration,
  changed,
}: CalibrationTold): Promise<{ recall: Record<string, unknown>; numbers: Float32Array<ArrayBuffer> } | undefined> {
  const { WAVES } = await import('../recall/observe.js')
  const { spreads, rules, queries, confidence, size } = calibration
  const arrays = [spreads]
  for (const { byRank, variants } of rules) {
    arrays.push(byRank)
    for (const { table, curve } of variants) {
      if (![table.low, table.step].every(Number.isFinite)) return undefined
      const { vectors, cells, most, told, tail, recall, deviation } = curve
      arrays.push(table.shares, vectors, cells, most, told, tail, ...recall, ...deviation)
    }
  }
  const numbers = new Float32Array(arrays.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const array of arrays) {
    numbers.set(array, at)
    at += array.length
  }
  if (numbers.some(Number.isNaN)) return undefined
  const plain = rules.map(({ k, levels, variants }) => ({
    ...{ k, levels },
    variants: variants.map(({ wave, table: { low, step } }) => ({ wave: WAVES[wave], low, step })),
  }))
  return { recall: { version: VERSION, queries, confidence, size, changed, rules: plain }, numbers }
}

/** What a file tells; undefined when it tells nothing that is known here. @throws IvfError ERR_FORMAT */
export async function readCalibration(engine: Engine, file: IndexFile): Promise<CalibrationTold | undefined> {
  const known = await readPlain(file)
  if (!known) return undefined
  const { plain, sizes } = known
  let length = 0
  arrange(file, plain, sizes, (_, count) => {
    length += count
    return new Float32Array(0)
  })
  const place = placeOf(file, names.calibration, 'F32', [length])
  const numbers = new Float32Array(await readSmall(engine, file, names.calibration, place))
  let at = 0
  const calibration = arrange(file, plain, sizes, (part, count) => {
    const own = numbers.subarray(at, at + count)
    at += count
    // Spreads of values near the end of 32-bit floats are beyond it.
    const [least, most] = part === 'most' ? [1, sizes.ranks] : [0, part === 'spreads' ? Number.POSITIVE_INFINITY : MOST]
    const bad = own.find((value) => !(value >= least && value <= most) || (part === 'most' && value % 1 !== 0))
    if (bad === undefined) return own
    throw damaged(file.name, `holds ${bad} in '${names.calibration}', in an array ${part}`)
  })
  return { calibration, changed: plain.changed }
}

/** For which k a file is calibrated, by how many queries, and what has changed since. @throws IvfError ERR_FORMAT */
export async function calibratedFor(
  file: IndexFile,
): Promise<{ k: number[]; queries: number; changed: number } | undefined> {
  const known = await readPlain(file)
  if (!known) return undefined
  const { rules, queries, changed } = known.plain
  return { k: rules.map(({ k }) => k), queries, changed }
}

/** The largest 32-bit float. */
const MOST = (2 - 2 ** -23) * 2 ** 127

type Sizes = ReturnType<typeof sizesOf>

/** A calibration without its arrays; `wave`: which of all. */
interface Plain extends Pick<Calibration, 'queries' | 'confidence' | 'size'> {
  readonly changed: number
  readonly rules: readonly {
    readonly k: number
    readonly levels: readonly Level[]
    readonly variants: readonly { readonly wave: number; readonly low: number; readonly step: number }[]
  }[]
}

/** A calibration of what was told, its arrays taken in the order of the file. */
function arrange(
  { header: { nlist } }: IndexFile,
  { rules, queries, confidence, size }: Plain,
  { ranks, shares, steps }: Sizes,
  take: (part: string, count: number) => Float32Array,
): Calibration {
  return {
    spreads: take('spreads', nlist),
    rules: rules.map(({ k, levels, variants }) => ({
      ...{ k, levels },
      byRank: take('byRank', ranks),
      variants: variants.map(({ wave, low, step }) => ({
        wave,
        table: { low, step, shares: take('shares', shares) },
        curve: {
          vectors: take('vectors', steps),
          cells: take('cells', steps),
          most: take('most', steps),
          told: take('told', steps),
          tail: take('tail', steps),
          recall: levels.map(() => take('recall', steps)),
          deviation: levels.map(() => take('deviation', steps)),
        },
      })),
    })),
    ...{ queries, confidence, size },
  }
}

/** The metadata, checked. @throws IvfError ERR_FORMAT */
async function readPlain(file: IndexFile): Promise<{ plain: Plain; sizes: Sizes } | undefined> {
  const { header, name } = file
  if (!header.recall) return undefined
  const { version, queries, confidence, size, changed, rules } = header.recall
  if (whole('version', version, 1) > VERSION) return undefined
  const { sizesOf } = await import('../recall/calibration.js')
  const sizes = sizesOf(header.nlist)
  const vectors = whole('size', size, 1, 0xffffffff)
  const plain: Plain = {
    queries: whole('queries', queries, 1, 0xffffffff),
    confidence: real('confidence', confidence, 0.5, 0.9999),
    size: vectors,
    changed: whole('changed', changed, 0),
    rules: list('rules', rules).map(({ k, levels, variants }) => ({
      k: whole('k', k, 1, Math.max(1, vectors - 1)),
      levels: list('levels', levels).map(({ rescore, compared, recall, deviation }) => ({
        rescore: rescoreOf(rescore),
        compared: real('compared', compared, 0),
        recall: real('recall', recall, 0, 1),
        deviation: real('deviation', deviation, 0),
      })),
      variants: list('variants', variants).map(({ wave, low, step }) => {
        const i = sizes.waves.indexOf(wave as number)
        if (i < 0) throw wrong('wave', wave)
        return { wave: i, low: real('low', low), step: real('step', step, Number.MIN_VALUE) }
      }),
    })),
  }
  rising(
    'k',
    plain.rules.map(({ k }) => k),
  )
  for (const { variants } of plain.rules)
    rising(
      'wave',
      variants.map(({ wave }) => wave),
    )
  return { plain, sizes }

  function whole(key: string, value: unknown, least: number, most: number = Number.MAX_SAFE_INTEGER): number {
    if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return value as number
    throw wrong(key, value)
  }

  function real(key: string, value: unknown, least = -Number.MAX_VALUE, most: number = Number.MAX_VALUE): number {
    if (typeof value === 'number' && value >= least && value <= most) return value
    throw wrong(key, value)
  }

  /** At least one object. */
  function list(key: string, value: unknown): Record<string, unknown>[] {
    const right = Array.isArray(value) && value.length > 0
    if (right && value.every((one) => typeof one === 'object' && one !== null)) return value
    throw wrong(key, value)
  }

  function rising(key: string, values: readonly number[]): void {
    const at = values.findIndex((value, i) => i > 0 && value <= (values[i - 1] as number))
    if (at >= 0) throw damaged(name, `tells in recall of a ${key} that does not rise`)
  }

  /** What searches of this index may be told. */
  function rescoreOf(found: unknown): Rescore {
    const { kind, factor, reorder, epsilon, given } = (found ?? {}) as Record<string, unknown>
    const { keep, quantizer, projection } = header
    if (kind === 'none') return { kind }
    if (kind === 'factor' && keep !== 'none' && typeof reorder === 'boolean') {
      return { kind, factor: real('factor', factor, 1), reorder }
    }
    const bounded = keep !== 'none' && quantizer.bounded === true && !projection
    if (kind === 'bound' && bounded && typeof given === 'boolean') {
      return { kind, epsilon: real('epsilon', epsilon, 0, 100), given }
    }
    throw wrong('rescore', kind)
  }

  function wrong(key: string, value: unknown): Error {
    return damaged(name, `tells in recall that ${key} is ${show(value)}, which cannot be`)
  }
}
