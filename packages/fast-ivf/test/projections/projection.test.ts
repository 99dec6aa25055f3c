import { describe, expect, test } from 'vitest'
import { Projection, type ProjectionOptions, type Vectors } from '../../src/index.js'
import { expectSame } from '../kernels/machine.js'
import { mixture } from '../mixture.js'
import { refusal } from '../refusal.js'
import { plainProjection } from './plain.js'
import { DIM, METRICS, quickly, sample } from './trained.js'

const vectors = mixture(70, DIM, 2)
const options = { spec: 'PCA12', dim: DIM, threads: 0 } as const

describe.each(['AE12', 'NET7', 'PCA12', 'PCAC1', 'RR48', 'T17', 'L2norm'])('%s', (spec) => {
  test.each(METRICS)('by %s does to vectors what its parameters say', async (metric) => {
    const projection = await quickly(spec, metric)
    expect([projection.spec, projection.metric, projection.dim]).toEqual([spec, metric, DIM])
    const found = await projection.apply(vectors)
    const expected = plainProjection(projection.parameters, vectors)
    expect(found.length).toBe(70 * projection.width)
    found.forEach((value, i) =>
      expect(Math.abs(value - expected[i]!)).toBeLessThan(2e-5 * Math.max(1, Math.abs(expected[i]!))),
    )
    await projection.close()
  })
})

