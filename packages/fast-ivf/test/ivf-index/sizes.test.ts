import { beforeAll, describe, expect, test } from 'vitest'
import { IvfIndex, type Keep, type Vectors } from '../../src/index.js'
import { mixture } from '../mixture.js'
import { refusal } from '../refusal.js'

describe('bytes per vector at dim 256, ids and factors included', () => {
  const [DIM, COUNT] = [256, 20_000]
  let vectors: Float32Array
  beforeAll(() => {
    vectors = mixture(COUNT, DIM, 1)
  })

  // The most that is allowed, and what it takes.
  test.each([
    ['SQ8', 280, 276],
    ['SQ4', 150, 148],
    ['SQ2', 90, 84],
    ['SQ1', 56, 48],
    ['PQ32x6', 40, 32],
    ['PQ64x4', 41, 40],
    ['Flat', 1036, 1032],
  ])('%s: at most %i', async (word, most, usual) => {
    const options = { spec: `IVF16,${word}`, dim: DIM, keep: 'none', kmeansIterations: 2 } as const
    const index = await IvfIndex.train(vectors.subarray(0, 1000 * DIM), options)
    await index.add(vectors)
    expect(index.codeBytes).toBeLessThanOrEqual(most)
    expect(index.codeBytes).toBeLessThan(usual * 1.005)
    expect(index.codeBytes).toBeGreaterThanOrEqual(usual)
    // The same bytes, and the centroids twice.
    expect(index.bytes).toBe(index.codeBytes * COUNT + 2 * 16 * DIM * 4)
    await index.close()
  })
})

describe('vectors kept beside their codes', () => {
  const [DIM, COUNT] = [37, 1000]
  const vectors = mixture(COUNT, DIM, 2)
  const build = (keep: Keep, data: Vectors = vectors): Promise<IvfIndex> =>
    IvfIndex.build(data, { calibrate: false, spec: 'IVF8,SQ4', metric: 'l2', dim: DIM, keep, kmeansIterations: 2 })

  test.each([
    ['f32', 148],
    ['f16', 80],
    ['int8', 48],
    ['none', 0],
  ] as const)('%s: %i bytes each at dim 37', async (keep, bytes) => {
    const index = await build(keep)
    expect(index.keep).toBe(keep)
    expect(index.bytes).toBe(index.codeBytes * COUNT + COUNT * bytes + 2 * 8 * DIM * 4)
    // Parts that are merged take what one takes.
    const parts = await IvfIndex.train(vectors, { spec: 'IVF8,SQ4', metric: 'l2', dim: DIM, keep, kmeansIterations: 2 })
    await parts.add(vectors.subarray(0, 400 * DIM))
    await parts.add(vectors.subarray(400 * DIM))
    await parts.compact()
    expect(parts.bytes).toBe(index.bytes)
    for (const one of [index, parts]) await one.close()
  })

  test('scores are those of the vectors as they were kept', async () => {
    const queries = vectors.subarray(0, 10 * DIM)
    for (const [keep, most] of [
      ['f32', 0],
      ['f16', 1e-5],
      ['int8', 1e-2],
    ] as const) {
      const index = await build(keep)
      const { ids, scores } = await index.search(queries, { k: 1, nprobe: 8 })
      expect([...ids]).toEqual(Array.from({ length: 10 }, (_, i) => i))
      for (const score of scores) expect(score).toBeLessThanOrEqual(most)
      await index.close()
    }
  })

  test('what halves cannot hold is refused, and nothing lost', async () => {
    const large = vectors.slice()
    large[123 * DIM + 5] = 7e4
    expect(await refusal(build('f16', large))).toMatchObject({
      code: 'ERR_ARGUMENT',
      message: expect.stringMatching(/^row 123 of vectors holds 70000 at component 5.*keep 'f32'/),
    })
    const index = await build('f16')
    const { bytes } = index
    expect(await refusal(index.add(large))).toMatchObject({ code: 'ERR_ARGUMENT' })
    expect(index).toMatchObject({ size: COUNT, bytes })
    await index.close()
  })
})
