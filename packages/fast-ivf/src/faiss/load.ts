import type { Engine } from '../engine/engine.js'
import { loadRows } from '../engine/load.js'
import { toMatrix } from '../engine/vectors.js'
import { IvfError } from '../errors.js'
import type { Contents } from '../ivf/contents.js'
import { IdTable } from '../ivf/ids.js'
import { createModel } from '../ivf/make-model.js'
import type { Model } from '../ivf/model.js'
import { newSegment, type Segment } from '../ivf/segment.js'
import type { LongCallOptions } from '../options.js'
import { given } from '../projections/given.js'
import { renamed, type SlotIds, slotIds, slotsOf } from './core-ids.js'
import { keepRefined } from './load-refined.js'
import { piecesOf } from './pieces.js'
import type { ImportPlan } from './plan.js'

/** Vectors that are stored at a time, in bytes. */
const CHUNK = 8 << 20

/** Reads all that the planned index holds. @throws IvfError ERR_FORMAT, ERR_ID, ERR_NOT_FINITE, ERR_MEMORY; the signal's reason */
export async function loadFaiss(
  engine: Engine,
  plan: ImportPlan,
  bigint: boolean,
  options: LongCallOptions,
): Promise<Contents> {
  const { metric, dim, projection, keep, codes, parts } = plan
  const { ntotal } = parts.core
  const model = await createModel(
    engine,
    {
      ...{ metric, dim, quantizer: codes.plan, keep, seed: 1 },
      ...(projection && { projection: { plan: given(projection), beforeCells: true } }),
    },
    plan.centroids,
    undefined,
    options,
    projection,
  )
  try {
    if (ntotal === 0) return { model, segments: [], ids: new IdTable('rows'), rows: 0, size: 0 }
    let named: SlotIds | undefined
    const segment = await newSegment(model, startsOf(plan), async (own) => {
      named = await fill(model, plan, own, bigint, options)
    })
    if (!named) throw new Error('a segment was made of nothing')
    return { model, segments: [segment], ids: named.table, rows: ntotal, size: ntotal }
  } catch (error) {
    model.held.release()
    throw error
  }
}

async function fill(
  model: Model,
  plan: ImportPlan,
  segment: Segment,
  bigint: boolean,
  options: LongCallOptions,
): Promise<SlotIds> {
  const { engine } = model
  const { parts, name } = plan
  let ids = await storeCodes(model, plan, segment, options)
  for (const map of parts.innerMaps) ids = await renamed(ids, map, name)
  if (segment.originals && parts.refine) {
    await keepRefined(model, segment.originals, parts.refine.rows, slotsOf(ids, name), { ...options, name })
  }
  for (const map of parts.outerMaps) ids = await renamed(ids, map, name)
  const named = slotIds(ids, bigint, name)
  engine.ints(segment.rows, segment.count).set(named.rows)
  return named
}

/** Stores all codes, cell by cell; returns the core's id of each slot. */
async function storeCodes(
  { engine, quantizer, metric, width }: Model,
  { codes, parts: { core }, centroids, name }: ImportPlan,
  segment: Segment,
  { signal, onProgress }: LongCallOptions,
): Promise<BigInt64Array> {
  const { codeSize } = quantizer
  const { count } = segment
  const ids = new BigInt64Array(count)
  const room = Math.min(count, Math.max(1, Math.floor(CHUNK / codeSize)))
  await engine.frame(async (scratch) => {
    const at = scratch.alloc(room * codeSize)
    // Cells follow each other without gaps, so that many small ones are written at once.
    const buffer = new Uint8Array(room * codeSize)
    let [first, filled] = [0, 0]
    const flush = async (): Promise<void> => {
      signal?.throwIfAborted()
      const bytes = buffer.subarray(0, filled * codeSize)
      if (codes.kind === 'codes') {
        checkFactors(bytes, codeSize, core.kind === 'ivf-rabitq' ? 2 : 1, first, name)
        new Uint8Array(engine.memory.buffer, at, bytes.length).set(bytes)
      } else {
        const vectors = toMatrix(new Float32Array(bytes.buffer, 0, filled * width), width, 'vectors')
        const base = first
        const named = { ...vectors, origin: (row: number) => base + row }
        await loadRows(engine, named, 0, filled, at, { name, normalize: metric === 'cosine', signal })
      }
      await quantizer.write(segment.codes, at, first, filled, { signal })
      first += filled
      filled = 0
      onProgress?.({ phase: 'open', done: first * codeSize, total: count * codeSize })
    }
    for await (const piece of piecesOf(core)) {
      const centroid =
        piece.cell === undefined ? undefined : centroids.subarray(piece.cell * width, (piece.cell + 1) * width)
      ids.set(piece.ids, first + filled)
      const perCode = piece.codes.length / piece.ids.length
      for (let from = 0; from < piece.ids.length; ) {
        const some = Math.min(piece.ids.length - from, room - filled)
        const rows = codes.rows(piece.codes.subarray(from * perCode, (from + some) * perCode), some, centroid)
        buffer.set(new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength), filled * codeSize)
        filled += some
        from += some
        if (filled === room) await flush()
      }
    }
    if (filled > 0) await flush()
  })
  return ids
}

/** Slots from which the cells begin, and the end. */
function startsOf({ parts: { core }, nlist }: ImportPlan): Uint32Array {
  const starts = new Uint32Array(nlist + 1)
  for (let cell = 0; cell < nlist; cell++) {
    starts[cell + 1] = (starts[cell] as number) + ('lists' in core ? (core.lists.sizes[cell] as number) : core.ntotal)
  }
  return starts
}

/** A sum that is not finite would be a distance from everything. @throws IvfError ERR_NOT_FINITE */
function checkFactors(rows: Uint8Array, codeSize: number, nfactors: number, first: number, name: string): void {
  const view = new DataView(rows.buffer, rows.byteOffset, rows.byteLength)
  for (let at = codeSize; at <= rows.length; at += codeSize) {
    for (let i = 1; i <= nfactors; i++) {
      if (Number.isFinite(view.getFloat32(at - 4 * i, true))) continue
      const slot = first + at / codeSize - 1
      throw new IvfError(
        'ERR_NOT_FINITE',
        `code ${slot} of ${name} stands for numbers too large for 32-bit floats; scale the vectors down before faiss encodes them`,
      )
    }
  }
}
