import { lanesOf } from '../../clustering/nearest.js'
import { seeded } from '../../clustering/random.js'
import type { Engine } from '../../engine/engine.js'
import type { RunOptions } from '../../engine/executor.js'

/**
 * A random orthogonal map: norms and inner products stay as they are, and no component of the outcome is more telling
 * than another, whatever the vectors. Four rounds of random signs, a Hadamard transform of the largest power of two of
 * components (the first, then the last so many), and where those are not all, sums and differences of the two halves.
 */
export interface Rotation {
  readonly dim: number
  /** Components of a rotated vector: dim up to a multiple of 32, zeros appended before. */
  readonly width: number
  /** Address of 4 × width floats: per round the signs, times what makes the round's sums an orthogonal map. */
  readonly signs: number
  /** Address of dim floats that are taken away before; or 0. */
  readonly origin: number
}

const ROUNDS = 4
const UNIT = 32
const BLOCK = 64 // rows per item
const COST = 32 // of a component, in multiply-adds

/** Components of vectors of this dim when rotated. */
export function rotatedWidth(dim: number): number {
  return Math.ceil(dim / UNIT) * UNIT
}

/** The rotation of a seed, the same on every machine; about the origin that is given. */
export function createRotation(
  engine: Engine,
  alloc: (bytes: number) => number,
  dim: number,
  seed: number,
  origin?: Float32Array,
): Rotation {
  const width = rotatedWidth(dim)
  const signs = alloc(ROUNDS * width * 4)
  engine.floats(signs, ROUNDS * width).set(signsOf(width, seed))
  if (!origin) return { dim, width, signs, origin: 0 }
  const at = alloc(dim * 4)
  engine.floats(at, dim).set(origin)
  return { dim, width, signs, origin: at }
}

/** Turns count × dim rows into count × width; in place (`out` is `rows`) only where dim is width. */
export function rotate(
  engine: Engine,
  rotation: Rotation,
  rows: number,
  count: number,
  out: number,
  options: RunOptions = {},
): Promise<void> {
  return turn(engine, 'rotateRows', rotation, rows, count, out, options)
}

/** Turns count × width rows back into count × dim. */
export function unrotate(
  engine: Engine,
  rotation: Rotation,
  rows: number,
  count: number,
  out: number,
  options: RunOptions = {},
): Promise<void> {
  return turn(engine, 'unrotateRows', rotation, rows, count, out, options)
}

function turn(
  engine: Engine,
  kernel: 'rotateRows' | 'unrotateRows',
  { dim, width, signs, origin }: Rotation,
  rows: number,
  count: number,
  out: number,
  options: RunOptions,
): Promise<void> {
  const cost = count * width * COST
  return engine.frame((scratch) => {
    const lanes = lanesOf(scratch, cost, width * 4)
    const record = scratch.record('Rotate', { rows, dim, width, count, block: BLOCK, signs, origin, out, ...lanes })
    return engine.run({ kernel, record, count: Math.ceil(count / BLOCK) }, { cost, ...options })
  })
}

/** 4 × width: ±1, times 1/√span where the round's transform adds up span components, times all the halves' 1/√2. */
export function signsOf(width: number, seed: number): Float32Array {
  const random = seeded(seed)
  const span = 2 ** (31 - Math.clz32(width))
  return Float32Array.from({ length: ROUNDS * width }, (_, i) => {
    const round = Math.floor(i / width)
    const at = round % 2 === 0 ? i % width : width - 1 - (i % width)
    const scale = (at < span ? 1 / Math.sqrt(span) : 1) * (round === 0 && span < width ? 1 / 4 : 1)
    return random.below(2) === 0 ? scale : -scale
  })
}
