import { FastIVF } from 'fast-ivf'
import { expect, test } from 'vitest'
import { readDictionary } from '../src/dictionary.js'
import { DIM, makeEmbedder } from '../src/embed.js'
import { incompleteDefinitions, measure } from '../src/measure.js'

test('recall floors on the dictionary, which is hard to divide into cells', async () => {
  const entries = await readDictionary()
  const bags = entries.map(({ stems }) => stems)
  const embedder = makeEmbedder(bags)
  const vectors = embedder.embedAll(bags)
  const index = new FastIVF(DIM, { nlist: 256, kmeansMaxSteps: 60, ratioThreshold: 0 })
  await index.train(vectors)
  const { qualities } = await measure(
    index,
    vectors,
    embedder.embedAll(incompleteDefinitions(entries, 200)),
    [16, 64, 128],
  )
  await index.close()
  const found = qualities.map((quality) => quality.recall)
  for (const [i, floor] of [0.55, 0.73, 0.86].entries()) expect(found[i], `${found}`).toBeGreaterThan(floor)
})
