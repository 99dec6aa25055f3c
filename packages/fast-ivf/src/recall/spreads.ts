import type { Contents } from '../ivf/contents.js'
import type { Model } from '../ivf/model.js'
import type { Segment } from '../ivf/segment.js'
import { canReadVectors, placeCells, readCodeRows, readVectors } from '../ivf/vectors.js'

/** Vectors of a cell that are looked at, per segment. */
const MOST = 64
/** Vectors read at a time. */
const CHUNK = 8192
/** A cell whose vectors are all one has this part of the mean. */
const LEAST = 1e-3

/** Mean squared distance of vectors from the centroid of their cell, there where queries are compared with it: nlist. */
export async function measureSpreads(
  { model, segments }: Contents,
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const { nlist } = model
  const [sums, counts] = [new Float64Array(nlist), new Float64Array(nlist)]
  const centroids = centroidsOf(model)
  if (centroids) for (const segment of segments) await add(model, segment, centroids, sums, counts, signal)
  const all = counts.reduce((sum, count) => sum + count, 0)
  const mean = sums.reduce((sum, one) => sum + one, 0) / Math.max(1, all) || 1
  return Float32Array.from(sums, (sum, cell) => {
    const count = counts[cell] as number
    return count === 0 ? mean : Math.max(LEAST * mean, sum / count)
  })
}

interface Centroids {
  /** nlist × width */
  rows: Float32Array
  width: number
  /** Of what codes stand for; else of the vectors themselves. */
  coded: boolean
}

/** The centroids that queries are compared with; undefined where the vectors cannot be had as those are. */
function centroidsOf(model: Model): Centroids | undefined {
  const { engine, rows, nlist, projection, width, dim } = model
  if (!projection) return { rows, width: dim, coded: false }
  if (projection.beforeCells) return { rows, width, coded: true }
  if (projection.centroids)
    return { rows: engine.floats(projection.centroids, nlist * width).slice(), width, coded: true }
  return canReadVectors(model) ? { rows, width: dim, coded: false } : undefined
}

async function add(
  model: Model,
  segment: Segment,
  { rows, width, coded }: Centroids,
  sums: Float64Array,
  counts: Float64Array,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { engine, quantizer, nlist } = model
  const slots = someOfEach(segment, nlist)
  const pace = engine.pace(signal)
  for (let from = 0; from < slots.length; from += CHUNK) {
    const part = slots.subarray(from, from + CHUNK)
    await engine.frame(async (scratch) => {
      const cells = placeCells(scratch, segment, part)
      const at = coded
        ? await quantizer.decode(
            scratch,
            await readCodeRows(scratch, model, segment, part, { signal }),
            cells,
            part.length,
            { signal },
          )
        : await readVectors(scratch, model, segment, part, { signal })
      const [vectors, labels] = [engine.floats(at, part.length * width), engine.ints(cells, part.length)]
      for (let i = 0; i < part.length; i++) {
        const cell = labels[i] as number
        let squared = 0
        for (let j = 0; j < width; j++) {
          squared += ((vectors[i * width + j] as number) - (rows[cell * width + j] as number)) ** 2
        }
        sums[cell] = (sums[cell] as number) + squared
        counts[cell] = (counts[cell] as number) + 1
      }
    })
    await pace()
  }
}

/** The first slots of each cell, ascending. */
function someOfEach({ starts }: Segment, nlist: number): Uint32Array {
  const slots: number[] = []
  for (let cell = 0; cell < nlist; cell++) {
    const [from, to] = [starts[cell] as number, starts[cell + 1] as number]
    for (let slot = from; slot < Math.min(to, from + MOST); slot++) slots.push(slot)
  }
  return Uint32Array.from(slots)
}
