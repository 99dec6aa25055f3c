import { type Machine, numbers, wholes } from './machine.js'
import { FORMS, rowBytesOf } from './originals.js'
import { type Near, panelsOf, rowOf, sorted, type Table } from './reference.js'

export interface FinishCase {
  dim: number
  seed: number
  nq: number
  k: number
  /** Slots of each segment. */
  sizes: number[]
  lanes: number
  kept: number
  squared: boolean
  noise: number
  /** Slots are of what is spilled: originals and ids lie elsewhere. */
  spilled?: boolean
}

/** Heaps of several lanes, and the segments that their slots are of. */
export interface Task {
  k: number
  nq: number
  squared: boolean
  queries: Table
  norms: Float32Array
  /** All slots, one segment after the other. */
  table: Table
  ids: number[]
  /** lanes × nq × what the heap holds. */
  lanes: Near[][][]
  /** Puts all of it into memory. */
  place(lanes: Near[][][]): { heaps: number; record: Places }
}

interface Places {
  heaps: number
  heapStride: number
  lanes: number
  k: number
  spans: number
  nspans: number
  kept: number
  queries: number
  vectorDim: number
  norms: number
}

/** Each query's heaps hold estimates of some slots; a lane holds at most k. */
export function taskOf(
  m: Machine,
  { dim, seed, nq, k, sizes, lanes, kept, squared, noise, spilled = false }: FinishCase,
): Task {
  const random = numbers(seed)
  const count = sizes.reduce((sum, size) => sum + size, 0)
  const table = { rows: wholes(count * dim, seed + 1, 127), dim }
  // Kept as signed bytes, rows come back as they are when the largest is 127.
  for (let slot = 0; slot < count; slot++) table.rows[slot * dim + (random() % dim)] = 127
  const queries = { rows: wholes(nq * dim, seed + 2, 3), dim }
  const norms = Float32Array.from({ length: nq }, (_, q) => product(rowOf(queries, q), rowOf(queries, q)))
  const ids = Array.from({ length: count }, (_, slot) => 5 * count - 3 * slot)
  const held: Near[][][] = Array.from({ length: lanes }, () => Array.from({ length: nq }, () => []))
  for (let q = 0; q < nq; q++) {
    const share = random() % 4
    for (let slot = 0; slot < count; slot++) {
      if (random() % 3 >= share) continue
      const x = rowOf(table, slot)
      const error = noise ? ((random() % (2 * noise)) - noise) / 16 : 0
      const distance = Math.fround((squared ? product(x, x) / 2 : 0) - product(x, rowOf(queries, q)) + error)
      const lane = random() % lanes
      held[lane]?.[q]?.push({ distance, slot })
    }
  }
  return {
    ...{ k, nq, squared, queries, norms, table, ids },
    lanes: held.map((lane) => lane.map((heap) => sorted(heap).slice(0, k))),
    place(own) {
      m.reset()
      const heaps = m.room(own.length * nq * k * 2)
      own.flat().forEach((near, i) => putHeap(m, heaps + i * k * 8, near, k))
      const record = {
        ...{ heaps, heapStride: nq * k * 8, lanes: own.length, k, kept, vectorDim: dim },
        ...{ spans: putSpans(m, table, sizes, ids, kept, spilled), nspans: sizes.length },
        ...{ queries: m.put(queries.rows), norms: m.put(norms) },
      }
      return { heaps, record }
    },
  }
}

export interface FinishSettings {
  mode: number | undefined
  samples?: number
  clip?: number
  /** Default k. */
  want?: number
}

/** What becomes of each query's heap. */
export function finishOnce(
  m: Machine,
  task: Task,
  { mode = 0, samples = 0, clip = 0, want = task.k }: FinishSettings,
): { distances: number[]; slots: number[]; count: number }[] {
  const { k, nq, squared } = task
  const { heaps, record } = task.place(task.lanes)
  const own = { want, counts: m.room(nq) }
  m.run('finishQueries', m.record('Finish', { ...record, ...own, mode, samples, clip, squared: +squared }), nq)
  return Array.from({ length: nq }, (_, q) => ({
    distances: [...m.floats(heaps + q * k * 8, k)],
    slots: [...m.ints(heaps + q * k * 8 + k * 4, k)],
    count: m.ints(own.counts + q * 4, 1)[0] as number,
  }))
}

/** Farthest first is a heap. */
export function putHeap(m: Machine, at: number, near: Near[], k: number): void {
  const distances = new Float32Array(m.memory.buffer, at, k).fill(Infinity)
  const slots = new Uint32Array(m.memory.buffer, at + k * 4, k).fill(0xffffffff)
  sorted(near).forEach(({ distance, slot }, i) => {
    distances[k - 1 - i] = distance
    slots[k - 1 - i] = slot
  })
}

function putSpans(m: Machine, table: Table, sizes: number[], ids: number[], kept: number, spilled: boolean): number {
  const { dim } = table
  let slot = 0
  const spans = sizes.map((size) => {
    const slots = Array.from({ length: size }, (_, i) => slot + (spilled ? size - 1 - i : i))
    const rows = Float32Array.from(slots.flatMap((own) => [...rowOf(table, own)]))
    const homes = spilled ? m.putInts(slots.map((own) => own - slot)) : 0
    const named = m.putInts(slots.map((own) => ids[own] as number))
    const span = [slot, putOriginals(m, { rows, dim }, kept), named, homes]
    slot += size
    return span
  })
  return m.putInts(spans.flat())
}

/** The rows in one of the forms. */
export function putOriginals(m: Machine, table: Table, kept: number): number {
  const { rows, dim } = table
  const count = rows.length / dim
  const name = (Object.keys(FORMS) as (keyof typeof FORMS)[]).find((form) => FORMS[form] === kept)
  if (!name) return m.put(panelsOf(table, Math.ceil(count / 8)))
  const to = m.room((count * rowBytesOf(name, dim)) / 4)
  const record = m.record('Keep', { rows: m.put(rows), dim, count, block: 64, first: 0, kept, to, bad: m.room(16) })
  m.run('keepRows', record, Math.ceil(count / 64))
  return to
}

function product(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] as number), 0)
}
