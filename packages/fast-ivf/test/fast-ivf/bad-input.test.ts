import { beforeAll, describe, expect, test } from 'vitest'
import { exactSearch, FastIVF, type IvfErrorCode, type Vectors } from '../../src/index.js'
import { mixture } from '../mixture.js'
import { refusal } from '../refusal.js'

const DIM = 16
const vectors = mixture(300, DIM, 1)
const queries = mixture(5, DIM, 2)

function detachedCopy(): Float32Array {
  const copy = vectors.slice()
  structuredClone(copy.buffer, { transfer: [copy.buffer] })
  return copy
}

function withRow(row: number, value: number): Float32Array {
  const copy = vectors.slice()
  copy[row * DIM + 3] = value
  return copy
}

const bad: [string, () => Vectors, IvfErrorCode, RegExp][] = [
  ['a flat array of another dim', () => vectors.slice(0, 20), 'ERR_DIM', /20 numbers.*dim 16.*4 are left over/],
  ['rows of another dim', () => [new Array(15).fill(0)], 'ERR_DIM', /row 0 .* 15 numbers.*dim 16.*another model/],
  [
    'ragged rows',
    () => [new Array(16).fill(1), new Array(16).fill(1), new Array(17).fill(1)],
    'ERR_DIM',
    /row 2 .* 17 numbers/,
  ],
  ['NaN', () => withRow(12, Number.NaN), 'ERR_NOT_FINITE', /row 12 .*NaN at component 3/],
  ['Infinity', () => withRow(299, Number.POSITIVE_INFINITY), 'ERR_NOT_FINITE', /row 299 .*Infinity at component 3/],
  [
    'numbers beyond 32-bit floats',
    () => [new Array(16).fill(1), new Array(16).fill(1e300)],
    'ERR_NOT_FINITE',
    /row 1 /,
  ],
  ['a detached buffer', detachedCopy, 'ERR_DETACHED', /detached/],
  ['a tensor with too few numbers', () => ({ data: vectors, dims: [301, DIM] }), 'ERR_DETACHED', /4800 numbers.*4816/],
  ['a tensor of three dimensions', () => ({ data: vectors, dims: [10, 30, DIM] }), 'ERR_ARGUMENT', /\[rows, dim\]/],
  ['a tensor of another dim', () => ({ data: vectors, dims: [150, 32] }), 'ERR_DIM', /32 numbers, dim 16/],
  ['a string', () => 'vectors' as unknown as Vectors, 'ERR_ARGUMENT', /'vectors'/],
  ['nothing', () => undefined as unknown as Vectors, 'ERR_ARGUMENT', /undefined/],
  ['rows of strings', () => [['a']] as unknown as Vectors, 'ERR_DIM', /row 0/],
]

