import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openVectors, toBytes } from '../../src/formats/index.js'
import { CompressedFastIVF, Projection } from '../../src/index.js'
import type { DenseLayer } from '../../src/projection.js'
import { expectSame, fractions, wholes } from '../kernels/machine.js'
import { refusal } from '../refusal.js'
import { plainProjection } from './plain.js'
import { METRICS } from './trained.js'

const quiet = { threads: 0 }

test('a layer gives W · x + b, whichever way it lies', async () => {
  const shape = fc.record({
    ...{ dim: fc.integer({ min: 1, max: 40 }), width: fc.integer({ min: 1, max: 40 }) },
    ...{ seed: fc.integer({ min: 1, max: 1e6 }), biased: fc.boolean() },
  })
  await fc.assert(
    fc.asyncProperty(shape, async ({ dim, width, seed, biased }) => {
      const [rows, vectors] = [wholes(width * dim, seed), wholes(3 * dim, seed + 1)]
      const added = biased ? wholes(width, seed + 2) : undefined
      // What comes in is a row of Keras' kernel, what comes out one of PyTorch's weight.
      const columns = Float32Array.from(rows, (_, i) => rows[(i % width) * dim + Math.floor(i / width)]!)
      const bias = added && { bias: added }
      const torch = { weight: { data: rows, dims: [width, dim] }, layout: 'out-in', ...bias } as const
      const keras = { weight: { data: columns, dims: [dim, width] }, layout: 'in-out', ...bias } as const
      const expected = Float32Array.from({ length: 3 * width }, (_, i) => {
        const [n, o] = [Math.floor(i / width), i % width]
        let sum = added?.[o] ?? 0
        for (let j = 0; j < dim; j++) sum += rows[o * dim + j]! * vectors[n * dim + j]!
        return sum
      })
      for (const layer of [torch, keras]) {
        const projection = Projection.fromDense({ ...layer, metric: 'ip' }, quiet)
        expect([projection.dim, projection.width, projection.spec]).toEqual([dim, width, `DENSE${width}`])
        expectSame(await projection.apply(vectors), expected)
        await projection.close()
      }
    }),
    { numRuns: 40, seed: 5 },
  )
})

test.each(METRICS)('read from npy files it does by %s what plain code does', async (metric) => {
  const [dim, width] = [10, 4]
  const [rows, added, vectors] = [fractions(width * dim, 1), fractions(width, 2), fractions(6 * dim, 3)]
  for (const dtype of ['float32', 'float64', 'float16'] as const) {
    const weight = await read(await toBytes({ data: rows, dims: [width, dim] }, { format: 'npy', dtype }))
    const bias = await read(await toBytes({ data: added, dims: [1, width] }, { format: 'npy', dtype }))
    const projection = Projection.fromDense({ weight, bias: bias.data, layout: 'out-in', metric }, quiet)
    const found = await projection.apply(vectors)
    const own = { word: '', metric, dim, width, unit: metric === 'cosine' }
    const expected = plainProjection({ ...own, weight: rows, bias: added }, vectors)
    found.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, dtype === 'float16' ? 2 : 5))
    await projection.close()
  }
})

test('a square weight is read as its layout says', async () => {
  const weight = [
    [1, 2],
    [3, 4],
  ]
  const [torch, keras] = (['out-in', 'in-out'] as const).map((layout) =>
    Projection.fromDense({ weight, layout, metric: 'ip' }, quiet),
  )
  expect([...(await torch!.apply([1, 10]))]).toEqual([21, 43])
  expect([...(await keras!.apply([1, 10]))]).toEqual([31, 42])
  await torch!.close()
  await keras!.close()
})

test('the layer is a copy: what happens to the arrays afterwards is no matter', async () => {
  const [weight, bias] = [Float32Array.of(1, 2), Float32Array.of(5)]
  const projection = Projection.fromDense(
    { weight: { data: weight, dims: [1, 2] }, bias, layout: 'out-in', metric: 'l2' },
    quiet,
  )
  weight.fill(9)
  bias.fill(9)
  expect([...(await projection.apply([1, 1]))]).toEqual([8])
  await projection.close()
})

