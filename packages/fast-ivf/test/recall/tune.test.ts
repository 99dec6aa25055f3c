import { expect, test } from 'vitest'
import { IvfIndex, recall } from '../../src/index.js'
import { candidateOf, candidatesFor, leastBytes, specOf, spilled } from '../../src/tune-candidates.js'
import { mixture } from '../mixture.js'
import { refusal } from '../refusal.js'
import { DIM, delivered, queries, truthBy, vectors } from './indexes.js'

const life = { dim: DIM, calibrate: false }

test('the fastest spec that has the recall comes back, with all that was tried', async () => {
  const index = await IvfIndex.build(vectors, { spec: 'IVF64,Flat', ...life })
  const phases = new Set<string>()
  const specs = ['Flat', 'IVF64,Flat', 'IVF128,SQ8', 'IVF32,SQ4']
  const report = await index.tune({ recall: 0.9, specs, budget: 30, onProgress: ({ phase }) => phases.add(phase) })
  expect(specs).toContain(report.spec)
  expect([...phases]).toEqual(['tune'])
  const whole = report.tried.filter(({ size }) => size === index.size)
  expect(report.best).toBe(whole.find(({ spec }) => spec === report.spec))
  expect(Math.max(...whole.map(({ qps }) => qps))).toBe(report.best.qps)
  for (const { recall } of whole) expect(recall).toBeGreaterThanOrEqual(0.9)
  const { frontier } = report
  expect(frontier[0]).toBe(report.best)
  for (const [i, { bytesPerVector, qps }] of frontier.entries()) {
    if (i === 0) continue
    expect(qps).toBeLessThan(frontier[i - 1]?.qps as number)
    expect(bytesPerVector).toBeLessThan(frontier[i - 1]?.bytesPerVector as number)
  }
  // What it holds is as it was.
  expect(index.spec).toBe('IVF64,Flat')
  await index.close()
})

test('a limit of bytes is kept, or it is said that nothing keeps it', async () => {
  const index = await IvfIndex.build(vectors, { spec: 'Flat', ...life })
  const report = await index.tune({ recall: 0.8, bytesPerVector: 60, budget: 4 })
  for (const { bytesPerVector } of report.tried) expect(bytesPerVector).toBeLessThanOrEqual(60)
  const { code, message } = await refusal(index.tune({ recall: 0.99, bytesPerVector: 12, budget: 4 }))
  expect(code).toBe('ERR_ARGUMENT')
  expect(message).toMatch(/recall 0.99 at k = 10 with 12 bytes per vector/)
  for (const wrong of [{ recall: 0.2 }, { k: 0 }, { budget: -1 }, { bytesPerVector: 0 }, { specs: ['IVF'] }]) {
    expect((await refusal(index.tune(wrong))).code).toBe('ERR_ARGUMENT')
  }
  const reason = new Error('enough')
  await expect(index.tune({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  await index.close()
})

test('build needs nothing but a recall, and searches find it', async () => {
  const index = await IvfIndex.build(vectors, { dim: DIM, recall: 0.9, budget: 3 })
  expect(index.recall).toBe(0.9)
  const result = await index.search(queries, { k: 10 })
  const found = recall(result, await truthBy('cosine'), 10)
  expect(found).toBeGreaterThan(0.88)
  // nprobe overrules it.
  expect((await index.search(queries, { k: 10, nprobe: 1 })).recallEstimate).toBeUndefined()
  const again = await IvfIndex.open(await index.toBytes())
  expect(again.recall).toBe(0.9)
  expect(new Uint8Array((await again.search(queries, { k: 10 })).scores.buffer)).toEqual(
    new Uint8Array(result.scores.buffer),
  )
  for (const one of [index, again]) await one.close()
})

test('what is in two cells is never an answer twice, and what is asked for is found', async () => {
  for (const spec of ['IVF128s,Flat', 'IVF128s,SQ4']) {
    const index = await IvfIndex.build(vectors, { spec, dim: DIM, calibrate: false })
    await index.calibrate({ k: 10 })
    const plain = await IvfIndex.build(vectors, { spec: spec.replace('s,', ','), dim: DIM, calibrate: false })
    await plain.calibrate({ k: 10 })
    for (const asked of [0.9, 0.95]) {
      const { ids, nq, k, work } = await index.search(queries, { k: 10, recall: asked })
      for (let q = 0; q < nq; q++) expect(new Set(ids.subarray(q * k, (q + 1) * k)).size).toBe(k)
      const { found } = await delivered(index, asked, 'cosine')
      expect(found).toBeGreaterThan(asked - 0.02)
      expect(found).toBeLessThan(asked + 0.05)
      expect(work.cells).toBeLessThan((await plain.search(queries, { k: 10, recall: asked })).work.cells)
    }
    for (const one of [index, plain]) await one.close()
  }
})

test('threads change nothing of what a recall finds, spilled or not', async () => {
  const small = mixture(9000, DIM, 12)
  for (const spec of ['IVF64s,SQ4', 'IVF64,PQ12x4']) {
    const found = []
    for (const threads of [0, 3]) {
      const index = await IvfIndex.build(small, { spec, dim: DIM, threads })
      const { ids, scores, recallEstimate, work } = await index.search(queries, { k: 10, recall: 0.9 })
      found.push({ ids: [...ids], scores: [...scores], estimate: [...(recallEstimate as Float32Array)], work })
      await index.close()
    }
    expect(found[1]).toEqual(found[0])
  }
})

test('candidates: cells are fewer for fewer vectors, second cells are of those that have cells', () => {
  const all = candidatesFor(1 << 18, 128, ['f32', 'none'])
  expect(all[0]).toEqual({ nlist: 1, form: 'Flat', keep: 'none' })
  expect(all.some(({ form }) => form === 'IVF#,PQ32x4')).toBe(true)
  const one = candidateOf('OPQ8,IVF1024,PQ8x4', 1024, 'f32')
  expect(specOf(one, 1)).toBe('OPQ8,IVF1024,PQ8x4')
  expect(specOf(one, 1 / 16)).toBe('OPQ8,IVF256,PQ8x4')
  expect(specOf(spilled(one) as typeof one, 1)).toBe('OPQ8,IVF1024s,PQ8x4')
  expect(spilled(candidateOf('Flat', 1, 'none'))).toBeUndefined()
  expect(leastBytes({ nlist: 16, form: 'IVF#,SQ4', keep: 'none' }, 128)).toBe(68)
  expect(leastBytes({ nlist: 16, form: 'IVF#s,PQ32x4', keep: 'int8' }, 128)).toBe(164)
})
