import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { codeBits, placeCodebooks } from '../../src/quantizers/product/encode.js'
import {
  fillLookUpTables,
  fillNibbleTables,
  lookUpTableSize,
  nibbleTableSize,
} from '../../src/quantizers/product/tables.js'
import { createEngine } from '../../src/runtime.js'
import { expectSame, fractions, type Machine, machines, numbers } from '../kernels/machine.js'
import { type Books, chain, inPanels, wordOf } from './product-reference.js'

const f = Math.fround
const shapes = {
  m: fc.integer({ min: 1, max: 19 }),
  width: fc.integer({ min: 1, max: 13 }),
  nq: fc.integer({ min: 0, max: 4 }),
  seed: fc.integer({ min: 1, max: 1e6 }),
}

describe.each(machines)('$level kernels', (m) => {
  test('lookUpTables gives the inner products with all codewords', () => {
    const k = fc.constantFrom(2, 3, 8, 9, 16, 17, 64, 100, 256, 300)
    fc.assert(
      fc.property(fc.record({ ...shapes, k }), ({ nq, seed, ...size }) => {
        const { books, queries } = draw(size, nq, seed)
        const bits = codeBits(books.k)
        const tableSize = lookUpTableSize({ m: books.m, bits })
        const tables = tablesOf(m, 'lookUpTables', books, queries, tableSize, 0)
        const floats = new Float32Array(tables.buffer)
        for (let q = 0; q < nq; q++) {
          for (let j = 0; j < books.m; j++) {
            const at = (q * tableSize) / 4 + (j << bits)
            expectSame(floats.subarray(at, at + books.k), products(books, queries, q, j))
          }
        }
      }),
      { numRuns: 100 },
    )
  })

  test('65,536 codewords have tables too', () => {
    const { books, queries } = draw({ m: 2, k: 65536, width: 2 }, 2, 3)
    const floats = new Float32Array(tablesOf(m, 'lookUpTables', books, queries, 2 * 65536 * 4, 0).buffer)
    for (const [i, [q, j]] of [
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ].entries()) {
      expectSame(floats.subarray(i * 65536, (i + 1) * 65536), products(books, queries, q!, j!))
    }
  })

  test('nibbleTables gives multiples of the query’s unit, and zeros where there is no codeword', () => {
    const any = fc.record({ ...shapes, k: fc.integer({ min: 2, max: 16 }), spare: fc.constantFrom(0, 16, 48) })
    fc.assert(
      fc.property(any, ({ nq, seed, spare, ...size }) => {
        const { books, queries } = draw(size, nq, seed)
        const tableSize = nibbleTableSize(books) + spare
        const [tables, pairs] = nibblesOf(m, books, queries, tableSize)
        for (let q = 0; q < nq; q++) {
          const wanted = quantized(books, queries, q)
          expectSame(pairs.subarray(q * 2, q * 2 + 2), [wanted.unit, wanted.offset])
          const bytes = new Uint8Array(tableSize)
          bytes.set(wanted.bytes)
          expectSame(tables.subarray(q * tableSize, (q + 1) * tableSize), bytes)
        }
      }),
      { numRuns: 100 },
    )
  })

  test('a sum of nibble entries is the inner product to within half a unit per subspace', () => {
    const { books, queries } = draw({ m: 17, k: 16, width: 4 }, 4, 9)
    const [tables, pairs] = nibblesOf(m, books, queries, 17 * 16)
    const random = numbers(4)
    for (let i = 0; i < 200; i++) {
      const q = i % 4
      const codes = Array.from({ length: 17 }, () => random() % 16)
      const sum = codes.reduce((sum, code, j) => sum + tables[q * 272 + j * 16 + code]!, 0)
      const product = codes.reduce((sum, code, j) => sum + products(books, queries, q, j)[code]!, 0)
      const [unit, offset] = [pairs[q * 2]!, pairs[q * 2 + 1]!]
      expect(Math.abs(unit * sum + offset - product)).toBeLessThan(17 * 0.5 * unit + 1e-4)
    }
  })

  test('queries and codewords of zero have tables of zero', () => {
    const books = { m: 3, k: 5, width: 2, words: new Float32Array(30) }
    const [tables, pairs] = nibblesOf(m, books, new Float32Array(6), 48)
    expectSame(tables, new Uint8Array(48))
    expectSame(pairs, [0, 0])
  })
})