test('by cosine lengths are 1 before and after, and a layer may give more components than it takes', async () => {
  const projection = Projection.fromDense({ weight: [[2], [0], [-2]], bias: [0, 1, 0], layout: 'out-in' }, quiet)
  expect([projection.dim, projection.width, projection.metric]).toEqual([1, 3, 'cosine'])
  for (const given of [0.001, 7]) {
    const [a, b, c] = await projection.apply([given])
    expect([a, b, c]).toEqual([2 / 3, 1 / 3, -2 / 3].map((value) => expect.closeTo(value, 6)))
  }
  expect([...(await projection.apply([0]))]).toEqual([0, 0, 0])
  const again = await Projection.fromSafetensors(await projection.toSafetensors(), quiet)
  expect(again.parameters).toEqual(projection.parameters)
  await projection.close()
  await again.close()
})

test('an index takes it', async () => {
  const vectors = fractions(200 * 6, 4)
  const projection = Projection.fromDense(
    { weight: { data: fractions(18, 5), dims: [3, 6] }, layout: 'out-in', metric: 'l2' },
    quiet,
  )
  const index = new CompressedFastIVF(6, { nlist: 4, compressionNdim: 3, projection, metric: 'l2', ...quiet })
  await index.train(vectors)
  const { ids } = await index.search(vectors, { k: 1, nprobe: 4, rescoreFactor: 20 })
  expect([...ids]).toEqual(Array.from({ length: 200 }, (_, i) => i))
  expect(index.projection?.parameters).toEqual(projection.parameters)
  await index.close()
})

test('null is no bias, as JSON has it', async () => {
  const projection = Projection.fromDense(
    { weight: [[1, 2]], bias: null as never, layout: 'out-in', metric: 'ip' },
    quiet,
  )
  expect(projection.parameters.bias).toBeUndefined()
  expect([...(await projection.apply([1, 1]))]).toEqual([3])
  await projection.close()
})

test('an index of given centroids asks for it', async () => {
  for (const options of [undefined, {}, { projection: null }]) {
    const error = await refusal(() => CompressedFastIVF.fromCentroids([[1, 0]], options as never))
    expect(error).toMatchObject({ code: 'ERR_ARGUMENT', message: expect.stringMatching(/projection is missing/) })
  }
})

describe('refused is', () => {
  const weight = [
    [1, 2, 3],
    [4, 5, 6],
  ]
  const cases: [string, Partial<DenseLayer>, string, RegExp][] = [
    ['a missing layout', { layout: undefined as never }, 'ERR_ARGUMENT', /layout is undefined; .*'out-in', 'in-out'/],
    ['another layout', { layout: 'torch' as never }, 'ERR_ARGUMENT', /layout is 'torch'/],
    ['another metric', { metric: 'dot' as never }, 'ERR_ARGUMENT', /metric is 'dot'/],
    ['a bias of the other side', { bias: [1, 2, 3] }, 'ERR_DIM', /bias holds 3 .* gives 2 .*other way round/],
    ['a bias of the other side, in Keras', { bias: [1, 2], layout: 'in-out' }, 'ERR_DIM', /bias holds 2 .* gives 3/],
    ['an empty bias', { bias: [] }, 'ERR_DIM', /bias holds 0/],
    ['a flat weight', { weight: new Float32Array(6) }, 'ERR_DIM', /weight is a flat array of 6/],
    ['a ragged weight', { weight: [[1, 2], [3]] }, 'ERR_DIM', /row 1 of weight/],
    ['an empty weight', { weight: [] }, 'ERR_EMPTY', /weight is empty/],
    [
      'a weight without columns',
      { weight: { data: new Float32Array(0), dims: [0, 3] } },
      'ERR_EMPTY',
      /weight is empty/,
    ],
    ['no weight', { weight: undefined as never }, 'ERR_ARGUMENT', /weight is undefined/],
    [
      'a convolution',
      { weight: { data: new Float32Array(8), dims: [2, 2, 2] } },
      'ERR_ARGUMENT',
      /weight has dims \[2,2,2\]/,
    ],
    ['NaN in the weight', { weight: [[1, Number.NaN]], bias: [0] }, 'ERR_NOT_FINITE', /weight holds NaN/],
    ['Infinity in the bias', { bias: [0, Infinity] }, 'ERR_NOT_FINITE', /bias holds Infinity/],
    ['what 32 bits cannot hold', { bias: [1e39, 0] }, 'ERR_NOT_FINITE', /bias holds Infinity/],
    ['words', { weight: [['1', '2']] as never }, 'ERR_ARGUMENT', /'1'/],
  ]
  test.each(cases)('%s', async (_, layer, code, message) => {
    const error = await refusal(() => Projection.fromDense({ weight, layout: 'out-in', ...layer }, quiet))
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) })
  })
})

async function read(bytes: Uint8Array) {
  const file = await openVectors(bytes)
  const all = await file.readAll()
  await file.close()
  return all
}
