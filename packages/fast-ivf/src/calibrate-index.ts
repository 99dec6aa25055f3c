import { type Matrix, toMatrix } from './engine/vectors.js'
import { checkInteger, checkNumber, IvfError, show } from './errors.js'
import { type Contents, rowOf } from './ivf/contents.js'
import type { Rescore } from './ivf/rows.js'
import type { Id, LongCallOptions } from './options.js'
import { calibrate } from './recall/calibrate.js'
import { type Calibration, choose, highest, quantileOf } from './recall/calibration.js'
import { type HeldOut, NONE } from './recall/held-out.js'
import type { CalibrateOptions, CalibrationReport, CertifiedTarget, Truth } from './recall-options.js'

/** Numbers of answers that are calibrated for when none is given. */
const KS = [10, 100]
const CONFIDENCE = 0.95
const TARGETS = [0.8, 0.9, 0.95, 0.98, 0.99]

/** @throws IvfError ERR_ARGUMENT, ERR_DIM, ERR_NOT_FINITE, ERR_EMPTY, ERR_TOO_FEW, ERR_UNSUPPORTED, ERR_ID; the signal's reason */
export function calibrateIndex<I extends Id>(
  contents: Contents,
  { queries, truth, k, confidence, ...long }: CalibrateOptions<I>,
  { usual, seed }: { usual: Rescore; seed: number },
): Promise<Calibration> {
  const { size, model } = contents
  if (size === 0) throw new IvfError('ERR_EMPTY', 'there are no vectors to calibrate with; add some first')
  const given = k === undefined ? KS : typeof k === 'object' ? [...k] : [k]
  if (given.length === 0) throw new IvfError('ERR_ARGUMENT', 'k is an empty list; give at least one number')
  const asked = given.map((one) => checkInteger('k', one, 1, 0xffffff))
  // Nobody has more neighbours than there are others.
  const ks = [...new Set(asked.map((one) => Math.min(one, Math.max(1, size - 1))))].sort((a, b) => a - b)
  const sure = checkNumber('confidence', confidence ?? CONFIDENCE, 0.5, 0.9999)
  const matrix = queries === undefined ? undefined : toMatrix(queries, model.dim, 'queries')
  if (truth !== undefined && !matrix) {
    throw new IvfError('ERR_ARGUMENT', 'truth is given, and the queries that it is of are not; give queries, too')
  }
  const known = truth && matrix && rowsOfTruth(contents, truth, matrix, ks.at(-1) as number)
  return calibrate(contents, { queries: matrix, truth: known, ks, confidence: sure, seed, usual }, long)
}

/** With queries whose nearest are known, for those who calibrate many indexes of the same vectors. */
export function calibrateWith(
  contents: Contents,
  held: HeldOut,
  ks: readonly number[],
  { usual, seed }: { usual: Rescore; seed: number },
  options: LongCallOptions,
): Promise<Calibration> {
  const plan = { held, ks, confidence: CONFIDENCE, seed, usual, queries: undefined, truth: undefined }
  return calibrate(contents, plan, options)
}

/** How many neighbours of each query the truth tells that are wanted. @throws IvfError ERR_ARGUMENT */
export function checkTruth<I extends Id>(
  { size }: Contents,
  { ids, k: has }: Truth<I>,
  queries: Matrix,
  k: number,
): number {
  const most = Math.min(k, size)
  if (has >= most && ids.length === queries.rows * has) return most
  throw new IvfError(
    'ERR_ARGUMENT',
    `truth holds ${ids.length} ids, ${show(has)} for each query; ${queries.rows} queries need at least ${most} each`,
  )
}

/** nq × k rows. @throws IvfError ERR_ARGUMENT, ERR_ID */
export function rowsOfTruth<I extends Id>(
  contents: Contents,
  truth: Truth<I>,
  queries: Matrix,
  k: number,
): Uint32Array {
  const { ids, k: has } = truth
  const most = checkTruth(contents, truth, queries, k)
  const rows = new Uint32Array(queries.rows * k).fill(NONE)
  for (let q = 0; q < queries.rows; q++) {
    for (let i = 0; i < most; i++) {
      const id = ids[q * has + i]
      // Others pad with what is no id.
      if (id === undefined || id === -1 || Number.isNaN(id)) continue
      const row = rowOf(contents, id)
      if (row === undefined) throw new IvfError('ERR_ID', `truth names ${show(id)}, which is not in the index`)
      rows[q * k + i] = row
    }
  }
  return rows
}

/** What it delivers, for people. */
export function reportOf(contents: Contents, calibration: Calibration, stale: boolean): CalibrationReport {
  const { queries, confidence } = calibration
  const rules = calibration.rules.map((one) => ({
    k: one.k,
    highest: highest(contents, calibration, one),
    targets: TARGETS.flatMap((target) => {
      const choice = choose(contents, calibration, one, target)
      return choice ? [certified(target, choice, calibration)] : []
    }),
  }))
  return { rules, queries, confidence, stale }
}

function certified(
  target: number,
  { recall, error, vectors, cells, by }: NonNullable<ReturnType<typeof choose>>,
  { queries, confidence }: Calibration,
): CertifiedTarget {
  const n = Math.max(2, queries)
  const doubt = Math.log(2 / 0.05)
  const variance = (error ** 2 * n * n) / (n - 1)
  return {
    ...{ target, recall, vectors, cells, whole: by === undefined },
    lower: recall - quantileOf(confidence) * error,
    bernstein: Math.max(0, recall - Math.sqrt((2 * variance * doubt) / n) - (7 * doubt) / (3 * (n - 1))),
    conformal: (n * recall) / (n + 1),
  }
}