test('tables are the same on any number of threads', async () => {
  const { books, queries } = draw({ m: 8, k: 16, width: 8 }, 20_001, 5)
  const tablesWith = async (threads: number): Promise<number[]> => {
    const engine = await createEngine({ threads })
    const all = await engine.frame(async (scratch) => {
      const placed = placeCodebooks(engine, (bytes) => scratch.alloc(bytes), books)
      const [at, units] = [scratch.alloc(queries.byteLength), scratch.alloc(20_001 * 8)]
      engine.floats(at, queries.length).set(queries)
      const [long, short] = [lookUpTableSize(placed), nibbleTableSize(placed)]
      const [floats, bytes] = [scratch.alloc(20_001 * long), scratch.alloc(20_001 * short)]
      await fillLookUpTables(engine, placed, { queries: at, nq: 20_001, tables: floats, tableSize: long })
      await fillNibbleTables(engine, placed, { queries: at, nq: 20_001, tables: bytes, tableSize: short }, units)
      const hash = (from: number, words: number): number =>
        engine.ints(from, words).reduce((sum, word) => (Math.imul(sum, 31) + word) | 0, 7)
      return [hash(floats, 20_001 * (long / 4)), hash(bytes, 20_001 * (short / 4)), hash(units, 20_001 * 2)]
    })
    engine.close()
    return all
  }
  expect(await tablesWith(3)).toEqual(await tablesWith(0))
})

function draw(
  { m, k, width }: { m: number; k: number; width: number },
  nq: number,
  seed: number,
): { books: Books; queries: Float32Array } {
  const books = { m, k, width, words: fractions(m * k * width, seed) }
  return { books, queries: fractions(nq * m * width, seed + 1) }
}

/** The inner products of a query's j-th subvector. */
function products(books: Books, queries: Float32Array, q: number, j: number): Float32Array {
  const from = (q * books.m + j) * books.width
  const own = queries.subarray(from, from + books.width)
  return Float32Array.from({ length: books.k }, (_, n) => chain(own, wordOf(books, j, n)))
}

function quantized(
  books: Books,
  queries: Float32Array,
  q: number,
): { unit: number; offset: number; bytes: Uint8Array } {
  const all = Array.from({ length: books.m }, (_, j) => products(books, queries, q, j))
  const lows = all.map((table) => Math.min(...table))
  const widest = Math.max(...all.map((table, j) => f(Math.max(...table) - lows[j]!)))
  const unit = f(widest / 63)
  const scale = unit > 0 ? f(1 / unit) : 0
  const bytes = new Uint8Array(books.m * 16)
  all.forEach((table, j) => {
    table.forEach((value, n) => {
      bytes[j * 16 + n] = Math.min(63, nearestEven(f(f(value - lows[j]!) * scale)))
    })
  })
  return { unit, offset: lows.reduce((sum, low) => f(sum + low), 0), bytes }
}

function nearestEven(value: number): number {
  const low = Math.floor(value)
  const rest = value - low
  return rest > 0.5 || (rest === 0.5 && low % 2 === 1) ? low + 1 : low
}

function nibblesOf(
  machine: Machine,
  books: Books,
  queries: Float32Array,
  tableSize: number,
): [tables: Uint8Array, units: Float32Array] {
  machine.reset()
  const count = (queries.length / (books.m * books.width)) * 2
  const units = machine.room(count)
  const tables = tablesOf(machine, 'nibbleTables', books, queries, tableSize, units)
  return [tables, machine.floats(units, count)]
}

function tablesOf(
  machine: Machine,
  kernel: 'lookUpTables' | 'nibbleTables',
  books: Books,
  queries: Float32Array,
  tableSize: number,
  units: number,
): Uint8Array {
  if (units === 0) machine.reset()
  const { m, k, width } = books
  const nq = queries.length / (m * width)
  const { panels, npanels } = inPanels(books)
  const tables = machine.room((nq * tableSize) / 4)
  const stride = m * 16 * 4 + m * 4 + 48
  const record = machine.record('ProductTables', {
    ...{ m, width, k, bits: codeBits(k), npanels, tables, tableSize, units },
    queries: machine.put(queries),
    panels: machine.put(panels),
    scratch: machine.room((2 * stride) / 4),
    scratchStride: stride,
  })
  machine.run(kernel, record, nq, 1)
  return new Uint8Array(machine.ints(tables, (nq * tableSize) / 4).buffer)
}
