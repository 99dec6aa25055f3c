import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FastIVFPQ, type IvfErrorCode, IvfIndex, type SearchResult, type Vectors } from '../../src/index.js'
import { mixture } from '../mixture.js'
import { refusal } from '../refusal.js'

const [DIM, COUNT] = [24, 1500]
const vectors = mixture(COUNT, DIM, 21)
const queries = mixture(70, DIM, 22)
const SPECS = ['Flat', 'SQ1', 'SQ2', 'SQ4', 'SQ8', 'PQ6x4', 'PQ6x6', 'OPQ6,PQ6x4'].map((word) =>
  word.startsWith('OPQ') ? word.replace(',', ',IVF12,') : `IVF12,${word}`,
)
const common = { dim: DIM, metric: 'l2', kmeansIterations: 3, threads: 0 } as const
const all = { k: 15, nprobe: 12 } as const

describe.each(SPECS)('%s', (spec) => {
  let index: IvfIndex
  beforeAll(async () => {
    index = await IvfIndex.build(vectors, { calibrate: false, spec, ...common })
  })
  afterAll(() => index.close())
  const ways = spec.endsWith('Flat') ? [{}] : [{}, { rescore: false }, { rescoreFactor: 3 }, { rescoreNumSamples: 5 }]

  test.each(ways)('a query alone is answered as among others: %o', async (options) => {
    for (const nprobe of [1, 5, 12]) {
      const found = await index.search(queries, { ...all, ...options, nprobe })
      for (const q of [0, 1, 33, 69]) {
        const alone = await index.search(queries.subarray(q * DIM, (q + 1) * DIM), { ...all, ...options, nprobe })
        expect(alone.of(0)).toEqual(found.of(q))
      }
    }
  })

  test('vectors added bit by bit are found as vectors added at once', async () => {
    const parts = await IvfIndex.train(vectors, { spec, ...common })
    for (let from = 0, step = 0; from < COUNT; step++) {
      const to = Math.min(COUNT, from + ([900, 300, 60, 40, 1, 33, 1, 2, 100][step % 9] as number))
      await parts.add(vectors.subarray(from * DIM, to * DIM))
      from = to
    }
    expect(parts.size).toBe(COUNT)
    expect(parts.cellSizes).toEqual(index.cellSizes)
    // Which candidates a bound leaves out may depend on the parts; here it leaves out none that counts.
    for (const options of [...ways.slice(1), spec.includes('SQ') ? { epsilon: 9 } : {}]) {
      for (const k of [1, 15, 2000]) {
        const [found, truth] = await Promise.all(
          [parts, index].map((one) => one.search(queries, { ...all, ...options, k })),
        )
        // At the same distance, those come first that are stored first.
        expect(
          Buffer.from(found?.scores.buffer as ArrayBuffer).equals(Buffer.from(truth?.scores.buffer as ArrayBuffer)),
        ).toBe(true)
      }
    }
    await parts.compact()
    for (const options of ways) {
      const [found, truth] = await Promise.all([parts, index].map((one) => one.search(queries, { ...all, ...options })))
      expectSame(found, truth)
    }
    await parts.close()
  })

  test('what is stopped leaves everything as it was', async () => {
    const reason = new Error('enough')
    const { bytes } = index
    const before = await index.search(queries, all)
    for (const phase of ['assign', 'fill'] as const) {
      await expect(index.add(vectors, stoppedAt(phase, reason))).rejects.toBe(reason)
      expect(index).toMatchObject({ size: COUNT, bytes })
    }
    for (const phase of ['train', 'assign', 'fill'] as const) {
      const options = { spec, ...common, ...stoppedAt(phase, reason) }
      await expect(IvfIndex.build(vectors, options)).rejects.toBe(reason)
    }
    await expect(index.search(queries, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expectSame(await index.search(queries, all), before)
  })

  test('what is refused leaves everything as it was', async () => {
    const { bytes } = index
    const before = await index.search(queries, all)
    for (const [data, code, message] of bad) {
      for (const call of [
        index.add(data()),
        index.search(data()),
        IvfIndex.build(data(), { calibrate: false, spec, ...common }),
      ]) {
        expect(await refusal(call)).toMatchObject({ code, message: expect.stringMatching(message) })
      }
      expect(index).toMatchObject({ size: COUNT, bytes })
    }
    const batches = [vectors, withNumber(1300, Number.NaN)].values()
    expect(await refusal(index.add(batches))).toMatchObject({
      code: 'ERR_NOT_FINITE',
      message: expect.stringMatching(/^row 2800 of vectors holds NaN at component 3/),
    })
    for (const options of [{ k: 0 }, { k: 1.5 }, { nprobe: 0 }, { nprobe: 13 }, { ratioThreshold: -1 }]) {
      expect(await refusal(index.search(queries, options))).toMatchObject({ code: 'ERR_ARGUMENT' })
    }
    expect(index).toMatchObject({ size: COUNT, bytes })
    expectSame(await index.search(queries, all), before)
  })
})

test.each(['SQ1', 'SQ2', 'SQ4', 'SQ8'])('%s: a bound leaves out the same however many ask', async (spec) => {
  const index = await IvfIndex.build(mixture(8000, DIM, 23), { calibrate: false, spec, ...common })
  for (const epsilon of [0, 0.5, 1.9]) {
    const found = await index.search(queries, { k: 15, epsilon })
    for (let q = 0; q < 70; q++) {
      const alone = await index.search(queries.subarray(q * DIM, (q + 1) * DIM), { k: 15, epsilon })
      expect(alone.of(0)).toEqual(found.of(q))
    }
  }
  await index.close()
})

test('FastIVFPQ refuses what does not fit, and trains again only when it succeeds', async () => {
  const options = { nlist: 8, pqNumSubvectors: 6, pqNumCentroids: 20, kmeansMaxSteps: 5, kmeansPqMaxSteps: 5 }
  expect(await refusal(() => new FastIVFPQ(DIM, { ...options, pqNumSubvectors: 5 }))).toMatchObject({
    code: 'ERR_DIM',
    message: expect.stringMatching(/dim 24 cannot be cut into 5 .*: 1, 2, 3, 4, 6, 8, 12, 24$/),
  })
  for (const [name, value] of [
    ['pqNumCentroids', 1],
    ['pqNumCentroids', 65537],
    ['pqNumSubvectors', 0],
    ['kmeansPqBatchSize', 0],
    ['kmeansPqMaxSteps', 0],
    ['kmeansPqTol', -1],
    ['rescoreNumSamples', -2],
    ['keep', 'f64'],
  ] as const) {
    expect(await refusal(() => new FastIVFPQ(DIM, { ...options, [name]: value }))).toMatchObject({
      code: 'ERR_ARGUMENT',
      message: expect.stringContaining(`${name} is`),
    })
  }
  const codebooks = new Float32Array(20 * DIM - 1)
  const given = { pqNumSubvectors: 6, pqNumCentroids: 20, codebooks, dim: DIM }
  expect(await refusal(FastIVFPQ.fromCentroids(vectors.subarray(0, 8 * DIM), given))).toMatchObject({
    code: 'ERR_ARGUMENT',
    message: 'codebooks holds 479 numbers; 6 × 20 codewords of 4 components are 480',
  })
  const index = new FastIVFPQ(DIM, options)
  expect(await refusal(index.search(queries))).toMatchObject({ code: 'ERR_NOT_TRAINED' })
  expect(await refusal(index.train(vectors.subarray(0, 19 * DIM)))).toMatchObject({
    code: 'ERR_TOO_FEW',
    message: expect.stringContaining('19 vectors cannot make 20 codewords'),
  })
  expect(index.trained).toBe(false)
  await index.train(vectors)
  const { bytes } = index
  const before = await index.search(queries, { k: 15 })
  const reason = new Error('enough')
  for (const phase of ['train', 'assign', 'fill'] as const) {
    await expect(index.train(vectors, stoppedAt(phase, reason))).rejects.toBe(reason)
  }
  for (const [data, code] of bad) expect(await refusal(index.train(data()))).toMatchObject({ code })
  expect(index).toMatchObject({ size: COUNT, bytes })
  expectSame(await index.search(queries, { k: 15 }), before)
  await index.train(vectors.subarray(0, 600 * DIM))
  expect(index.size).toBe(600)
  await index.close()
  expect(await refusal(index.search(queries))).toMatchObject({ code: 'ERR_CLOSED' })
})

test('codebooks of NaN are refused', async () => {
  const codebooks = new Float32Array(4 * 6 * 4).fill(Number.NaN)
  const given = { pqNumSubvectors: 6, pqNumCentroids: 4, codebooks, dim: DIM }
  expect(await refusal(FastIVFPQ.fromCentroids(vectors.subarray(0, 8 * DIM), given))).toMatchObject({
    code: 'ERR_NOT_FINITE',
  })
})

const bad: [() => Vectors, IvfErrorCode, RegExp][] = [
  [() => withNumber(12, Number.NaN), 'ERR_NOT_FINITE', /row 12 .*NaN at component 3/],
  [() => withNumber(1499, Number.POSITIVE_INFINITY), 'ERR_NOT_FINITE', /row 1499 .*Infinity at component 3/],
  [() => vectors.slice(0, 50), 'ERR_DIM', /50 numbers.*dim 24/],
  [() => [new Array(23).fill(1)], 'ERR_DIM', /row 0 .* 23 numbers/],
  [() => 'vectors' as unknown as Vectors, 'ERR_ARGUMENT', /'vectors'/],
]

function withNumber(row: number, value: number): Float32Array {
  const copy = vectors.slice()
  copy[row * DIM + 3] = value
  return copy
}

/** Options of a call that is stopped when this phase tells of progress. */
function stoppedAt(
  phase: string,
  reason: Error,
): { signal: AbortSignal; onProgress: (progress: { phase: string }) => void } {
  const controller = new AbortController()
  const onProgress = (progress: { phase: string }): void => {
    if (progress.phase === phase) controller.abort(reason)
  }
  return { signal: controller.signal, onProgress }
}

/** Bytes are compared: there may be hundreds of thousands of answers. */
function expectSame(found: SearchResult | undefined, truth: SearchResult | undefined): void {
  const bytes = (result: SearchResult | undefined): Buffer[] =>
    [result?.ids, result?.scores, result?.counts].map((array) => Buffer.from(array?.buffer ?? new ArrayBuffer(0)))
  expect(bytes(found).map((part, i) => part.equals(bytes(truth)[i] as Buffer))).toEqual([true, true, true])
}
