import { beforeAll, describe, expect, test } from 'vitest'
import { exactSearch, IvfIndex, type Metric, recall, type SearchResult } from '../../src/index.js'
import { mixture } from '../mixture.js'

const [DIM, COUNT, NQ] = [64, 10_000, 200]
const vectors = mixture(COUNT, DIM, 31)
const queries = mixture(NQ, DIM, 32)
const METRICS = ['cosine', 'ip', 'l2'] as const
/** A quarter of 40 cells; of 600, which are chosen by an index of their own, the sixteenth up to which they are. */
const NPROBE: Record<string, number> = { IVF40: 10, IVF600: 36 }

/** Recall@10 by default and of codes alone, a hundredth or two below what was measured: by cosine, ip, l2. */
const FLOORS: Record<string, Record<'usual' | 'codes', [cosine: number, ip: number, l2: number]>> = {
  'IVF40,Flat': { usual: [0.97, 0.98, 0.95], codes: [0.97, 0.98, 0.95] },
  'IVF40,SQ8': { usual: [0.97, 0.98, 0.95], codes: [0.955, 0.965, 0.94] },
  'IVF40,SQ4': { usual: [0.97, 0.98, 0.95], codes: [0.865, 0.915, 0.86] },
  'IVF40,SQ2': { usual: [0.965, 0.975, 0.945], codes: [0.65, 0.785, 0.63] },
  'IVF40,SQ1': { usual: [0.965, 0.975, 0.945], codes: [0.385, 0.605, 0.375] },
  'IVF40,PQ16x8': { usual: [0.905, 0.925, 0.91], codes: [0.55, 0.615, 0.58] },
  'IVF40,PQ16x6': { usual: [0.76, 0.81, 0.77], codes: [0.4, 0.45, 0.42] },
  'IVF40,PQ32x4': { usual: [0.835, 0.785, 0.84], codes: [0.46, 0.44, 0.48] },
  'OPQ16,IVF40,PQ16x6': { usual: [0.875, 0.905, 0.87], codes: [0.515, 0.59, 0.525] },
  'IVF40,PQ16x6,R16': { usual: [0.945, 0.955, 0.935], codes: [0.4, 0.45, 0.42] },
  'IVF600,Flat': { usual: [0.965, 0.975, 0.96], codes: [0.965, 0.975, 0.96] },
  'IVF600,SQ4': { usual: [0.965, 0.975, 0.96], codes: [0.91, 0.935, 0.89] },
  SQ4: { usual: [0.995, 0.995, 0.995], codes: [0.785, 0.87, 0.825] },
}
/** Of codes alone, relative to Flat in the same cells. */
const RELATIVE = { SQ4: 0.88, SQ8: 0.975 }

describe.each(METRICS)('recall@10 by %s', (metric) => {
  const found = new Map<string, { usual: number; codes: number }>()
  let truth: SearchResult
  beforeAll(async () => {
    truth = await exactSearch(vectors, queries, { k: 10, metric, dim: DIM })
  })

  test.each(Object.entries(FLOORS))('%s', async (spec, floors) => {
    const index = await build(spec, metric)
    const nprobe = NPROBE[spec.match(/IVF\d+/)?.[0] ?? ''] ?? 1
    const [usual, codes] = [
      await index.search(queries, { nprobe }),
      await index.search(queries, { nprobe, rescore: false }),
    ]
    await index.close()
    const measured = { usual: recall(usual, truth, 10), codes: recall(codes, truth, 10) }
    found.set(spec, measured)
    const which = METRICS.indexOf(metric)
    expect(measured.usual).toBeGreaterThanOrEqual(floors.usual[which] as number)
    expect(measured.codes).toBeGreaterThanOrEqual(floors.codes[which] as number)
  })

  test.each(Object.entries(RELATIVE))('of %s alone is near that of Flat in the same cells', (word, least) => {
    const [flat, coded] = ['Flat', word].map((code) => found.get(`IVF40,${code}`)?.codes as number)
    expect((coded as number) / (flat as number)).toBeGreaterThanOrEqual(least)
  })
})

function build(spec: string, metric: Metric): Promise<IvfIndex> {
  return IvfIndex.build(vectors, {
    calibrate: false,
    spec,
    metric,
    dim: DIM,
    seed: 1,
    kmeansIterations: 5,
    kmeansPointsPerCentroid: 50,
  })
}
