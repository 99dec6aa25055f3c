import { IvfError } from 'fast-ivf'
import type { VectorBatch, VectorFile } from 'fast-ivf/formats'
import type { Context } from './context.js'

/** Places of the file that a sample comes from. */
const BLOCKS = 256

/** Which rows to train on. */
export interface SampleOptions {
  rows: number
  seed: number
  /** Of the beginning of the file only, for files that are slow to read elsewhere. */
  first: boolean
}

/**
 * So many rows of a file, in memory: rows beside each other from a random place in each of its equal parts, so that
 * files in some order are seen whole, and few reads are needed.
 */
export async function readSample(
  file: VectorFile,
  { rows, seed, first }: SampleOptions,
  { signal, progress }: Context,
): Promise<VectorBatch> {
  const { count, dim } = file
  const wanted = Math.min(rows, count)
  const data = floats(wanted * dim)
  let done = 0
  for (const { from, to } of first ? [{ from: 0, to: wanted }] : placesOf(count, wanted, seed)) {
    for await (const batch of file.batches({ from, to })) {
      signal.throwIfAborted()
      data.set(batch.data, done * dim)
      done += batch.dims[0]
      progress.update({ phase: 'read the sample', done, total: wanted })
    }
  }
  return { data, dims: [wanted, dim] }
}

/** Rows from … to, `rows` in all, one place in each of some equal parts of `count`. */
export function placesOf(count: number, rows: number, seed: number): { from: number; to: number }[] {
  if (rows >= count) return [{ from: 0, to: count }]
  const random = uniform(seed)
  const parts = Math.min(BLOCKS, rows)
  return Array.from({ length: parts }, (_, i) => {
    const [begin, end] = [Math.floor((i * count) / parts), Math.floor(((i + 1) * count) / parts)]
    const size = Math.floor(((i + 1) * rows) / parts) - Math.floor((i * rows) / parts)
    const from = begin + Math.floor(random() * (end - begin - size + 1))
    return { from, to: from + size }
  })
}

/** mulberry32: numbers from 0 to 1, the same for the same seed. */
export function uniform(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function floats(length: number): Float32Array {
  try {
    return new Float32Array(length)
  } catch (cause) {
    throw new IvfError('ERR_MEMORY', `the sample needs an array of ${length} numbers; give a smaller --sample`, {
      cause,
    })
  }
}
