import { IvfError } from '../errors.js'
import type { Contents } from '../ivf/contents.js'
import type { LongCallOptions } from '../options.js'
import { describeCore } from './describe-core.js'
import type { FaissFlat, FaissHeader, FaissIndex, FaissRows, FaissTransform } from './description.js'
import { faissId, type StoredOrder, storedOrder } from './stored-order.js'
import { givenVectors, joinVectors } from './stored-vectors.js'

/** How an index is written for faiss. */
export interface ExportPlan extends LongCallOptions {
  readonly nprobe: number
  /** undefined: codes as they are where faiss has them, else 'sq8'. */
  readonly as: 'flat' | 'sq8' | undefined
  /** Vectors that are kept beside their codes refine; undefined: where there are some. */
  readonly refine: boolean | undefined
  readonly rescoreFactor: number
  /** Ids are told elsewhere; the file has the numbers 0, 1, 2, … */
  readonly numbered: boolean
}

/** What faiss is told of an index; rows and lists are read when they are asked for. @throws IvfError ERR_UNSUPPORTED, ERR_ID */
export async function describe(
  contents: Contents,
  plan: ExportPlan,
): Promise<{ index: FaissIndex; order: StoredOrder }> {
  const { dim, metric, keep } = contents.model
  const order = storedOrder(contents)
  if (!plan.numbered) for (let i = 0; i < order.count; i++) faissId(order.idOf(i))
  const { refine = keep !== 'none' && plan.as === undefined } = plan
  if (refine && keep === 'none') {
    throw new IvfError('ERR_ARGUMENT', 'refine is true, and no vectors are kept beside codes here; leave it out')
  }
  // A vector that refines, or one without an id of its own, goes by its position.
  const core = await describeCore(contents, order, { ...plan, numbered: plan.numbered || refine })
  const header = { dim, metric: core.index.metric, ntotal: contents.size, trained: true } as const
  const normalize: FaissTransform[] = metric === 'cosine' ? [{ kind: 'normalize', dimIn: dim, dimOut: dim }] : []
  if (!refine) {
    const index = transformed([...normalize, ...core.transforms], core.index, header)
    return { index: core.numbered && !plan.numbered ? named(index, order) : index, order }
  }
  const refined: FaissFlat = { kind: 'flat', ...header, vectors: keptRows(contents, order, plan) }
  const base = transformed(core.transforms, core.index, header)
  const kFactor = Math.min(1000, plan.rescoreFactor)
  const index = transformed(normalize, { kind: 'refine', ...header, base, refine: refined, kFactor }, header)
  return { index: plan.numbered ? index : named(index, order), order }
}

function transformed(transforms: readonly FaissTransform[], index: FaissIndex, header: FaissHeader): FaissIndex {
  return transforms.length === 0 ? index : { kind: 'pre-transform', ...header, transforms, index }
}

/** The index with the ids, where those are not the numbers it has anyway. */
function named(index: FaissIndex, order: StoredOrder): FaissIndex {
  if (order.plain) return index
  const { dim, metric, ntotal, trained } = index
  const ids: FaissRows<BigInt64Array> = {
    count: ntotal,
    read: async (from, to) => BigInt64Array.from({ length: to - from }, (_, i) => faissId(order.idOf(from + i))),
  }
  return { kind: 'id-map', dim, metric, ntotal, trained, index, ids }
}

/** The vectors that are kept beside the codes, by position. */
function keptRows({ model }: Contents, order: StoredOrder, options: LongCallOptions): FaissRows<Float32Array> {
  const { dim } = model
  return {
    count: order.count,
    async read(from, to) {
      const rows = await joinVectors(order.placesOf(from, to), (to - from) * dim, (part) =>
        givenVectors(model, part, options),
      )
      options.onProgress?.({ phase: 'save', done: to * dim * 4, total: order.count * dim * 4 })
      return rows
    },
  }
}
