import { describe, expect, test } from 'vitest'
import { refusal } from '../refusal.js'
import { indexOf, queries } from './matches.js'

describe('what cannot be compared is refused', () => {
  test.each([{ rescore: true }, { rescoreFactor: 2 }, { epsilon: 1 }])('without the vectors: %o', async (options) => {
    const index = await indexOf('SQ4', 'l2', { keep: 'none' })
    expect(await refusal(index.search(queries, options))).toMatchObject({
      code: 'ERR_ARGUMENT',
      message: expect.stringMatching(/needs the vectors, and this index keeps codes only; build it with keep 'f32'/),
    })
    const plain = await index.search(queries)
    expect(plain).toEqual(await index.search(queries, { rescore: false }))
    expect(plain.work.rescored).toBe(0)
  })

  test.each([
    ['PQ10x4', { epsilon: 1.9 }, /epsilon is 1.9, but these codes do not know their error; give rescoreFactor/],
    ['SQ4', { epsilon: 1, rescoreFactor: 2 }, /rescoreFactor and epsilon both/],
    ['SQ4', { epsilon: 1, rescore: false }, /epsilon is given and rescore is false/],
    ['SQ4', { rescoreFactor: 2, rescore: false }, /rescoreFactor is given and rescore is false/],
    ['SQ4', { rescoreFactor: 0.5 }, /rescoreFactor is 0.5; it must be a number from 1 /],
    ['SQ4', { rescoreFactor: Number.NaN }, /rescoreFactor is NaN/],
    ['SQ4', { epsilon: -0.1 }, /epsilon is -0.1; it must be a number from 0 to 100/],
    ['SQ4', { epsilon: Number.POSITIVE_INFINITY }, /epsilon is Infinity/],
    ['SQ4', { rescoreNumSamples: 1.5 }, /rescoreNumSamples is 1.5/],
    ['SQ4', { rescoreNumSamples: -2 }, /rescoreNumSamples is -2/],
    ['SQ4', { rescore: 'yes' as unknown as boolean }, /rescore is 'yes'; it must be true or false/],
  ] as const)('%s with %o', async (word, options, message) => {
    const index = await indexOf(word)
    expect(await refusal(index.search(queries, options))).toMatchObject({
      code: 'ERR_ARGUMENT',
      message: expect.stringMatching(message),
    })
  })
})

test('R tells the factor of an index, and a search may tell another', async () => {
  for (const word of ['SQ4', 'PQ10x4']) {
    const [plain, index] = [await indexOf(word), await indexOf(`${word},R3`)]
    expect(index.spec).toBe(`IVF16,${word},R3`)
    expect(await index.search(queries)).toEqual(await plain.search(queries, { rescoreFactor: 3 }))
    expect(await index.search(queries, { rescoreFactor: 5 })).toEqual(await plain.search(queries, { rescoreFactor: 5 }))
  }
  const [plain, index] = [await indexOf('SQ4'), await indexOf('SQ4,R3')]
  expect(await index.search(queries, { epsilon: 2 })).toEqual(await plain.search(queries, { epsilon: 2 }))
  // Codes that do not know their error: four times k.
  const product = await indexOf('PQ10x4')
  expect(await product.search(queries)).toEqual(await product.search(queries, { rescoreFactor: 4 }))
})
