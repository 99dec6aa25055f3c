import { transposed } from '../../algebra/transposed.js'
import type { Scratch } from '../../engine/engine.js'
import type { RunOptions } from '../../engine/executor.js'
import { copyOf, type Matrix } from '../../engine/vectors.js'
import { IvfError } from '../../errors.js'
import type { QuantizerTraining } from '../quantizer.js'
import {
  type Codebooks,
  LLOYD_DEFAULTS,
  MINI_BATCH_DEFAULTS,
  trainCodebooksLloyd,
  trainCodebooksMiniBatch,
} from './codebooks.js'
import { trainingRows } from './sample.js'
import { applyRotation, placeRotation } from './turn.js'

export interface ProductOptions {
  /** Subvectors. */
  m: number
  /** Codewords per subvector. */
  k: number
  /** Codes are of what is left after the centroid is taken away. */
  residual: boolean
  /** A rotation is learned first. */
  opq: boolean
  /** 4-bit codes are scanned with tables of 6-bit entries: four times as fast, and rounded a little. */
  fastScan: boolean
  /** Codewords are of signs, and a code knows what they are to be multiplied by: RaBitQ. Nothing is turned. */
  scaled?: boolean
  training:
    | { kind: 'lloyd' }
    | { kind: 'minibatch'; batchSize: number; tol: number; maxSteps: number }
    | { kind: 'given'; codebooks: Float32Array; rotation?: Float32Array }
}

/** The address of the rows (count × dim), turned: new ones in scratch, or the same where nothing turns. */
type Turn = (scratch: Scratch, rows: number, count: number, options: RunOptions) => Promise<number>

export interface Learned {
  codebooks: Codebooks
  /** dim × dim, where there is one. */
  rotation?: Float32Array
  turn: Turn
  turnBack: Turn
}

const SAMPLE = 65536

/** Codebooks, and the rotation under which they are good. @throws IvfError ERR_TOO_FEW, ERR_ARGUMENT */
export async function learn(options: ProductOptions, training: QuantizerTraining): Promise<Learned> {
  const { dim, seed } = training
  const { m, k } = options
  const same: Turn = async (_scratch, rows) => rows
  if (options.training.kind === 'given') {
    const words = options.training.codebooks
    if (words.length !== k * dim) {
      throw new IvfError(
        'ERR_ARGUMENT',
        `codebooks holds ${words.length} numbers; ${m} × ${k} codewords of ${dim / m} components are ${k * dim}`,
      )
    }
    const wrong = words.findIndex((value) => !Number.isFinite(value))
    if (wrong >= 0) {
      throw new IvfError('ERR_NOT_FINITE', `codebooks holds ${words[wrong]} at place ${wrong}; mend what trained them`)
    }
    const { rotation } = options.training
    const turns = rotation ? await turnsOf(training, rotation) : { turn: same, turnBack: same }
    return { codebooks: { m, k, width: dim / m, words: words.slice() }, ...turns }
  }
  const rows = await trainingRows(training, options.residual, Math.max(SAMPLE, k))
  if (options.training.kind === 'minibatch') {
    const { kind: _, ...own } = options.training
    const settings = { ...MINI_BATCH_DEFAULTS, ...own, m, k, seed }
    const codebooks = await trainCodebooksMiniBatch(training.engine, rows, settings, training.options)
    return { codebooks, turn: same, turnBack: same }
  }
  const settings = { ...LLOYD_DEFAULTS, m, k, seed }
  if (!options.opq) {
    const codebooks = await trainCodebooksLloyd(training.engine, rows, settings, training.options)
    return { codebooks, turn: same, turnBack: same }
  }
  const turns = await learnRotation(options, training, rows)
  const turned = await engineTurned(training, rows, turns.turn)
  return { codebooks: await trainCodebooksLloyd(training.engine, turned, settings, training.options), ...turns }
}

async function learnRotation(
  { m, k }: ProductOptions,
  training: QuantizerTraining,
  rows: Matrix,
): Promise<Omit<Learned, 'codebooks'>> {
  const { engine, seed, options } = training
  const { ROTATION_DEFAULTS, trainRotation } = await import('./opq.js')
  const { rotation } = await trainRotation(engine, rows, { ...ROTATION_DEFAULTS, m, k, seed }, options)
  return turnsOf(training, rotation)
}

/** @throws IvfError ERR_DIM */
async function turnsOf(
  { engine, alloc, dim }: QuantizerTraining,
  rotation: Float32Array,
): Promise<Omit<Learned, 'codebooks'>> {
  if (rotation.length !== dim * dim) {
    throw new IvfError('ERR_DIM', `the rotation holds ${rotation.length} numbers, and ${dim} × ${dim} are needed`)
  }
  const [turn, turnBack] = await Promise.all(
    [rotation, transposed(rotation, dim)].map(async (matrix): Promise<Turn> => {
      const panels = await placeRotation(engine, alloc, matrix, dim)
      return async (scratch, from, count, runOptions) => {
        const out = scratch.alloc(count * dim * 4)
        await applyRotation(engine, panels, from, count, out, runOptions)
        return out
      }
    }),
  )
  return { rotation, turn: turn as Turn, turnBack: turnBack as Turn }
}

/** The rows, turned. */
function engineTurned({ engine, dim, options }: QuantizerTraining, matrix: Matrix, turn: Turn): Promise<Matrix> {
  return engine.frame(async (scratch) => {
    const rows = scratch.alloc(matrix.rows * dim * 4)
    engine.floats(rows, matrix.rows * dim).set(copyOf(matrix))
    const turned = await turn(scratch, rows, matrix.rows, { signal: options.signal })
    const data = engine.floats(turned, matrix.rows * dim).slice()
    return { ...matrix, copy: (from, to, target) => target.set(data.subarray(from * dim, to * dim)) }
  })
}
