import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import type { Engine } from '../../src/engine/engine.js'
import { type Id, IvfIndex, type IvfIndexOptions, type Metric } from '../../src/index.js'
import { Held } from '../../src/ivf/held.js'
import { mixture } from '../mixture.js'
import { refusal } from '../refusal.js'
import { differenceOf, expectNearest, inEngine, storedAs } from './plain.js'

const [DIM, COUNT, NLIST] = [6, 40, 4]
const pool = mixture(97, DIM, 31, 8)
pool.fill(0, 5 * DIM, 6 * DIM)
pool.copyWithin(7 * DIM, 8 * DIM, 9 * DIM)
const queries = mixture(3, DIM, 32, 8)
const queryOf = (q: number): Float32Array => queries.subarray(q * DIM, (q + 1) * DIM)
const vectorOf = (i: number): Float32Array => pool.subarray((i % 97) * DIM, ((i % 97) + 1) * DIM)

/** Each index compares all that it holds exactly; but for ids of rows, of which there are no upserts. */
interface Make {
  spec: string
  metric: Metric
  ids: 'rows' | 'number' | 'string' | 'bigint'
  options?: IvfIndexOptions<Id>
  search?: { epsilon?: number; rescoreFactor?: number }
}
const MAKES: Make[] = [
  { spec: `IVF${NLIST},Flat`, metric: 'l2', ids: 'number', options: { compactAt: 0 } },
  { spec: `IVF${NLIST},Flat`, metric: 'cosine', ids: 'rows', options: { compactAt: 1 } },
  { spec: 'Flat', metric: 'ip', ids: 'string' },
  { spec: `IVF${NLIST},SQ4`, metric: 'l2', ids: 'bigint', search: { epsilon: 100 } },
  { spec: `IVF${NLIST},SQ4`, metric: 'cosine', ids: 'string', options: { compactAt: 1 }, search: { epsilon: 100 } },
  { spec: `IVF${NLIST},SQ1`, metric: 'ip', ids: 'rows', search: { epsilon: 100 } },
  { spec: `IVF${NLIST},PQ3x4`, metric: 'l2', ids: 'number', search: { rescoreFactor: 100 } },
  { spec: `IVF${NLIST}s,Flat`, metric: 'l2', ids: 'number', options: { compactAt: 0 } },
  { spec: `IVF${NLIST}s,SQ4`, metric: 'cosine', ids: 'string', options: { compactAt: 1 }, search: { epsilon: 100 } },
  { spec: `IVF${NLIST}s,PQ3x4`, metric: 'ip', ids: 'rows', search: { rescoreFactor: 100 } },
  { spec: `PCA4,IVF${NLIST},SQ8`, metric: 'cosine', ids: 'bigint', search: { rescoreFactor: 100 } },
  { spec: `IVF${NLIST},PCA4,Flat`, metric: 'l2', ids: 'string', search: { rescoreFactor: 100 } },
]

const numbers = fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 14 })
const command = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('add'), ids: numbers, first: fc.nat(96) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('upsert'), ids: numbers, first: fc.nat(96) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('remove'), ids: numbers }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('compact') }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('get'), ids: numbers }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('search'), k: fc.constantFrom(1, 5, 100) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('filter'), ids: numbers, k: fc.constantFrom(1, 5, 100) }) },
)
interface Command {
  kind: string
  ids?: number[]
  first?: number
  k?: number
}

test.each(MAKES)(
  '$spec by $metric, ids $ids: it holds what a map would hold, and no memory of what is gone',
  async (make) => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 24 }), async (commands) => {
        const { index, engine } = await makeIndex(make)
        const empty = engine.bytes
        const stored = new Map<Id, Float32Array>()
        const rows = { next: 0 }
        const first = make.ids === 'rows' ? {} : { ids: Array.from({ length: COUNT }, (_, i) => idOf(make, 2 * i)) }
        await index.add(pool.subarray(0, COUNT * DIM), first)
        for (let i = 0; i < COUNT; i++) stored.set(idOf(make, make.ids === 'rows' ? i : 2 * i), vectorOf(i))
        rows.next = COUNT
        for (const one of commands) {
          await carryOut(make, index, stored, rows, one)
          expect(index.size).toBe(stored.size)
        }
        await carryOut(make, index, stored, rows, { kind: 'search', k: 7 })
        await carryOut(make, index, stored, rows, { kind: 'get', ids: Array.from({ length: 60 }, (_, i) => i) })
        expect(await index.remove(stored.keys())).toBe(stored.size)
        await index.compact()
        expect(engine.bytes).toBe(empty)
        await index.close()
      }),
      { numRuns: 30, seed: 1 },
    )
  },
)

