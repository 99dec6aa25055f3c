import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Projection } from '../../src/index.js'
import type { Metric } from '../../src/options.js'
import { kinds } from '../../src/projections/registry.js'
import { mixture } from '../mixture.js'
import { refusal } from '../refusal.js'
import { plainProjection } from './plain.js'

const [DIM, COUNT] = [48, 700]
const words = kinds.flatMap(({ examples }) => examples)
const sample = mixture(1500, DIM, 1)
const vectors = mixture(COUNT, DIM, 2)
const ZERO_ROW = 3
vectors.fill(0, ZERO_ROW * DIM, (ZERO_ROW + 1) * DIM)

/** What every projection must keep of the ten nearest, by metric: about .03 below what was measured. */
const FLOORS: Record<string, Record<Metric, number>> = {
  AE12: { cosine: 0.59, ip: 0.54, l2: 0.57 },
  NET12: { cosine: 0.44, ip: 0.07, l2: 0.48 },
  PCA12: { cosine: 0.58, ip: 0.51, l2: 0.58 },
  PCAC12: { cosine: 0.56, ip: 0.41, l2: 0.58 },
  RR12: { cosine: 0.5, ip: 0.41, l2: 0.5 },
  T12: { cosine: 0.63, ip: 0.52, l2: 0.59 },
  L2norm: { cosine: 0.999, ip: 0.63, l2: 0.76 },
}

describe.each(words)('%s', (spec) => {
  describe.each(['cosine', 'ip', 'l2'] as const)('by %s', (metric) => {
    let projection: Projection
    beforeAll(async () => {
      projection = await Projection.train(sample, { spec, metric, dim: DIM, seed: 3, threads: 0 })
    })
    afterAll(() => projection.close())

    test('is named, and gives as many components as it says', async () => {
      expect(projection.spec).toBe(spec)
      expect([projection.dim, projection.metric]).toEqual([DIM, metric])
      expect((await projection.apply(vectors)).length).toBe(COUNT * projection.width)
      expect(projection.width).toBe(Number(spec.match(/\d+$/)?.[0] ?? DIM))
    })

    test('does what its parameters say', async () => {
      const found = await projection.apply(vectors)
      const expected = plainProjection(projection.parameters, vectors)
      const size = Math.sqrt(expected.reduce((sum, value) => sum + value * value, 0) / COUNT)
      const worst = found.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0)
      expect(worst).toBeLessThan(2e-5 * size)
    })

    test('a vector of zeros becomes zeros where lengths are 1, no other does', async () => {
      const found = await projection.apply(vectors)
      if (!projection.parameters.unit) return
      const { width } = projection
      for (let i = 0; i < COUNT; i++) {
        const length = Math.hypot(...found.subarray(i * width, (i + 1) * width))
        expect(length).toBeCloseTo(i === ZERO_ROW ? 0 : 1, 4)
      }
    })

    test('read back from its file, it is the same to the last bit', async () => {
      const again = await Projection.fromSafetensors(await projection.toSafetensors(), { threads: 0 })
      expect(again.parameters).toEqual(projection.parameters)
      expect(await again.apply(vectors)).toEqual(await projection.apply(vectors))
      await again.close()
    })

    test('threads change nothing', async () => {
      const threaded = await Projection.train(sample, { spec, metric, dim: DIM, seed: 3, threads: 2 })
      expect(threaded.parameters).toEqual(projection.parameters)
      await threaded.close()
    })

    test('the nearest stay near', async () => {
      const projected = await projection.apply(vectors)
      const { width } = projection
      const truth = nearest(vectors, DIM, metric)
      const found = nearest(projected, width, metric)
      let hits = 0
      truth.forEach((rows, q) => {
        for (const row of rows) if (found[q]!.includes(row)) hits++
      })
      expect(hits / truth.length / 10).toBeGreaterThan(FLOORS[spec]![metric])
    })

    test('more components than there are cannot be had', async () => {
      const wider = spec.replace(/\d+$/, `${DIM + 1}`)
      if (wider === spec) return
      const error = await refusal(Projection.train(sample, { spec: wider, metric, dim: DIM, threads: 0 }))
      expect(error.code).toBe('ERR_DIM')
      expect(error.message).toContain(`${DIM + 1} components, but the vectors have ${DIM}`)
    })
  })
})

/** The ten rows nearest to each of the first fifty, without itself and without zeros. */
function nearest(rows: Float32Array, dim: number, metric: Metric): number[][] {
  const list = Array.from({ length: rows.length / dim }, (_, i) => rows.subarray(i * dim, (i + 1) * dim))
  const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0)
  const norms = list.map((row) => dot(row, row))
  return list.slice(4, 54).map((query, q) => {
    const scores = list.map((row, i) => {
      if (i === q + 4 || i === ZERO_ROW) return Number.NEGATIVE_INFINITY
      const product = dot(query, row)
      if (metric === 'l2') return 2 * product - norms[i]!
      return metric === 'ip' ? product : product / Math.sqrt(norms[i]!)
    })
    return [...scores.keys()].sort((a, b) => scores[b]! - scores[a]!).slice(0, 10)
  })
}
