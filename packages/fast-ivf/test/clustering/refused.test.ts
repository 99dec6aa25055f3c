import { beforeAll, describe, expect, test } from 'vitest'
import { IvfError, KMeans, MiniBatchKMeans, SubvectorsMiniBatchKMeans, type Vectors } from '../../src/index.js'
import { mixture } from '../mixture.js'

const DIM = 8
const vectors = mixture(400, DIM, 1)

async function refusal(call: () => unknown): Promise<IvfError> {
  try {
    await call()
  } catch (error) {
    expect(error).toBeInstanceOf(IvfError)
    return error as IvfError
  }
  throw new Error('it was accepted')
}

function withRow(row: number, value: number): Float32Array {
  const copy = vectors.slice()
  copy[row * DIM + 3] = value
  return copy
}

function detached(): Float32Array {
  const copy = vectors.slice()
  structuredClone(copy.buffer, { transfer: [copy.buffer] })
  return copy
}

const badVectors: [string, () => Vectors, string, RegExp][] = [
  ['a flat array of another dim', () => vectors.slice(0, 20), 'ERR_DIM', /20 numbers.*dim 8.*4 are left over/],
  [
    'ragged rows',
    () => [new Array(8).fill(1), new Array(8).fill(1), new Array(9).fill(1)],
    'ERR_DIM',
    /row 2 .* 9 numbers/,
  ],
  ['NaN', () => withRow(12, Number.NaN), 'ERR_NOT_FINITE', /row 12 .*NaN at component 3.*remove/],
  ['Infinity', () => withRow(399, Number.NEGATIVE_INFINITY), 'ERR_NOT_FINITE', /row 399 .*Infinity/],
  ['numbers beyond 32-bit floats', () => [1, 1e200, 1, 1].map((x) => new Array(8).fill(x)), 'ERR_NOT_FINITE', /row 1 /],
  ['a detached buffer', detached, 'ERR_DETACHED', /detached/],
  ['a tensor with too few numbers', () => ({ data: vectors, dims: [401, DIM] }), 'ERR_DETACHED', /3200 numbers/],
  ['a tensor of another dim', () => ({ data: vectors, dims: [200, 16] }), 'ERR_DIM', /16 numbers, dim 8/],
  ['a string', () => 'vectors' as unknown as Vectors, 'ERR_ARGUMENT', /'vectors'/],
  ['nothing', () => undefined as unknown as Vectors, 'ERR_ARGUMENT', /undefined/],
]

interface AnyKMeans {
  readonly centroids: Float32Array
  train(vectors: Vectors, options?: object): Promise<void>
  predict(vectors: Vectors, options?: object): Promise<Int32Array>
  predictScores(vectors: Vectors, options?: object): Promise<Float32Array>
  close(): Promise<void>
}

const makers: [string, (k: number, options?: object) => AnyKMeans][] = [
  ['MiniBatchKMeans', (k, options) => new MiniBatchKMeans(k, { batchSize: 32, maxSteps: 15, dim: DIM, ...options })],
  [
    'SubvectorsMiniBatchKMeans',
    (k, options) => new SubvectorsMiniBatchKMeans(k, 2, { batchSize: 32, maxSteps: 15, dim: DIM, ...options }),
  ],
  // pointsPerCentroid: every row is in the sample.
  ['KMeans', (k, options) => new KMeans(k, { pointsPerCentroid: 400, dim: DIM, ...options })],
]

