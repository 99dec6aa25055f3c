import { rowsByCell } from '../clustering/group.js'
import { products as multiply } from '../clustering/nearest.js'
import type { Scratch } from '../engine/engine.js'
import type { LongCallOptions } from '../options.js'
import { type Model, squaredNorms } from './model.js'
import type { Segment } from './segment.js'
import { withSpill } from './with-spill.js'

/**
 * The address of the vectors of these slots, as cells are found by (then they may be written over) or as they are
 * encoded; valid until it is called again, or the scratch goes.
 */
export type ReadSlots = (scratch: Scratch, slots: Uint32Array, as: 'celled' | 'coded') => Promise<number>

/** How much a second cell that errs as the first one does is avoided; 0: it is the second nearest. */
const LAMBDA = 1.5
/** A vector nearer to its centroid than this share of the centroid's squared length has no direction from there. */
const TINY = 1e-12
const NONE = 0xffffffff
/** Products with all centroids at a time. */
const PRODUCTS_BYTES = 16 << 20
/** Centroids that are looked at between two looks at the clock. */
const PIECE = 1 << 16

/**
 * The segment, just made, with each vector x of cell c in a second cell, too: that of the c' with the least
 * ‖x − c'‖² + λ ⟨x − c', r / ‖r‖⟩², r = x − c. So where c is a bad guide to x, c' is likely to be a good one (P. Sun et
 * al., "SOAR: Improved Indexing for Approximate Nearest Neighbor Search", NeurIPS 2023). All cells are looked at: among
 * those around c only, the large ones are taken too often. On failure nothing is left of the segment.
 */
export async function spilled(
  model: Model,
  segment: Segment,
  most: number,
  read: ReadSlots,
  options: LongCallOptions,
): Promise<Segment> {
  const { engine, quantizer, nlist } = model
  const run = { signal: options.signal, aside: true }
  const cells = await secondCells(model, segment, most, read, options).catch((error: unknown) => {
    segment.held.release()
    throw error
  })
  const homes = Uint32Array.from(cells.keys()).filter((slot) => cells[slot] !== NONE)
  const { starts, rows } = rowsByCell(
    homes.map((slot) => cells[slot] as number),
    nlist,
  )
  const order = rows.map((i) => homes[i] as number)
  return withSpill(model, segment, starts, order, async (codes) => {
    for (let from = 0; from < order.length; from += most) {
      const slots = order.subarray(from, from + most)
      await engine.frame(async (scratch) => {
        const coded = await read(scratch, slots, 'coded')
        const labels = scratch.alloc(slots.byteLength)
        engine.ints(labels, slots.length).set(slots.map((slot) => cells[slot] as number))
        const codeRows = await quantizer.encode(scratch, { rows: coded, cells: labels, count: slots.length }, run)
        await quantizer.write(codes, codeRows, from, slots.length, run)
      })
    }
  })
}

/** The second cell of each slot; NONE where the vector is at its centroid. */
async function secondCells(
  model: Model,
  { starts, count }: Segment,
  most: number,
  read: ReadSlots,
  { signal, onProgress }: LongCallOptions,
): Promise<Uint32Array> {
  const { engine, nlist, rows: centroids, projection } = model
  const dim = centroids.length / nlist
  // Those of the model are of centroids as codes see them.
  const norms = projection && !projection.beforeCells ? squaredNorms(centroids, dim) : model.norms
  const seconds = new Uint32Array(count).fill(NONE)
  const run = { signal, aside: true }
  const pace = engine.pace(signal)
  const piece = Math.ceil(PIECE / nlist)
  const step = Math.max(1, Math.min(most, Math.floor(PRODUCTS_BYTES / (nlist * 4))))
  for (let from = 0; from < count; from += step) {
    const slots = Uint32Array.from({ length: Math.min(step, count - from) }, (_, i) => from + i)
    const parts = partsBetween(starts, from, from + slots.length)
    await engine.frame(async (scratch) => {
      const rows = await read(scratch, slots, 'celled')
      const [own, apart, products] = [dim, nlist, nlist].map((width, i) =>
        scratch.alloc((i === 2 ? slots.length : parts.length) * width * 4),
      ) as [number, number, number]
      const lengths = new Float64Array(slots.length)
      for (const [j, { cell, first, end }] of parts.entries()) {
        const centroid = centroids.subarray(cell * dim, (cell + 1) * dim)
        engine.floats(own + j * dim * 4, dim).set(centroid)
        for (let slot = first; slot < end; slot++) {
          const i = slot - from
          lengths[i] = subtract(engine.floats(rows + i * dim * 4, dim), centroid, norms[cell] as number)
          if (i % piece === 0) await pace()
        }
      }
      await multiply(engine, model.centroids, { rows: own, count: parts.length }, nlist, apart, run)
      await multiply(engine, model.centroids, { rows, count: slots.length }, nlist, products, run)
      for (const [j, { cell, first, end }] of parts.entries()) {
        const distances = distancesFrom(cell, engine.floats(apart + j * nlist * 4, nlist), norms)
        for (let slot = first; slot < end; slot++) {
          const i = slot - from
          const found = engine.floats(products + i * nlist * 4, nlist)
          seconds[slot] = best(distances, found, cell, lengths[i] as number)
          if (i % piece === 0) await pace()
        }
      }
    })
    onProgress?.({ phase: 'spill', done: from + slots.length, total: count })
  }
  return seconds
}

/** The cells that have some of the slots from … to, and which. */
function partsBetween(starts: Uint32Array, from: number, to: number): { cell: number; first: number; end: number }[] {
  const parts: { cell: number; first: number; end: number }[] = []
  for (let cell = 0; cell + 1 < starts.length; cell++) {
    const [first, end] = [Math.max(from, starts[cell] as number), Math.min(to, starts[cell + 1] as number)]
    if (first < end) parts.push({ cell, first, end })
  }
  return parts
}

/** The rest of a row without its centroid, in its place; returns its squared length, 0 when it is next to nothing. */
function subtract(row: Float32Array, centroid: Float32Array, norm: number): number {
  let length = 0
  for (let k = 0; k < row.length; k++) {
    const rest = (row[k] as number) - (centroid[k] as number)
    row[k] = rest
    length += rest * rest
  }
  return length > TINY * norm ? length : 0
}

/** Squared distances from a centroid to all, by its products with them; infinite to itself, which is not to be chosen. */
function distancesFrom(cell: number, products: Float32Array, norms: Float32Array): Float64Array {
  const distances = new Float64Array(products.length)
  const own = norms[cell] as number
  for (let other = 0; other < products.length; other++) {
    distances[other] = own + (norms[other] as number) - 2 * (products[other] as number)
  }
  distances[cell] = Number.POSITIVE_INFINITY
  return distances
}

/**
 * The best second cell for what is left of a vector, r. `distances`: ‖d‖² of each cell, d = c' − c; `products`:
 * ⟨r, c'⟩. With p = ⟨r, d⟩ the loss is ‖r‖² − 2p + ‖d‖² + λ (‖r‖ − p / ‖r‖)².
 */
function best(distances: Float64Array, products: Float32Array, own: number, length: number): number {
  if (length === 0) return NONE
  const [base, share] = [products[own] as number, LAMBDA / length]
  let [least, cell] = [Number.POSITIVE_INFINITY, NONE]
  for (let other = 0; other < distances.length; other++) {
    const p = (products[other] as number) - base
    const loss = (distances[other] as number) - 2 * (1 + LAMBDA) * p + share * p * p
    if (loss < least) {
      least = loss
      cell = other
    }
  }
  return cell
}
