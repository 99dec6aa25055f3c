import fc from 'fast-check'
import { pythonWith } from 'fast-ivf-cli/parts/python'
import { describe, expect, it } from 'vitest'
import { chanceOf } from '../src/chance.js'
import { type Agreement, compareLabels } from '../src/cluster-measures.js'
import { trySklearn } from '../src/sklearn.js'
import { blobs } from '../src/synth.js'

const sklearn = await pythonWith('sklearn')
const labels = (n: number) => fc.array(fc.integer({ min: -2, max: 4 }), { minLength: n, maxLength: n })
const pairs = fc.integer({ min: 1, max: 40 }).chain((n) => fc.tuple(labels(n), labels(n)))

describe('labels compared with the truth', () => {
  it.each<[what: string, truth: number[], found: number[], expected: Agreement]>([
    ['the same groups under other names', [0, 0, 1, 1], [7, 7, -3, -3], measures(1, 1, 1, 1, 1)],
    ['one group of everything', [0, 0, 1, 1], [5, 5, 5, 5], measures(0, 1, 0, 0, 0)],
    ['groups that cut across', [0, 0, 1, 1], [0, 1, 0, 1], measures(0, 0, 0, -1 / 2, -1 / 2)],
    // entropies ln 2 and 1.5 ln 2, mutual information ln 2, of which chance gives 2/3; 1 of 2 and of 1 pairs together
    ['a class in two groups', [0, 0, 1, 1], [0, 0, 1, 2], measures(1, 2 / 3, 4 / 5, 4 / 7, 4 / 7)],
    ['every point alone in both', [0, 1, 2, 3], [3, 2, 1, 0], measures(1, 1, 1, 1, 1)],
    ['one point', [1], [2], measures(1, 1, 1, 1, 1)],
    ['no points', [], [], measures(1, 1, 1, 1, 1)],
  ])('%s', (_, truth, found, expected) => {
    expectNear(compareLabels(truth, found), expected)
  })

  it('cannot be told apart from the truth, but that homogeneity and completeness change places', () => {
    fc.assert(
      fc.property(pairs, ([a, b]) => {
        const { homogeneity, completeness, ...rest } = compareLabels(a, b)
        expectNear(compareLabels(b, a), { homogeneity: completeness, completeness: homogeneity, ...rest })
      }),
    )
  })

  it('are 1 for the truth itself, and never more', () => {
    fc.assert(
      fc.property(pairs, ([a, b]) => {
        expectNear(compareLabels(a, a), measures(1, 1, 1, 1, 1))
        for (const value of Object.values(compareLabels(a, b))) expect(value).toBeLessThanOrEqual(1 + 1e-9)
      }),
    )
  })

  it('by chance get 0 from what is adjusted for chance, and more from the others', () => {
    const chance = chanceOf(1)
    const random = () => Int32Array.from({ length: 2000 }, () => Math.floor(chance.uniform() * 100))
    const { adjustedRand, adjustedMutualInformation, vMeasure } = compareLabels(random(), random())
    expect(Math.abs(adjustedRand)).toBeLessThan(0.01)
    expect(Math.abs(adjustedMutualInformation)).toBeLessThan(0.02)
    expect(vMeasure).toBeGreaterThan(0.3)
  })

  it('must be as many as there are true ones', () => {
    expect(() => compareLabels([0, 1], [0])).toThrow('there are 2 true labels and 1 found; give one of each per point')
  })

  it.skipIf(!sklearn)('get the same from scikit-learn', async () => {
    const { points, labels: truth } = blobs({ rows: 3000, dim: 4, clusters: 7, seed: 2 })
    const chance = chanceOf(3)
    const mostly = (share: number) =>
      truth.map((label) => (chance.uniform() < share ? label : Math.floor(chance.uniform() * 12)))
    const found = [mostly(1), mostly(0.8), mostly(0.3), mostly(0)]
    const answer = await trySklearn(points, truth, { dim: 4, clusters: 7, batchSize: 256, seeds: [1], labels: found })
    expect(answer!.difference).toBeLessThan(1e-10)
  })
})

function measures(
  homogeneity: number,
  completeness: number,
  vMeasure: number,
  adjustedRand: number,
  adjustedMutualInformation: number,
): Agreement {
  return { homogeneity, completeness, vMeasure, adjustedRand, adjustedMutualInformation }
}

function expectNear(found: Agreement, expected: Agreement): void {
  for (const [key, value] of Object.entries(expected)) expect(found[key as keyof Agreement], key).toBeCloseTo(value, 9)
}