describe.each(makers)('%s refuses', (_, make) => {
  let kmeans: AnyKMeans
  let before: Float32Array

  beforeAll(async () => {
    kmeans = make(4)
    await kmeans.train(vectors)
    before = kmeans.centroids
  })

  test.each(badVectors)('%s, and is as it was', async (_, input, code, message) => {
    for (const method of ['train', 'predict', 'predictScores'] as const) {
      const error = await refusal(() => kmeans[method](input()))
      expect([method, error.code]).toEqual([method, code])
      expect(error.message).toMatch(message)
    }
    if (kmeans instanceof MiniBatchKMeans || kmeans instanceof SubvectorsMiniBatchKMeans) {
      const error = await refusal(() => (kmeans as MiniBatchKMeans).add(input()))
      expect(error.code).toBe(code)
      expect((kmeans as MiniBatchKMeans).numVectors).toBe(0)
    }
    expect(kmeans.centroids).toEqual(before)
  })

  test('fewer vectors than centroids, and none', async () => {
    const error = await refusal(() => make(401).train(vectors))
    expect([error.code, error.message]).toEqual([
      'ERR_TOO_FEW',
      expect.stringMatching(/400 vectors cannot make 401 centroids; give/),
    ])
    expect((await refusal(() => kmeans.train([]))).code).toBe('ERR_EMPTY')
    expect((await refusal(() => make(4, { dim: undefined }).train([[], []]))).code).toBe('ERR_DIM')
    expect([(await kmeans.predict([])).length, (await kmeans.predictScores([])).length]).toEqual([0, 0])
  })

  test('use before training, and after close', async () => {
    const fresh = make(4)
    for (const call of [() => fresh.centroids, () => fresh.predict(vectors), () => fresh.predictScores(vectors)]) {
      expect((await refusal(call)).code).toBe('ERR_NOT_TRAINED')
    }
    await fresh.train(vectors)
    await fresh.close()
    await fresh.close()
    for (const call of [() => fresh.train(vectors), () => fresh.predict(vectors)])
      expect((await refusal(call)).code).toBe('ERR_CLOSED')
  })

  test('options out of their range', async () => {
    for (const k of [0, 1.5, Number.NaN, '4', undefined])
      expect((await refusal(() => make(k as number))).message).toMatch(
        /numCentroids is .*; it must be an integer from 1/,
      )
    for (const options of [{ metric: 'ip' }, { seed: -1 }, { dim: 0 }, { threads: -1 }])
      expect((await refusal(() => make(4, options))).code).toBe('ERR_ARGUMENT')
  })

  test('goes on with what it knows when an abort comes, at every stage', async () => {
    const reason = new Error('enough')
    await expect(kmeans.train(vectors, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    await expect(kmeans.predict(vectors, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    await expect(kmeans.predictScores(vectors, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    for (let stage = 1; ; stage++) {
      const controller = new AbortController()
      let calls = 0
      const onProgress = (): void => void (++calls === stage && controller.abort(reason))
      const error = await kmeans.train(vectors, { signal: controller.signal, onProgress }).catch((cause) => cause)
      expect(kmeans.centroids).toEqual(before)
      expect(error).toBe(controller.signal.aborted ? reason : undefined)
      if (controller.signal.aborted) continue
      expect(calls).toBeGreaterThanOrEqual(10)
      break
    }
    // Not aborted that time: the same seed gives the same centroids.
    expect(kmeans.centroids).toEqual(before)
  })
})

describe('MiniBatchKMeans refuses', () => {
  const make = (options: object = {}): MiniBatchKMeans =>
    new MiniBatchKMeans(4, { batchSize: 32, maxSteps: 15, dim: DIM, ...options })

  test('options of its own out of their range', async () => {
    const bad = [
      { batchSize: 0 },
      { batchSize: undefined },
      { historySize: -1 },
      { maxSteps: 0 },
      { tol: -1 },
      { tol: Number.NaN },
      { minMaxRatioThreshold: 1.1 },
    ]
    for (const options of bad) {
      const error = await refusal(() => make(options))
      expect([error.code, error.message]).toEqual([
        'ERR_ARGUMENT',
        expect.stringMatching(`^${Object.keys(options)[0]} is `),
      ])
    }
    expect((await refusal(() => new MiniBatchKMeans(4, undefined as never))).message).toMatch(/batchSize is undefined/)
  })

  test('a dim that subvectors do not divide', async () => {
    expect((await refusal(() => new SubvectorsMiniBatchKMeans(4, 3, { batchSize: 8, dim: DIM }))).message).toMatch(
      /dim 8 cannot be cut into 3 equal subvectors/,
    )
    const error = await refusal(() =>
      new SubvectorsMiniBatchKMeans(4, 3, { batchSize: 8 }).train({ data: vectors, dims: [400, DIM] }),
    )
    expect(error.code).toBe('ERR_DIM')
    expect((await refusal(() => new SubvectorsMiniBatchKMeans(4, 0, { batchSize: 8 }))).code).toBe('ERR_ARGUMENT')
  })

  test('ids, cells and sizes that do not exist', async () => {
    const kmeans = make()
    for (const call of [() => kmeans.getVectors([0]), () => kmeans.batches(5)])
      expect((await refusal(call)).code).toBe('ERR_NOT_TRAINED')
    await kmeans.train(vectors)
    expect((await refusal(() => kmeans.getVectors([0]))).code).toBe('ERR_EMPTY')
    expect(kmeans.getVectors([]).length + [...kmeans.batches(5)].length).toBe(0)
    await kmeans.add(vectors)
    for (const id of [-1, 400, 0.5, Number.NaN])
      expect((await refusal(() => kmeans.getVectors([id]))).message).toMatch(/id is .* from 0 to 399/)
    for (const cell of [-1, 4]) expect((await refusal(() => kmeans.members(cell))).code).toBe('ERR_ARGUMENT')
    expect((await refusal(() => kmeans.batches(0))).code).toBe('ERR_ARGUMENT')
  })

  test('batches that hold too few vectors, or none', async () => {
    const kmeans = make()
    expect((await refusal(() => kmeans.train(new Set<Vectors>()))).code).toBe('ERR_EMPTY')
    expect((await refusal(() => kmeans.train(new Set([[], []])))).code).toBe('ERR_EMPTY')
    const error = await refusal(() => kmeans.train(new Set([vectors.subarray(0, DIM), vectors.subarray(0, 2 * DIM)])))
    expect([error.code, error.message]).toEqual([
      'ERR_TOO_FEW',
      expect.stringMatching(/^3 vectors cannot make 4 centroids/),
    ])
  })

  test('a bad batch among good ones, by the number of its row over all, and closes the iterable', async () => {
    const kmeans = make()
    await kmeans.train(vectors)
    const before = kmeans.centroids
    let closed = 0
    function* batches(bad: Vectors): Generator<Vectors> {
      try {
        yield vectors
        yield vectors.subarray(0, 5 * DIM)
        yield bad
        yield vectors
      } finally {
        closed++
      }
    }
    const cases: [Vectors, string, RegExp][] = [
      [withRow(7, Number.NaN), 'ERR_NOT_FINITE', /row 412 of vectors holds NaN/],
      [[[1, 2, 3]], 'ERR_DIM', /row 0 of vectors \(the batch that begins with row 405\) holds 3 numbers, dim 8/],
      ['batch' as unknown as Vectors, 'ERR_ARGUMENT', /'batch'/],
    ]
    for (const [bad, code, message] of cases) {
      for (const method of ['train', 'add'] as const) {
        closed = 0
        const error = await refusal(() => kmeans[method](batches(bad)))
        expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)])
        expect([closed, kmeans.numVectors]).toEqual([1, 0])
        expect(kmeans.centroids).toEqual(before)
      }
    }
  })
})
