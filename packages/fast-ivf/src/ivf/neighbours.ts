import { type Centers, contribute } from '../clustering/centers.js'
import { eachChunk } from '../clustering/each-chunk.js'
import { rowsByCell } from '../clustering/group.js'
import type { LloydSettings } from '../clustering/lloyd.js'
import { assigningAll } from '../clustering/nearest.js'
import type { Engine } from '../engine/engine.js'
import { type Matrix, pick } from '../engine/vectors.js'
import { comparingAll } from './choose.js'
import { Held } from './held.js'
import { inTwoLevels } from './two-level.js'

/** Centroids (count × dim), and which of them each row belongs to. */
export interface Labelled {
  readonly centroids: Float32Array
  readonly labels: Uint32Array
}

/** Centroids around its own that a vector is compared with: its nearest is hardly ever farther off. */
const AROUND = 128
/** They need not be exactly the nearest. */
const SHARE = 1 / 32

/**
 * Lloyd's assignment with centroids that have moved a little: each row goes to the nearest of those around its own.
 * Adds up the members of each, and writes the labels. Returns the mean distance: squared, or 1 − cosine.
 */
export async function reassign(
  engine: Engine,
  sample: Matrix,
  centers: Centers,
  labels: Uint32Array,
  metric: LloydSettings['metric'],
  signal: AbortSignal | undefined,
): Promise<number> {
  const { table, rows: centroids, sums, counts } = centers
  const { count: nlist, dim, bias } = table
  const around = Math.min(nlist, AROUND)
  const neighbours = await neighboursOf(engine, centers, around, metric, signal)
  engine.floats(sums, nlist * dim).fill(0)
  engine.floats(counts, nlist).fill(0)
  // In the order of their cells: what they are compared with stays in the cache.
  const { rows: order } = rowsByCell(labels, nlist)
  let sum = 0
  await eachChunk(
    engine,
    pick(sample, order),
    metric === 'cosine',
    signal,
    async (scratch, { rows, norms, from, count }) => {
      const [cells, out] = [scratch.alloc(count * around * 4), scratch.alloc(count * around * 4)]
      const near = scratch.alloc(count * 4)
      const listed = engine.ints(cells, count * around)
      for (let i = 0; i < count; i++) {
        const own = (labels[order[from + i] as number] as number) * around
        listed.set(neighbours.subarray(own, own + around), i * around)
      }
      const record = scratch.record('CellPairs', { queries: rows, dim, cells, nprobe: around, centroids, bias, out })
      await engine.run({ kernel: 'compareCells', record, count }, { cost: count * around * dim, signal })
      const [found, gaps, candidates] = [
        engine.ints(near, count),
        engine.floats(out, count * around),
        engine.ints(cells, count * around),
      ]
      for (let i = 0; i < count; i++) {
        let best = i * around
        for (let at = best + 1; at < (i + 1) * around; at++)
          if ((gaps[at] as number) < (gaps[best] as number)) best = at
        const cell = candidates[best] as number
        found[i] = cell
        labels[order[from + i] as number] = cell
        sum += gaps[best] as number
      }
      if (metric === 'l2') for (const norm of engine.floats(norms, count)) sum += norm / 2
      await contribute(engine, centers, { rows, labels: near, count }, 1, { signal })
    },
  )
  const mean = sum / sample.rows
  return Math.max(0, metric === 'cosine' ? 1 + mean : 2 * mean)
}

/** nlist × around: the centroids nearest to each, itself among them. */
async function neighboursOf(
  engine: Engine,
  { table, rows }: Centers,
  around: number,
  metric: LloydSettings['metric'],
  signal: AbortSignal | undefined,
): Promise<Uint32Array> {
  const { count, dim } = table
  const held = new Held(engine)
  try {
    const cells = { metric, dim, rows: engine.floats(rows, count * dim).slice(), exact: true }
    const all = { choose: comparingAll(table), assign: assigningAll(engine, table) }
    const { choose } = inTwoLevels(engine, held, cells, all, { share: SHARE })
    return await engine.frame(async (scratch) => {
      const queries = { rows, norms: scratch.zeros(count), nq: count }
      return (await choose(scratch, queries, around, { signal })).cells
    })
  } finally {
    held.release()
  }
}
