import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toMatrix } from '../../src/engine/vectors.js'
import {
  type Codebooks,
  LLOYD_DEFAULTS,
  MINI_BATCH_DEFAULTS,
  trainCodebooksLloyd,
  trainCodebooksMiniBatch,
} from '../../src/quantizers/product/codebooks.js'
import {
  codeBits,
  codeSize,
  decodeRows,
  encodeRows,
  packedBytes,
  placeCodebooks,
} from '../../src/quantizers/product/encode.js'
import { createEngine } from '../../src/runtime.js'
import { expectSame, fractions, type Machine, machines, numbers, wholes } from '../kernels/machine.js'
import { mixture } from '../mixture.js'
import { readNpy } from '../npy.js'
import { type Books, decode, encode, factor, inPanels, packCodes } from './product-reference.js'

const KINDS = ['none', 'apart', 'unit'] as const

interface Case {
  m: number
  k: number
  width: number
  count: number
  block: number
  step: number
  kind: (typeof KINDS)[number]
  residual: boolean
  whole: boolean
  seed: number
}

describe.each(machines)('$level kernels', (m) => {
  test('encodeProduct packs the nearest codewords and the factor, decodeProduct reads them back', () => {
    const any = fc.record({
      m: fc.integer({ min: 1, max: 19 }),
      k: fc.constantFrom(2, 3, 8, 9, 16, 17, 64, 100, 256, 300),
      width: fc.integer({ min: 1, max: 13 }),
      count: fc.integer({ min: 0, max: 9 }),
      block: fc.constantFrom(1, 2, 3, 32),
      step: fc.constantFrom(2, 4, 64),
      kind: fc.constantFrom(...KINDS),
      residual: fc.boolean(),
      whole: fc.boolean(),
      seed: fc.integer({ min: 1, max: 1e6 }),
    })
    fc.assert(
      fc.property(any, (c) => roundTrip(m, c)),
      { numRuns: 120 },
    )
  })

  test.each([1, 2, 3])('codes of 16 bits: 65,536 codewords, %i subvectors', (subvectors) => {
    const rest = { width: 2, block: 2, step: 128, kind: 'apart', residual: true, whole: false, seed: 7 } as const
    roundTrip(m, { ...rest, m: subvectors, k: 65536, count: 3 })
  })

  test('every bit of a code of any width is kept', () => {
    for (let bits = 1; bits <= 16; bits++) {
      const k = bits === 16 ? 65536 : 2 ** bits
      // Codeword n is the two bytes of n, so that rows are their codes.
      const bytesOf = (n: number): number[] => [n >> 8, n & 255]
      const words = Float32Array.from(Array.from({ length: 5 * k }, (_, i) => bytesOf(i % k)).flat())
      const random = numbers(bits)
      const codes = Array.from({ length: 4 }, () => Array.from({ length: 5 }, () => random() % k))
      codes.push([k - 1, k - 1, k - 1, k - 1, k - 1], [0, k - 1, 0, k - 1, 0])
      const { bytes } = run(m, { m: 5, k, width: 2, words }, Float32Array.from(codes.flat().flatMap(bytesOf)), [], {
        ...{ cells: [], block: 4, step: 64, kind: 'none' },
      })
      const size = codeSize(5, bits)
      codes.forEach((code, i) => {
        expectSame(bytes.subarray(i * size, (i + 1) * size - 4), packCodes(code, bits))
      })
    }
  })
})

interface Run {
  cells: number[]
  block: number
  step: number
  kind: (typeof KINDS)[number]
}

function run(
  machine: Machine,
  books: Books,
  rows: Float32Array,
  centroids: Float32Array | number[],
  { cells, block, step, kind }: Run,
): { bytes: Uint8Array; decoded: Float32Array } {
  machine.reset()
  const { m, k, width } = books
  const count = rows.length / (m * width)
  const bits = codeBits(k)
  const size = codeSize(m, bits)
  const { panels, bias, npanels } = inPanels(books)
  const codes = machine.room((count * size) / 4)
  const fields = {
    ...{ count, block, m, width, k, bits, npanels, step, codes, codeSize: size },
    rows: machine.put(rows),
    cells: machine.putInts(cells),
    centroids: centroids.length > 0 ? machine.put(centroids) : 0,
    words: machine.put(books.words),
    panels: machine.put(panels),
    bias: machine.put(bias),
    add: KINDS.indexOf(kind),
    scratchStride: 32,
    scratch: machine.room(16 + block * (m * width + 8)),
  }
  machine.run('encodeProduct', machine.record('ProductRows', fields), Math.ceil(count / block), 1)
  const decoded = machine.room(rows.length)
  machine.run('decodeProduct', machine.record('ProductRows', { ...fields, rows: decoded }), Math.ceil(count / block))
  return {
    bytes: new Uint8Array(machine.ints(codes, (count * size) / 4).buffer),
    decoded: machine.floats(decoded, rows.length),
  }
}

