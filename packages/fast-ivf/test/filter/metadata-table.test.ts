import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { filterKey } from '../../src/filter/key.js'
import { matchesNode } from '../../src/filter/matches.js'
import { MetadataTable } from '../../src/filter/metadata-table.js'
import { parseFilter } from '../../src/filter/parse.js'
import { bitsOf, countBits } from '../../src/ivf/bits.js'
import { refusal } from '../refusal.js'
import { filters, metadata } from './arbitrary.js'

const pace = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function rowsOf(table: MetadataTable, filter: unknown): Promise<number[]> {
  const set = await table.evaluate(parseFilter(filter), pace)
  expect(set.length).toBe(Math.ceil(table.rows / 32))
  return [...bitsOf(set, 0, 32 * set.length)]
}

const rowsIn = (set: Uint32Array): number => countBits(set, 0, 32 * set.length)

/** What matchesNode says of each row. */
function expected(table: MetadataTable, filter: unknown): number[] {
  const node = parseFilter(filter)
  return Array.from({ length: table.rows }, (_, row) => row).filter((row) => matchesNode(node, table.get(row)))
}

function append(table: MetadataTable, rows: readonly (object | undefined)[]): void {
  for (const row of rows) table.set(table.rows, row && JSON.stringify(row))
}

test('columns match what matchesNode matches, also after more rows came', async () => {
  const rows = fc.array(fc.option(metadata, { nil: undefined }), { maxLength: 40 })
  const someFilters = fc.array(filters, { minLength: 1, maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(rows, rows, rows, someFilters, async (first, second, third, asked) => {
      const table = new MetadataTable()
      const check = async (): Promise<void> => {
        for (const filter of asked) expect(await rowsOf(table, filter), show(filter)).toEqual(expected(table, filter))
      }
      append(table, first)
      await check()
      append(table, second)
      await check()
      append(table, third)
      await check()
    }),
    { seed: 1, numRuns: 500 },
  )
})

const show = (filter: unknown): string => filterKey(parseFilter(filter))

test('numbers that only JSON text can hold are told apart', async () => {
  const table = new MetadataTable()
  for (const text of [
    '{"a":1e999}',
    '{"a":[1e999]}',
    '{"a":[null]}',
    '{"a":-1e999}',
    '{"a":-0}',
    '{"a":1.7976931348623157e308}',
  ]) {
    table.set(table.rows, text)
  }
  const asked = [Infinity, null, 0, { $gt: Number.MAX_VALUE }, { $lt: -Number.MAX_VALUE }, { $gt: Infinity }]
  for (const a of [...asked, { $lt: Infinity }, { $gte: Infinity }, { $lte: -Infinity }, [null], { $gt: -5e-324 }]) {
    expect(await rowsOf(table, { a })).toEqual(expected(table, { a }))
  }
})

test('rows are set at the end or beyond it, and those skipped have no metadata', async () => {
  const table = new MetadataTable()
  table.set(0, '{"a":1}')
  table.set(5, '{"a": 2 }')
  table.set(6, undefined)
  expect(table.rows).toBe(7)
  expect(table.text(5)).toBe('{"a": 2 }')
  expect(table.get(5)).toEqual({ a: 2 })
  for (const row of [1, 4, 6, 7, 5000]) {
    expect(table.get(row)).toBeUndefined()
    expect(table.text(row)).toBeUndefined()
  }
  expect(await rowsOf(table, { a: { $exists: false } })).toEqual([1, 2, 3, 4, 6])
  for (const row of [6, 0, -1, 1.5, Number.NaN, 2 ** 32]) {
    expect((await refusal(() => table.set(row, '{}'))).code).toBe('ERR_ARGUMENT')
  }
  expect((await refusal(() => table.set(7, ''))).code).toBe('ERR_ARGUMENT')
  expect(table.rows).toBe(7)
})

test('texts come back as they were set, across blocks', () => {
  const table = new MetadataTable()
  const text = (row: number): string =>
    JSON.stringify({ row, title: 'ü😀'.repeat(row % 7), long: 'x'.repeat(row % 501) })
  for (let row = 0; row < 3000; row++) table.set(row, row % 5 === 3 ? undefined : text(row))
  for (let row = 0; row < 3000; row++) expect(table.text(row)).toBe(row % 5 === 3 ? undefined : text(row))
  expect(table.text(3000)).toBeUndefined()
})

test('half a surrogate pair is refused, and the table stays as it was', async () => {
  const table = new MetadataTable()
  table.set(0, '{"a":"x"}')
  expect((await refusal(() => table.set(1, '{"a":"\ud83d"}'))).code).toBe('ERR_ARGUMENT')
  expect(table.rows).toBe(1)
  table.set(1, JSON.stringify({ a: '\ud83d' }))
  expect(table.get(1)).toEqual({ a: '\ud83d' })
  expect(await rowsOf(table, { a: '\ud83d' })).toEqual([1])
})

test('a text that is no JSON object is refused when it is read', async () => {
  for (const text of ['{', '[1]', 'null', '{},{}', `${'{"a":'.repeat(65)}1${'}'.repeat(65)}`, '['.repeat(100_000)]) {
    const table = new MetadataTable()
    append(table, [{ a: 1 }, { a: 2 }])
    table.set(2, text)
    for (const call of [() => table.get(2), rowsOf(table, { a: 1 })]) {
      const error = await refusal(call)
      expect(error.code).toBe('ERR_FORMAT')
      expect(error.message).toContain('the metadata of row 2 is')
    }
  }
})

test('more columns than are kept are built again', async () => {
  const table = new MetadataTable()
  append(
    table,
    Array.from({ length: 50 }, (_, row) =>
      Object.fromEntries(Array.from({ length: 150 }, (_, f) => [`f${f}`, row % (f + 2)])),
    ),
  )
  for (let turn = 0; turn < 2; turn++) {
    for (let f = 0; f < 150; f++)
      expect(await rowsOf(table, { [`f${f}`]: 1 })).toEqual(expected(table, { [`f${f}`]: 1 }))
  }
  const all = { $or: Array.from({ length: 64 }, (_, f) => ({ [`f${f + 80}`]: 5 })) }
  expect(await rowsOf(table, all)).toEqual(expected(table, all))
})

test('many numbers are looked for as few are', async () => {
  const table = new MetadataTable()
  append(
    table,
    Array.from({ length: 300 }, (_, i) => ({ a: i % 3 === 0 ? `${i}` : i / 2 })),
  )
  const $in = Array.from({ length: 100 }, (_, i) => (i % 5 === 0 ? `${3 * i}` : i))
  for (const a of [{ $in }, { $nin: $in }]) expect(await rowsOf(table, { a })).toEqual(expected(table, { a }))
})

test('rows may come while columns are built, and filters wait for each other', async () => {
  let time = 0
  const now = vi.spyOn(performance, 'now').mockImplementation(() => (time += 10)) // every pause is due
  const step = fc.record({ add: fc.nat(200), at: fc.integer({ min: 1, max: 6 }) })
  const property = fc.asyncProperty(
    fc.array(step, { minLength: 1, maxLength: 6 }),
    fc.nat(400),
    async (steps, first) => {
      const table = new MetadataTable()
      let version = 0
      const add = (many: number): void =>
        append(
          table,
          Array.from({ length: many }, (_, i) => ({ version, n: i, list: [i % 3, version], [`f${i % 70}`]: version })),
        )
      add(first)
      const waiting = steps.flatMap(({ add: many, at }) => [
        ...Array.from({ length: at }, () => () => {}),
        () => {
          version++
          add(many)
        },
      ])
      const changing = async (): Promise<void> => {
        await Promise.resolve()
        waiting.shift()?.()
      }
      const asked = [
        { version: { $gt: 0 }, n: { $lt: 150 }, list: { $ne: 2 } },
        { $or: [{ list: 1 }, { version: 0 }] },
        { $or: Array.from({ length: 60 }, (_, f) => ({ [`f${f}`]: 1 })) },
      ]
      await Promise.all(asked.map((filter) => table.evaluate(parseFilter(filter), changing)))
      while (waiting.length > 0) waiting.shift()?.()
      for (const filter of asked) expect(await rowsOf(table, filter)).toEqual(expected(table, filter))
    },
  )
  try {
    await fc.assert(property, { seed: 1, numRuns: 100 })
  } finally {
    now.mockRestore()
  }
})

test('a filter answers for the rows there were when it began', async () => {
  const table = new MetadataTable()
  append(
    table,
    Array.from({ length: 64 }, () => ({ a: 1 })),
  )
  const call = table.evaluate(parseFilter({ a: 1 }), pace)
  append(table, [{ a: 1 }])
  expect(rowsIn(await call)).toBe(64)
  expect(rowsIn(await table.evaluate(parseFilter({ a: 1 }), pace))).toBe(65)
})

test('other work goes on while columns are built', async () => {
  const table = new MetadataTable()
  append(
    table,
    Array.from({ length: 60_000 }, (_, a) => ({ a })),
  )
  let pauses = 0
  await table.evaluate(parseFilter({ a: 1 }), async () => void pauses++)
  expect(pauses).toBeGreaterThan(2)
})

test('a pause that is rejected rejects the call', async () => {
  const table = new MetadataTable()
  append(
    table,
    Array.from({ length: 60_000 }, (_, a) => ({ a })),
  )
  const call = table.evaluate(parseFilter({ a: 1 }), () => Promise.reject(new Error('stopped')))
  await expect(call).rejects.toThrow('stopped')
  expect(await rowsOf(table, { a: 1 })).toEqual([1])
})
