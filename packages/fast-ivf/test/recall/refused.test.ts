import { afterAll, expect, test } from 'vitest'
import { IvfIndex } from '../../src/index.js'
import { mixture } from '../mixture.js'
import { refusal } from '../refusal.js'

const [DIM, COUNT] = [16, 1200]
const vectors = mixture(COUNT, DIM, 5)
const queries = vectors.subarray(0, 40 * DIM)
const settings = { spec: 'IVF16,SQ4', dim: DIM, kmeansIterations: 2, threads: 0, calibrate: false } as const
const index = await IvfIndex.build(vectors, settings)
const fresh = await IvfIndex.build(vectors, settings)
await index.calibrate({ k: 10 })
afterAll(async () => {
  await index.close()
  await fresh.close()
})

test.each([
  [{ recall: 0.9, nprobe: 4 }, 'ERR_ARGUMENT', 'recall and nprobe both say how much is looked at; give one of them'],
  [{ recall: 0.9, rescore: false }, 'ERR_ARGUMENT', /^recall and rescore /],
  [{ recall: 0.9, epsilon: 2 }, 'ERR_ARGUMENT', /^recall and epsilon /],
  [{ recall: 2 }, 'ERR_ARGUMENT', 'recall is 2; it must be a number from 0.5 to 1'],
  [{ recall: Number.NaN }, 'ERR_ARGUMENT', /^recall is NaN/],
  [
    { recall: 0.9, k: 11 },
    'ERR_NOT_CALIBRATED',
    /^recall is known for k up to 10, and k is 11; .*calibrate\({ k: 11 }\)/,
  ],
])('a search with %o is refused', async (options, code, message) => {
  expect(await refusal(index.search(queries, options))).toMatchObject({
    code,
    message: typeof message === 'string' ? message : expect.stringMatching(message),
  })
})

test('a recall that is asked for before calibration says what to do', async () => {
  expect(await refusal(fresh.search(queries, { recall: 0.9 }))).toMatchObject({
    code: 'ERR_NOT_CALIBRATED',
    message: expect.stringMatching(/call and await calibrate\(\) first, or give nprobe/),
  })
  const steps: string[] = []
  const onProgress = ({ phase }: { phase: string }) => steps.push(phase)
  const evaluating = fresh.evaluate(queries, { recall: 0.9, onProgress })
  expect(await refusal(evaluating)).toMatchObject({ code: 'ERR_NOT_CALIBRATED' })
  expect(steps).not.toContain('truth')
  expect(await refusal(fresh.explain(queries.subarray(0, DIM), { recall: 0.9 }))).toMatchObject({
    code: 'ERR_NOT_CALIBRATED',
  })
})

const found = { ids: new Float64Array(40 * 10), k: 10 }

test.each([
  [{ queries: vectors.subarray(0, 19 * DIM) }, 'ERR_TOO_FEW', /^19 queries /],
  [{ queries: [[1, 2]] }, 'ERR_DIM', /dim/],
  [{ truth: found }, 'ERR_ARGUMENT', /give queries, too/],
  [{ queries, truth: { ...found, k: 9 }, k: 10 }, 'ERR_ARGUMENT', /^truth holds 400 ids, 9 for each query/],
  [{ queries, truth: { ids: [1, 2], k: 1 }, k: 1 }, 'ERR_ARGUMENT', /^truth holds 2 ids, 1 for each query/],
  [{ queries, truth: { ids: found.ids.fill(COUNT + 7), k: 10 }, k: 10 }, 'ERR_ID', /^truth names 1207, which is not/],
  [{ k: 0 }, 'ERR_ARGUMENT', /^k is 0/],
  [{ k: [] }, 'ERR_ARGUMENT', /^k is an empty list/],
  [{ confidence: 1 }, 'ERR_ARGUMENT', /^confidence is 1/],
])('calibrating with %o is refused, and what was known stays', async (options, code, message) => {
  const before = index.calibration
  expect(await refusal(index.calibrate(options))).toMatchObject({ code, message: expect.stringMatching(message) })
  expect(index.calibration).toEqual(before)
})

test('a recall that codes cannot give is refused, with the most that they can', async () => {
  const small = await IvfIndex.build(vectors, { ...settings, spec: 'IVF16,SQ1', keep: 'none' })
  // Of the vectors themselves, not of what is left of them.
  const truth = await index.search(queries, { nprobe: 16, epsilon: 100 })
  const { rules } = await small.calibrate({ queries, truth, k: 10 })
  const error = await refusal(small.search(queries, { recall: 0.99 }))
  expect(error).toMatchObject({
    code: 'ERR_ARGUMENT',
    message: expect.stringMatching(
      /^recall is 0.99, .* at most 0\.\d+ can be had at k = 10; ask for less, or build with more bits/,
    ),
  })
  expect(rules[0]?.highest).toBeLessThan(0.9)
  await small.close()
})

test('an empty index, one that is not trained and one that is closed do not calibrate', async () => {
  const empty = await IvfIndex.train(vectors, { ...settings, spec: 'IVF16,SQ4' })
  expect(await refusal(empty.calibrate())).toMatchObject({ code: 'ERR_EMPTY' })
  await empty.close()
  expect(await refusal(empty.calibrate())).toMatchObject({ code: 'ERR_CLOSED' })
})

test('a call that is aborted leaves what was known', async () => {
  const before = index.calibration
  const signal = AbortSignal.abort(new Error('enough'))
  await expect(index.calibrate({ signal })).rejects.toThrow('enough')
  await expect(index.evaluate(queries, { signal })).rejects.toThrow('enough')
  await expect(index.explain(queries.subarray(0, DIM), { signal })).rejects.toThrow('enough')
  expect(index.calibration).toEqual(before)
})

test.each([0.4, 1.01, '0.9'])('an index does not take %o for its recall', (value) => {
  expect(() => {
    index.recall = value as number
  }).toThrow(/^recall is /)
})
