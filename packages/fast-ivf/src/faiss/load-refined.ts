import { loadRows } from '../engine/load.js'
import { toMatrix } from '../engine/vectors.js'
import type { Model } from '../ivf/model.js'
import { keepRows, type Originals } from '../ivf/originals.js'
import { AS_THEY_ARE, pick } from '../ivf/pick.js'
import type { LongCallOptions } from '../options.js'
import { decodeProduct, decodeScalar } from './codes.js'
import type { FaissRefined } from './take-apart.js'

const CHUNK = 8 << 20

/** Writes the rows that refine into the slots of their vectors. @throws IvfError ERR_NOT_FINITE; the signal's reason */
export async function keepRefined(
  { engine, dim }: Pick<Model, 'engine' | 'dim'>,
  originals: Originals,
  rows: FaissRefined['rows'],
  /** The slot of each row. */
  slots: Uint32Array,
  { signal, onProgress, name }: LongCallOptions & { name: string },
): Promise<void> {
  const count = slots.length
  const most = Math.min(count, Math.max(1, Math.floor(CHUNK / (dim * 4))))
  await engine.frame(async (scratch) => {
    const at = scratch.alloc(most * dim * 4)
    const kept = { ...originals, rows: scratch.alloc(most * originals.rowBytes) }
    for (let from = 0; from < count; from += most) {
      signal?.throwIfAborted()
      const to = Math.min(from + most, count)
      const vectors = toMatrix(await decoded(rows, from, to), dim, 'vectors')
      const origin = (row: number): number => from + row
      await loadRows(engine, { ...vectors, origin }, 0, to - from, at, { name, normalize: false, signal })
      await keepRows(engine, kept, at, 0, to - from, dim, { name, origin, signal })
      const [own, places] = [Uint32Array.from({ length: to - from }, (_, i) => i), slots.subarray(from, to)]
      const moved = { kept: AS_THEY_ARE, from: kept.rows, dim: kept.rowBytes / 4, slots: own, places }
      await pick(scratch, { ...moved, rows: originals.rows }, { signal })
      onProgress?.({ phase: 'open', done: to * originals.rowBytes, total: count * originals.rowBytes })
    }
  })
}

async function decoded(rows: FaissRefined['rows'], from: number, to: number): Promise<Float32Array> {
  if (rows.kind === 'flat') return rows.vectors.read(from, to)
  const codes = await rows.codes.read(from, to)
  return rows.kind === 'pq' ? decodeProduct(rows.pq, codes, to - from) : decodeScalar(rows.sq, codes, to - from)
}
