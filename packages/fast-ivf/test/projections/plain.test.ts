import { afterAll, describe, expect, test } from 'vitest'
import { toMatrix } from '../../src/engine/vectors.js'
import type { Metric } from '../../src/options.js'
import type { ProjectionParameters, ProjectionPlan } from '../../src/projections/projection.js'
import { random } from '../../src/projections/random/random.js'
import { kinds, projectionOf } from '../../src/projections/registry.js'
import { createEngine } from '../../src/runtime.js'
import { dot, unlikeOrthonormal } from '../algebra/reference.js'
import { expectSame, fractions } from '../kernels/machine.js'
import { refusal } from '../refusal.js'

const engine = await createEngine({ threads: 0 })
afterAll(() => engine.close())

const METRICS: Metric[] = ['cosine', 'ip', 'l2']

describe('words', () => {
  test('of all kinds are told apart', () => {
    for (const kind of kinds) {
      for (const word of kind.examples) {
        expect(kinds.filter((other) => other.parse(word)).length).toBe(1)
        expect(projectionOf(word)?.word).toBe(word)
        expect(projectionOf(word)?.width(48)).toBeLessThanOrEqual(48)
      }
    }
  })

  test.each(['', 'PCA', 'PCAC', 'PCAX64', 'pca64', 'PCA-1', 'PCA1.5', 'RR', 'T', 'T64X', 'L2NORM', 'L2', 'FLAT'])(
    "'%s' is none",
    (word) => expect(projectionOf(word)).toBeUndefined(),
  )

  test.each([
    ['PCA012', 'PCA12'],
    ['RR007', 'RR7'],
  ])('are written in one way: %s is %s', (word, own) => expect(projectionOf(word)?.word).toBe(own))

  test.each(['PCA', 'PCAC', 'RR', 'T'])('that ask for too many or no components are refused: %s', async (name) => {
    const most = await refusal(() => projectionOf(`${name}49`)?.width(48))
    expect(most.code).toBe('ERR_DIM')
    expect(most.message).toBe(`${name}49 gives 49 components, but the vectors have 48; ask for at most 48`)
    const none = await refusal(() => projectionOf(`${name}0`)?.width(48))
    expect(none).toMatchObject({ code: 'ERR_DIM', message: `${name}0 gives 0 components; ask for 1 to 48` })
    expect((await refusal(train(projectionOf(`${name}49`)!, 'ip', 48))).code).toBe('ERR_DIM')
    expect(projectionOf(`${name}48`)?.width(48)).toBe(48)
  })
})

describe.each(METRICS)('under %s', (metric) => {
  test('L2norm makes vectors as long as 1 and nothing else', async () => {
    expect(await train(projectionOf('L2norm')!, metric, 33)).toEqual({
      ...{ word: 'L2norm', metric, dim: 33, width: 33 },
      ...{ weight: undefined, bias: undefined, unit: true },
    })
  })

  test('T keeps the first components, as vectors of length 1', async () => {
    expect(await train(projectionOf('T8')!, metric, 33)).toEqual({
      ...{ word: 'T8', metric, dim: 33, width: 8 },
      ...{ weight: undefined, bias: undefined, unit: true },
    })
  })

  test.each([1, 2, 3, 7, 16, 33, 100])(
    'RR is rows of a rotation, for ip and l2 as long as keeps lengths on the mean: dim %i',
    async (dim) => {
      for (const width of new Set([1, Math.ceil(dim / 2), dim])) {
        const { weight, ...rest } = await train(random({ width }), metric, dim)
        expect(rest).toEqual({ word: `RR${width}`, metric, dim, width, bias: undefined, unit: metric === 'cosine' })
        expect(weight!.length).toBe(width * dim)
        const length = metric === 'cosine' ? 1 : Math.sqrt(dim / width)
        expect(
          unlikeOrthonormal(
            weight!.map((value) => value / length),
            dim,
          ),
        ).toBeLessThan(4e-7)
      }
    },
  )
})

test('RR is the same for the same seed, and favours no component', async () => {
  const [first, again, other] = [
    await train(random({ width: 64 }), 'cosine', 128, 7),
    await train(random({ width: 64 }), 'cosine', 128, 7),
    await train(random({ width: 64 }), 'cosine', 128, 8),
  ]
  expectSame(again.weight!, first.weight!)
  expect(other.weight).not.toEqual(first.weight)
  for (let j = 0; j < 128; j++) {
    const column = Array.from({ length: 64 }, (_, i) => first.weight![i * 128 + j]!)
    // In squares 1/2, give or take 0.06.
    expect(Math.abs(dot(column, column) - 0.5)).toBeLessThan(0.25)
  }
})

test('RR stops when told', async () => {
  const sample = toMatrix(fractions(10 * 48, 1), 48, 'vectors')
  const options = { signal: AbortSignal.abort(new Error('enough')) }
  const own = { engine, metric: 'ip' as const, dim: 48, sample, centroids: undefined, seed: 1, options }
  await expect(random({ width: 8 }).train(own)).rejects.toThrow('enough')
})

function train(plan: ProjectionPlan, metric: Metric, dim: number, seed = 1): Promise<ProjectionParameters> {
  const sample = toMatrix(fractions(60 * dim, 1), dim, 'vectors')
  return plan.train({ engine, metric, dim, sample, centroids: undefined, seed, options: {} })
}