async function carryOut(
  make: Make,
  index: IvfIndex<Id>,
  stored: Map<Id, Float32Array>,
  rows: { next: number },
  { kind, ids: numbers = [], first = 0, k = 1 }: Command,
): Promise<void> {
  const { metric } = make
  const ids = numbers.map((i) => idOf(make, i))
  const whole = { ...make.search, nprobe: index.nlist }
  const vectors = Float32Array.from(numbers.flatMap((_, i) => [...vectorOf(first + i)]))
  if ((kind === 'add' || kind === 'upsert') && make.ids === 'rows') {
    await index.add(vectors)
    for (const [i] of ids.entries()) stored.set(rows.next++, vectorOf(first + i))
  } else if (kind === 'add' || kind === 'upsert') {
    const twice = new Set(ids).size < ids.length
    const wrong = twice || (kind === 'add' && ids.some((id) => stored.has(id)))
    const call = kind === 'add' ? index.add(vectors, { ids }) : index.upsert(vectors, { ids })
    if (wrong) expect((await refusal(call)).code).toBe('ERR_ID')
    else {
      await call
      for (const [i, id] of ids.entries()) stored.set(id, vectorOf(first + i))
    }
  } else if (kind === 'remove') {
    const there = new Set(ids.filter((id) => stored.has(id)))
    expect(await index.remove(ids)).toBe(there.size)
    for (const id of there) stored.delete(id)
  } else if (kind === 'compact') {
    const before = await index.search(queries, { ...whole, k: 100 })
    await index.compact()
    const after = await index.search(queries, { ...whole, k: 100 })
    expect([...after.counts]).toEqual([...before.counts])
    expect([...after.scores]).toEqual([...before.scores])
  } else if (kind === 'get') {
    for (const id of ids) {
      const vector = stored.get(id)
      expect(await index.has(id)).toBe(vector !== undefined)
      const got = await index.get(id)
      if (!vector) expect(got).toBeUndefined()
      else for (const [i, value] of storedAs(metric, vector).entries()) expect(got?.[i]).toBeCloseTo(value, 5)
    }
  } else {
    const filter = kind === 'filter' ? new Set(ids) : undefined
    const found = await index.search(queries, { ...whole, k, ...(filter && { filter }) })
    for (let q = 0; q < 3; q++) {
      expectNearest(found.of(q), stored, queryOf(q), metric, k, (id) => filter?.has(id) ?? true)
    }
  }
}

function idOf({ ids }: Make, i: number): Id {
  if (ids === 'string') return `№ ${i}`
  return ids === 'bigint' ? (BigInt(i) << 55n) - (1n << 63n) + BigInt(i) : i
}

/** An empty index and the memory it lives in. */
function makeIndex({ spec, metric, options }: Make): Promise<{ index: IvfIndex<Id>; engine: Engine }> {
  const settings = { spec, metric, dim: DIM, kmeansIterations: 1, threads: 0, ...options }
  return inEngine(() => IvfIndex.train<Id>(pool, settings))
}

test('memory of removed vectors comes back when they are more than compactAt of a part, or by compact', async () => {
  for (const [compactAt, shares] of [
    [0, [0, 0]],
    [0.25, [8, 0]],
    [1, [8, 20]],
  ] as const) {
    const { index, engine } = await makeIndex({ ...(MAKES[3] as Make), ids: 'rows', options: { compactAt } })
    await index.add(pool.subarray(0, COUNT * DIM))
    const { bytes } = index
    const taken = (): number => index.cellSizes.reduce((sum, size) => sum + size, 0) - index.size
    const [first, second] = [8, 12].map((count, turn) => Array.from({ length: count }, (_, i) => 8 * turn + i))
    expect(await index.remove(first as number[])).toBe(8)
    expect(taken()).toBe(shares[0])
    expect(await index.remove(second as number[])).toBe(12)
    expect(taken()).toBe(shares[1])
    await index.compact()
    expect(taken()).toBe(0)
    expect(index.bytes).toBeLessThan(bytes)
    const { bytes: held } = engine
    await index.compact()
    expect(engine.bytes).toBe(held)
    await index.close()
  }
})