describe('apply', () => {
  test('takes whatever vectors are, and one is given what it is given among others', async () => {
    const projection = await Projection.train(sample, { ...options, metric: 'l2' })
    const rows = Array.from({ length: 70 }, (_, i) => vectors.subarray(i * DIM, (i + 1) * DIM))
    const found = await projection.apply(vectors)
    const same: Vectors[] = [
      rows,
      rows.map((row) => [...row]),
      { data: vectors, dims: [70, DIM] },
      { data: [...vectors], shape: [70, DIM] },
      Float64Array.from(vectors),
      [...vectors],
    ]
    for (const input of same) expectSame(await projection.apply(input), found)
    for (const [i, row] of rows.entries()) expectSame(await projection.apply(row), found.subarray(i * 12, (i + 1) * 12))
    expectSame(await projection.apply({ data: vectors, dims: [DIM] }), found.subarray(0, 12))
    await projection.close()
  })

  test('of nothing gives nothing', async () => {
    for (const spec of ['PCA12', 'T3', 'L2norm']) {
      const projection = await Projection.train(sample, { ...options, spec })
      for (const none of [new Float32Array(0), [], { data: new Float32Array(0), dims: [0, DIM] }]) {
        expect(await projection.apply(none)).toEqual(new Float32Array(0))
      }
      await projection.close()
    }
  })

  test('of many vectors at once gives each what is its own', async () => {
    const projection = Projection.fromDense({ weight: [[1, 2]], layout: 'out-in', metric: 'ip' }, { threads: 0 })
    // More than are copied in at a time.
    const many = Float32Array.from({ length: 2 * 1_100_000 }, (_, i) => i % 1000)
    const found = await projection.apply(many)
    expectSame(
      found,
      found.map((_, i) => many[2 * i]! + 2 * many[2 * i + 1]!),
    )
    await projection.close()
  })

  test('refuses what is no vector of its dim, and goes on working', async () => {
    const projection = await Projection.train(sample, options)
    const bad = vectors.slice()
    bad[5 * DIM + 2] = Number.NaN
    const cases: [Vectors, string, RegExp][] = [
      [vectors.subarray(1), 'ERR_DIM', /47 are left over/],
      [[[1, 2, 3]], 'ERR_DIM', /row 0 .* 3 numbers/],
      [{ data: vectors, dims: [2, 70] }, 'ERR_DIM', /70 numbers, dim 48/],
      [bad, 'ERR_NOT_FINITE', /row 5 of vectors holds NaN at component 2/],
      [new Array(DIM).fill(1e300), 'ERR_NOT_FINITE', /row 0/],
      [detached(), 'ERR_DETACHED', /detached/],
      ['vectors' as never, 'ERR_ARGUMENT', /'vectors'/],
      [undefined as never, 'ERR_ARGUMENT', /undefined/],
    ]
    const before = await projection.apply(vectors)
    for (const [input, code, message] of cases) {
      expect(await refusal(() => projection.apply(input))).toMatchObject({
        code,
        message: expect.stringMatching(message),
      })
      expectSame(await projection.apply(vectors), before)
    }
    const reason = new Error('enough')
    await expect(projection.apply(vectors, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    await projection.close()
  })

  test('names the caller’s own row when a vector becomes too large, however many come before it', async () => {
    const weight = [new Array(DIM).fill(1e10)]
    const projection = Projection.fromDense({ weight, layout: 'out-in', metric: 'ip' }, { threads: 0 })
    const many = new Float32Array(50_000 * DIM)
    many[47_123 * DIM] = 1e18
    many[48_000 * DIM] = 1e18
    const error = await refusal(projection.apply(many))
    expect(error.code).toBe('ERR_NOT_FINITE')
    expect(error.message).toMatch(/^row 47123 of vectors becomes too large .* projection DENSE1; scale/)
    await projection.close()
  })

  test('waits no longer for a closed projection; calls in progress end', async () => {
    const projection = await Projection.train(sample, options)
    const running = projection.apply(vectors)
    const closed = projection.close()
    expect((await running).length).toBe(70 * 12)
    await closed
    expect((await refusal(projection.apply(vectors))).code).toBe('ERR_CLOSED')
    await projection.close()
    const other = Projection.of(projection.parameters, { threads: 0 })
    expect((await other.apply(vectors)).length).toBe(70 * 12)
    await other[Symbol.asyncDispose]()
    expect((await refusal(other.apply(vectors))).code).toBe('ERR_CLOSED')
  })
})

describe('train refuses', () => {
  const cases: [string, unknown, Partial<ProjectionOptions> | undefined, string, RegExp][] = [
    ['no options', sample, undefined, 'ERR_ARGUMENT', /spec is undefined/],
    ['no spec', sample, { spec: undefined as never }, 'ERR_ARGUMENT', /spec is undefined/],
    ['another word', sample, { spec: 'SQ8' }, 'ERR_ARGUMENT', /'SQ8'.*AE<components>.*L2norm/],
    ['a whole spec', sample, { spec: 'PCA12,IVF8,SQ8' }, 'ERR_ARGUMENT', /'PCA12,IVF8,SQ8'/],
    ['no components', sample, { spec: 'AE0' }, 'ERR_DIM', /AE0 gives 0 components/],
    ['too many components', sample, { spec: 'NET49' }, 'ERR_DIM', /49 components, but the vectors have 48/],
    ['another metric', sample, { metric: 'dot' as never }, 'ERR_ARGUMENT', /metric is 'dot'/],
    ['another seed', sample, { seed: -1 }, 'ERR_ARGUMENT', /seed is -1/],
    ['threads below 0', sample, { threads: -1 }, 'ERR_ARGUMENT', /threads is -1/],
    ['a flat array without dim', sample, { dim: undefined as never }, 'ERR_DIM', /option dim/],
    ['vectors of another dim', sample, { dim: 47 }, 'ERR_DIM', /dim 47/],
    ['a detached buffer', detached(), {}, 'ERR_DETACHED', /detached/],
    ['no vectors', [], { dim: undefined as never }, 'ERR_EMPTY', /no vectors/],
    [
      'no vectors, and a word that asks for no number',
      [],
      { spec: 'L2norm', dim: undefined as never },
      'ERR_EMPTY',
      /no vectors/,
    ],
    ['empty batches', [].values(), {}, 'ERR_EMPTY', /no vectors/],
    ['batches without dim', [sample].values(), { dim: undefined as never }, 'ERR_ARGUMENT', /dim is undefined/],
    ['batches of another dim', [sample, [[1, 2]]].values(), {}, 'ERR_DIM', /2 numbers, dim 48/],
    ['what is no vectors', 7, {}, 'ERR_ARGUMENT', /vectors is 7/],
  ]
  test.each(cases)('%s', async (_, input, own, code, message) => {
    const error = await refusal(() =>
      Projection.train(input as Vectors, (own && { ...options, ...own }) as ProjectionOptions),
    )
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) })
  })

  test.each(['AE12', 'NET12', 'PCA12', 'PCAC12', 'RR12', 'T12', 'L2norm'])(
    'NaN, by its row, before it learns %s',
    async (spec) => {
      const bad = sample.slice()
      bad[399 * DIM + 47] = Number.NaN
      const error = await refusal(Projection.train(bad, { ...options, spec }))
      expect(error).toMatchObject({
        code: 'ERR_NOT_FINITE',
        message: expect.stringMatching(/row 399 .*NaN at component 47/),
      })
    },
  )
})

test('words are read as people write them', async () => {
  for (const [written, spec] of [
    ['pca12', 'PCA12'],
    [' rr7 ', 'RR7'],
    ['l2NORM', 'L2norm'],
    ['T012', 'T12'],
  ]) {
    const projection = await Projection.train(sample, { ...options, spec: written! })
    expect(projection.spec).toBe(spec)
    await projection.close()
  }
})

function detached(): Float32Array {
  const copy = vectors.slice()
  structuredClone(copy.buffer, { transfer: [copy.buffer] })
  return copy
}
