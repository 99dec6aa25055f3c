import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { records } from '../../src/generated/kernels.js'
import { expectSame, type Machine, machines, numbers, wholes } from './machine.js'
import { putMask, putSpilled, randomMask } from './mask.js'
import { type Near, nearest, panelsOf, rowOf, sorted, squaredDistance } from './reference.js'

const [EXACT, KNOWN] = [1, 4]
/** Slots of a cell. */
const LARGEST = 40
const dims = fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 1, max: 40 }) }, fc.integer({ min: 41, max: 1025 }))
const any = fc.record({
  dim: dims,
  seed: fc.integer({ min: 1, max: 1e6 }),
  nq: fc.integer({ min: 1, max: 20 }),
  k: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 300 })),
  sizes: fc.array(fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 5 }), {
    minLength: 1,
    maxLength: 3,
  }),
  group: fc.constantFrom(2, 4),
  lanes: fc.integer({ min: 1, max: 3 }),
  most: fc.constantFrom(1, 5),
  /** Of a strip, in rows × 16 products. */
  strip: fc.constantFrom(1, 2, 100),
  squared: fc.boolean(),
  masked: fc.boolean(),
  spilled: fc.boolean(),
})
type Case = typeof any extends fc.Arbitrary<infer T> ? T : never

describe.each(machines)('$level kernels', (m) => {
  test('clearHeaps empties heaps', () => {
    m.reset()
    const heaps = m.room(2 * 3 * 5)
    m.run('clearHeaps', m.record('Heaps', { heaps, k: 5 }), 3)
    const empty = [...new Array(5).fill(Infinity), ...new Float32Array(new Uint32Array(5).fill(0xffffffff).buffer)]
    expect([...m.floats(heaps, 30)]).toEqual([...empty, ...empty, ...empty])
  })

  test('scanPanels and finishQueries find the k nearest in the cells visited, on any lanes and strips', () => {
    fc.assert(
      fc.property(any, (c) => scanAndFinish(m, c)),
      { numRuns: 150 },
    )
    for (let dim = 1; dim <= 40; dim++) {
      scanAndFinish(m, {
        dim,
        seed: dim,
        nq: 1 + (dim % 5),
        k: 7,
        sizes: [[dim, 3, 30], [17]],
        group: dim % 2 ? 2 : 4,
        lanes: 2,
        most: 5,
        strip: 1,
        squared: dim % 3 === 0,
        masked: dim % 4 === 0,
        spilled: dim % 5 === 0,
      })
    }
  })

  test('without spans, slots are the answers', () => {
    fc.assert(
      fc.property(any, (c) => scanAndFinish(m, { ...c, sizes: c.sizes.slice(0, 1), squared: false }, true)),
      { numRuns: 30 },
    )
  })
})

interface Stored {
  slot: number
  count: number
  starts: number[]
  table: { rows: Float32Array; dim: number }
  bias: Float32Array
  ids: number[]
  panels: number
  biasAt: number
  mask: number
  /** Of what is spilled. */
  owns: number
}