describe('beside a writer', () => {
  const near = mixture(COUNT, DIM, 41, 8)
  const far = near.map((value) => value + 100)
  const ids = Array.from({ length: COUNT }, (_, i) => `№ ${i}`)
  const rowsOf = (vectors: Float32Array): Map<string, Float32Array> =>
    new Map(ids.map((id, i) => [id, vectors.subarray(i * DIM, (i + 1) * DIM)]))
  const [old, moved] = [rowsOf(near), rowsOf(far)]

  test.each(['Flat', 'SQ4'])('%s: a search sees the index before or after, never half', async (codes) => {
    const settings = { spec: `IVF${NLIST},${codes}`, metric: 'l2', dim: DIM, threads: 0, kmeansIterations: 1 } as const
    for (const compactAt of [0, 1]) {
      const index = await IvfIndex.build<string>(near, { calibrate: false, ...settings, compactAt, ids })
      // Parts, of which writers merge some and keep others.
      const extra = Array.from({ length: 70 }, (_, i) => `other ${i}`)
      const others = mixture(70, DIM, 42, 8).map((value) => value - 1000)
      await index.add(others.subarray(0, 60 * DIM), { ids: extra.slice(0, 60) })
      await index.add(others.subarray(60 * DIM), { ids: extra.slice(60) })
      const exact = codes === 'Flat' ? {} : { epsilon: 100 }
      const reads: Promise<string | undefined>[] = []
      let before = 0
      for (const [from, to, vectors] of [
        [old, moved, far],
        [moved, old, near],
      ] as const) {
        const has = async (): Promise<string | undefined> => ((await index.has('№ 7')) ? undefined : 'has: it is gone')
        const get = async (): Promise<string | undefined> => {
          const got = await index.get('№ 7')
          const known = [from, to].some((one) => one.get('№ 7')?.every((value, i) => value === got?.[i]))
          return known ? undefined : `get: ${got}`
        }
        const search = async (turn: number): Promise<string | undefined> => {
          const query = queryOf(turn % 3)
          const filter = [undefined, new Set(ids), (id: string) => id.startsWith('№')][turn % 3]
          const options = { ...exact, k: COUNT, nprobe: NLIST, ...(filter && { filter }) }
          const found = (await index.search(query, options)).of(0)
          const [first, second] = [from, to].map((one) => differenceOf(found, one, query, 'l2', COUNT))
          if (first === undefined) before++
          return first && second && `search: ${first}; ${second}`
        }
        let written = false
        const write = index.upsert(vectors, { ids }).finally(() => {
          written = true
        })
        for (let turn = 0; !written || turn < 20; turn++) {
          // Calls begin in every phase of the writer.
          reads.push(has(), get())
          if (turn % 7 === 0) reads.push(search(turn / 7))
          await null
          if (turn > 5000) await new Promise(setImmediate)
        }
        await write
      }
      expect(new Set(await Promise.all(reads))).toEqual(new Set([undefined]))
      expect(before).toBeGreaterThan(0)
      await index.close()
    }
  })

  test('writers let go of each part once, so that nothing is freed under a reader', async () => {
    const [retain, release] = [vi.spyOn(Held.prototype, 'retain'), vi.spyOn(Held.prototype, 'release')]
    const { index } = await makeIndex({ spec: `IVF${NLIST},Flat`, metric: 'l2', ids: 'string' })
    await index.add(near, { ids })
    await index.add(far.subarray(0, 9 * DIM), { ids: ids.slice(0, 9).map((id) => `far ${id}`) })
    // Takes from the second part, adds a third, and all are merged: the first as it is.
    await index.upsert(far.subarray(0, 6 * DIM), { ids: ['far № 0', 'far № 1', 'new 2', 'new 3', 'new 4', 'new 5'] })
    await refusal(index.upsert(far.subarray(0, 8 * DIM), { ids: ids.slice(0, 9) }))
    await index.remove(ids.slice(0, 20))
    await index.compact()
    await index.add(near.subarray(0, DIM), { ids: ['last'] })
    const count = (list: readonly unknown[], held: unknown): number => list.filter((one) => one === held).length
    for (const held of new Set(release.mock.contexts)) {
      expect(count(release.mock.contexts, held) - count(retain.mock.contexts, held)).toBeLessThanOrEqual(1)
    }
    for (const spy of [retain, release]) spy.mockRestore()
    await index.close()
  })
})