function roundTrip(machine: Machine, c: Case): void {
  const { m, k, width, count, whole, seed } = c
  const dim = m * width
  const draw = (length: number, seed: number): Float32Array => (whole ? wholes(length, seed) : fractions(length, seed))
  const books = { m, k, width, words: draw(m * k * width, seed) }
  const rows = draw(count * dim, seed + 1)
  if (count > 3) rows.fill(0, dim, 2 * dim)
  const centroids = c.residual ? draw(3 * dim, seed + 2) : []
  const cells = Array.from({ length: count }, (_, i) => (i * 7) % 3)
  const { bytes, decoded } = run(machine, books, rows, centroids, { ...c, cells })
  const bits = codeBits(k)
  const size = codeSize(m, bits)
  for (let i = 0; i < count; i++) {
    const row = rows.subarray(i * dim, (i + 1) * dim)
    const centroid = c.residual
      ? (centroids as Float32Array).subarray(cells[i]! * dim, (cells[i]! + 1) * dim)
      : undefined
    const codes = encode(books, row, centroid)
    const found = bytes.slice(i * size, (i + 1) * size)
    expectSame(found.subarray(0, size - 4), packCodes(codes, bits))
    expectSame(new Float32Array(found.buffer, size - 4, 1), [factor(books, c.kind, row, codes, centroid)])
    expectSame(decoded.subarray(i * dim, (i + 1) * dim), decode(books, codes, centroid))
  }
}

async function codesOf(books: Codebooks, rows: Float32Array, threads: number): Promise<Uint8Array> {
  const engine = await createEngine({ threads })
  const count = rows.length / (books.m * books.width)
  const bytes = await engine.frame(async (scratch) => {
    const placed = placeCodebooks(engine, (bytes) => scratch.alloc(bytes), books)
    const size = codeSize(books.m, placed.bits)
    const [at, codes] = [scratch.alloc(rows.byteLength), scratch.alloc(count * size)]
    engine.floats(at, rows.length).set(rows)
    await encodeRows(engine, placed, { rows: at, count, cells: 0, centroids: 0, codes }, 'apart')
    return new Uint8Array(engine.memory.buffer, codes, count * size).slice()
  })
  engine.close()
  return bytes
}

describe('encoding', () => {
  test('gives the original’s codes for its codebooks', async () => {
    const file = (name: string): ReturnType<typeof readNpy> =>
      readNpy(new URL(`../files/original/${name}.npy`, import.meta.url))
    const words = file('codebooks').data as Float32Array
    const bytes = await codesOf({ m: 8, k: 16, width: 8, words }, file('vectors').data as Float32Array, 0)
    const wanted = file('codes').data as number[]
    const found = wanted.map((_, i) => ((bytes[(i >> 3) * 8 + ((i & 7) >> 1)] as number) >> ((i & 1) * 4)) & 15)
    expectSame(found, wanted)
  })

  test('gives the same bytes on any number of threads', async () => {
    const rows = mixture(9001, 64, 1)
    const books = { m: 16, k: 64, width: 4, words: mixture(1024, 4, 2) }
    expectSame(await codesOf(books, rows, 3), await codesOf(books, rows, 0))
  })
})

const engine = await createEngine({ threads: 0 })
const rows = mixture(3000, 24, 5)
const lloyd = { m: 6, k: 20, seed: 1, ...LLOYD_DEFAULTS }
const miniBatch = { m: 6, k: 20, seed: 1, ...MINI_BATCH_DEFAULTS, maxSteps: 200 }

describe.each([
  ['trainCodebooksLloyd', (data: Float32Array, own = {}) => trainLloyd(data, own)],
  ['trainCodebooksMiniBatch', (data: Float32Array, own = {}) => trainMini(data, own)],
] as const)('%s', (_, train) => {
  test('halves the error of random codewords, the same for the same seed', async () => {
    const books = await train(rows)
    expect([books.m, books.k, books.width, books.words.length]).toEqual([6, 20, 4, 6 * 20 * 4])
    const start = Float32Array.from({ length: books.words.length }, (_, i) => {
      const [j, n, t] = [Math.floor(i / 80), Math.floor(i / 4) % 20, i % 4]
      return rows[n * 24 + j * 4 + t] as number
    })
    expect(await errorOf(books)).toBeLessThan(0.75 * (await errorOf({ ...books, words: start })))
    expectSame((await train(rows)).words, books.words)
  })

  test('refuses what does not fit, and says what would', async () => {
    await expect(train(rows, { m: 5 })).rejects.toMatchObject({
      code: 'ERR_DIM',
      message: expect.stringMatching(/dim 24 .* 5 .*: 1, 2, 3, 4, 6, 8, 12, 24$/),
    })
    await expect(train(rows.subarray(0, 19 * 24))).rejects.toMatchObject({ code: 'ERR_TOO_FEW' })
    for (const k of [1, 65537, 2.5, Number.NaN]) {
      await expect(train(rows, { k })).rejects.toMatchObject({ code: 'ERR_ARGUMENT' })
    }
    await expect(train(rows, { m: 0 })).rejects.toMatchObject({ code: 'ERR_ARGUMENT' })
  })
})

function trainLloyd(data: Float32Array, own: object): Promise<Codebooks> {
  return trainCodebooksLloyd(engine, toMatrix(data, 24, 'vectors'), { ...lloyd, ...own }, {})
}

function trainMini(data: Float32Array, own: object): Promise<Codebooks> {
  return trainCodebooksMiniBatch(engine, toMatrix(data, 24, 'vectors'), { ...miniBatch, ...own }, {})
}

/** The mean squared error of the rows. */
function errorOf(books: Codebooks): Promise<number> {
  return engine.frame(async (scratch) => {
    const placed = placeCodebooks(engine, (bytes) => scratch.alloc(bytes), books)
    const at = scratch.alloc(rows.byteLength)
    const codes = scratch.alloc(3000 * (packedBytes(books.m, placed.bits) + 4))
    engine.floats(at, rows.length).set(rows)
    const coded = { rows: at, count: 3000, cells: 0, centroids: 0, codes }
    await encodeRows(engine, placed, coded, 'none')
    await decodeRows(engine, placed, coded)
    return engine.floats(at, rows.length).reduce((sum, value, i) => sum + (value - (rows[i] as number)) ** 2, 0) / 3000
  })
}