/** Cells of every size begin at any slot; a query visits some of the cells of each store. */
function scanAndFinish(
  m: Machine,
  { dim, seed, nq, k, sizes, group, lanes, most, strip, squared, masked, spilled }: Case,
  raw = false,
): void {
  m.reset()
  const random = numbers(seed)
  const queries = { rows: wholes(nq * dim, seed, most), dim }
  const stores = storesOf(m, sizes, { dim, seed, most, squared, masked })
  const count = stores.reduce((sum, store) => sum + store.count, 0)
  const elsewhere = spilled ? putSpilled(m, count, nq, random) : undefined
  for (const store of stores) if (elsewhere) store.owns = elsewhere.owns + store.slot * 4
  const [visits, seen] = visitsOf(m, stores, nq, random)
  const heapStride = nq * k * 8
  const heaps = m.room(2 * nq * k * lanes)
  m.run('clearHeaps', m.record('Heaps', { heaps, k }), nq * lanes)
  const packed = Math.ceil(nq / 4) * 4 * dim * 4
  const products = Math.ceil(nq / 4) * 4 * 16 * strip
  const scratched = packed + products * 4
  const scratchStride = scratched + 4 * LARGEST
  const at = m.put(queries.rows)
  const record = m.sparse('Scan', {
    ...{ visits: m.putInts(visits.flat()), tables: at, tableSize: dim * 4, dim, group, nfactors: 1, k },
    ...{ heaps, heapStride, scratch: m.room((scratchStride / 4) * lanes), scratchStride, products, packed },
    masked: scratched,
    ...elsewhere?.visited,
  })
  // In any order: of equals, the one seen first is not always the one that stays.
  const order = visits.map((_, item) => ({ item, turn: random() })).sort((a, b) => a.turn - b.turn)
  for (const { item } of order) m.exports.scanPanels(record, item, item + 1, random() % lanes)
  const spans = m.putInts(stores.flatMap(({ slot, panels, ids }) => [slot, panels, m.putInts(ids), 0]))
  const finish = m.sparse('Finish', {
    ...{ heaps, heapStride, lanes, k, want: k, counts: m.room(nq), mode: squared ? EXACT : KNOWN },
    ...{ spans, nspans: raw ? 0 : stores.length, queries: at, vectorDim: dim, squared: +squared },
  })
  m.run('finishQueries', finish, nq)

  for (let q = 0; q < nq; q++) {
    const query = rowOf(queries, q)
    const near = (seen[q] as [Stored, number][]).flatMap(([{ table, bias, starts, slot }, cell]) => {
      // What a query meets elsewhere is as if infinitely far.
      const own = bias.map((value, i) =>
        elsewhere && i < starts.at(-1)! && elsewhere.met(q, slot + i) ? Infinity : value,
      )
      return nearest(query, table, own, k, starts[cell] as number, starts[cell + 1] as number).map((one) => ({
        ...one,
        slot: one.slot + slot,
      }))
    })
    const best = sorted(near).slice(0, k)
    const expected = raw ? best : sorted(best.map((one) => answer(one, stores, query, squared)))
    const heap = heaps + q * k * 8
    const none = k - expected.length
    expectSame(m.floats(heap, k), [...expected.map(({ distance }) => distance), ...new Array(none).fill(Infinity)])
    expectSame(m.ints(heap + k * 4, k), [...expected.map(({ slot }) => slot), ...new Array(none).fill(0xffffffff)])
  }
}

function answer({ distance, slot }: Near, stores: Stored[], query: Float32Array, squared: boolean): Near {
  const {
    ids,
    table,
    slot: first,
  } = stores.find((store) => slot >= store.slot && slot < store.slot + store.count) as Stored
  return {
    distance: squared ? squaredDistance(rowOf(table, slot - first), query) : distance,
    slot: ids[slot - first] as number,
  }
}

function storesOf(
  m: Machine,
  sizes: number[][],
  { dim, seed, most, squared, masked }: Pick<Case, 'dim' | 'seed' | 'most' | 'squared' | 'masked'>,
): Stored[] {
  const random = numbers(seed + 1)
  let slot = 0
  return sizes.map((cells, s) => {
    const starts = [0]
    for (const size of cells) starts.push((starts.at(-1) as number) + size)
    const count = starts.at(-1) as number
    const table = { rows: wholes(count * dim, seed + 2 + s, most), dim }
    const npanels = Math.ceil(count / 16) * 2 + 2
    const bias = new Float32Array(npanels * 8).fill(Infinity)
    for (let i = 0; i < count; i++) {
      const norm = rowOf(table, i).reduce((sum, x) => sum + x * x, 0) / 2
      bias[i] = random() % 11 === 0 ? Infinity : squared ? norm : 0
    }
    const mask = randomMask(count, random)
    const ids = Array.from({ length: count }, (_, i) => 1000 * s + count - i)
    const store = {
      slot,
      count,
      starts,
      table,
      bias,
      ids,
      panels: m.put(panelsOf(table, npanels)),
      biasAt: m.put(bias),
      mask: masked ? putMask(m, mask) : 0,
      owns: 0,
    }
    // Slots that may not be answers are as if infinitely far.
    if (masked) mask.forEach((set, i) => !set && bias.fill(Infinity, i, i + 1))
    slot += count
    return store
  })
}

/** Visit records, and the (store, cell) pairs that each query visits. */
function visitsOf(m: Machine, stores: Stored[], nq: number, random: () => number): [number[][], [Stored, number][][]] {
  const seen: [Stored, number][][] = Array.from({ length: nq }, () => [])
  const visits: number[][] = []
  for (const store of stores) {
    store.starts.slice(0, -1).forEach((from, cell) => {
      const to = store.starts[cell + 1] as number
      const visitors = Array.from({ length: nq }, (_, q) => q).filter(() => random() % 3 > 0)
      if (from === to || visitors.length === 0) return
      for (const q of visitors) seen[q]?.push([store, cell])
      const visit = {
        ...{ codes: store.panels, factors: store.biasAt, stride: store.bias.length, originals: 0, slot: store.slot },
        mask: store.mask,
        owns: store.owns,
        ...{ from, to, queries: m.putInts(visitors), near: 0, apart: 0, count: visitors.length },
      }
      visits.push(Object.keys(records.Visit).map((field) => visit[field as keyof typeof visit] ?? 0))
    })
  }
  return [visits, seen]
}