describe('a refused call names what is wrong and leaves the index as it was', () => {
  let index: FastIVF
  let before: Float64Array

  beforeAll(async () => {
    index = new FastIVF(DIM, { nlist: 8, kmeansMaxSteps: 5 })
    await index.train(vectors)
    before = (await index.search(queries, { k: 10 })).ids
  })

  async function unchanged(): Promise<void> {
    expect(index.size).toBe(300)
    expect((await index.search(queries, { k: 10 })).ids).toEqual(before)
  }

  test.each(bad)('%s', async (_, make, code, message) => {
    for (const call of [() => index.add(make()), () => index.train(make()), () => index.search(make())]) {
      const error = await refusal(call)
      expect(error.code).toBe(code)
      expect(error.message).toMatch(message)
    }
    await unchanged()
  })

  test('a batch that goes wrong after good ones', async () => {
    const batches = (): Vectors[] => [vectors, withRow(7, Number.NaN)]
    const error = await refusal(index.add(batches().values()))
    expect(error.code).toBe('ERR_NOT_FINITE')
    await unchanged()
  })

  test('batches whose source fails', async () => {
    async function* failing(): AsyncGenerator<Vectors> {
      yield vectors
      throw new Error('the disk is gone')
    }
    await expect(index.add(failing())).rejects.toThrow('the disk is gone')
    await expect(index.train(failing())).rejects.toThrow('the disk is gone')
    await unchanged()
  })

  test('too few vectors, or none', async () => {
    expect(await refusal(index.train(vectors.slice(0, 7 * DIM)))).toMatchObject({
      code: 'ERR_TOO_FEW',
      message: expect.stringMatching(/7 vectors.*8 cells/),
    })
    expect(await refusal(index.train(new Float32Array(0)))).toMatchObject({ code: 'ERR_EMPTY' })
    expect(await refusal(index.train([][Symbol.iterator]()))).toMatchObject({ code: 'ERR_EMPTY' })
    await unchanged()
  })

  test.each([
    [{ k: 0 }, 'k is 0'],
    [{ k: 2.5 }, 'k is 2.5'],
    [{ k: Number.NaN }, 'k is NaN'],
    [{ nprobe: 0 }, 'nprobe is 0; it must be an integer from 1 to 8'],
    [{ nprobe: 9 }, 'nprobe is 9; it must be an integer from 1 to 8'],
    [{ ratioThreshold: -0.1 }, 'ratioThreshold is -0.1'],
    [{ ratioThreshold: 1.5 }, 'ratioThreshold is 1.5'],
  ])('search options %o', async (options, message) => {
    expect(await refusal(index.search(queries, options))).toMatchObject({
      code: 'ERR_ARGUMENT',
      message: expect.stringContaining(message),
    })
  })

  test('an aborted signal, at any moment', async () => {
    const reason = new Error('enough')
    await expect(index.search(queries, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    for (const phase of ['train', 'assign', 'fill'] as const) {
      const controller = new AbortController()
      const onProgress = (progress: { phase: string }): void => {
        if (progress.phase === phase) controller.abort(reason)
      }
      await expect(index.train(mixture(3000, DIM, 3), { signal: controller.signal, onProgress })).rejects.toBe(reason)
    }
    await expect(index.add(vectors, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    await unchanged()
  })

  test('no block of memory is lost to refused calls', async () => {
    const held = index.bytes
    for (let i = 0; i < 3; i++) await refusal(index.add(withRow(12, Number.NaN)))
    expect(index.bytes).toBe(held)
  })
})

test('constructor options out of range', async () => {
  expect(await refusal(() => new FastIVF(0, { nlist: 8 }))).toMatchObject({ code: 'ERR_ARGUMENT' })
  expect(await refusal(() => new FastIVF(DIM, { nlist: 0 }))).toMatchObject({ code: 'ERR_ARGUMENT' })
  expect(await refusal(() => new FastIVF(DIM, undefined as never))).toMatchObject({ code: 'ERR_ARGUMENT' })
  expect(await refusal(() => new FastIVF(DIM, { nlist: 8, nprobe: 9 }))).toMatchObject({ code: 'ERR_ARGUMENT' })
  expect(await refusal(() => new FastIVF(DIM, { nlist: 8, metric: 'dot' as never }))).toMatchObject({
    message: expect.stringContaining("'cosine', 'ip', 'l2'"),
  })
  expect(await refusal(() => new FastIVF(DIM, { nlist: 8, threads: -1 }))).toMatchObject({ code: 'ERR_ARGUMENT' })
})

test('used before training, or after closing', async () => {
  const index = new FastIVF(DIM, { nlist: 8 })
  expect(await refusal(index.search(queries))).toMatchObject({
    code: 'ERR_NOT_TRAINED',
    message: expect.stringContaining('train(vectors)'),
  })
  expect(await refusal(index.add(vectors))).toMatchObject({ code: 'ERR_NOT_TRAINED' })
  expect(await refusal(() => index.centroids)).toMatchObject({ code: 'ERR_NOT_TRAINED' })
  await index.close()
  await index.close()
  expect(await refusal(index.train(vectors))).toMatchObject({ code: 'ERR_CLOSED' })
})

test('exact search refuses the same', async () => {
  expect(await refusal(exactSearch(withRow(3, Number.NaN), queries, { dim: DIM }))).toMatchObject({
    code: 'ERR_NOT_FINITE',
    message: expect.stringMatching(/row 3 of vectors/),
  })
  expect(await refusal(exactSearch(vectors, queries, { k: 0, dim: DIM }))).toMatchObject({ code: 'ERR_ARGUMENT' })
  expect(await refusal(exactSearch(vectors, queries))).toMatchObject({
    code: 'ERR_DIM',
    message: expect.stringContaining('option dim'),
  })
  expect(await refusal(exactSearch(new Float32Array(0), queries, { dim: DIM }))).toMatchObject({ code: 'ERR_EMPTY' })
})

test('memory that cannot be had is a coded error, and the index lives on', async () => {
  const index = await FastIVF.fromCentroids([[1, 0]], { metric: 'l2' })
  await index.add([[1, 0]])
  const many = { data: new Float32Array(20_000), dims: [10_000, 2] }
  const error = await refusal(index.search(many, { k: 0xffffff }))
  expect(error).toMatchObject({ code: 'ERR_MEMORY', message: expect.stringContaining('10000 × 16777215 answers') })
  expect(await refusal(exactSearch(many, many, { k: 0xffffff }))).toMatchObject({ code: 'ERR_MEMORY' })
  expect((await index.search([[1, 0]], { k: 1000 })).of(0)).toEqual([{ id: 0, score: 0 }])
})
