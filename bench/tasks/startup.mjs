import { library, task } from '../process/task.mjs'

/** One fresh process: how long until the import is done, and until the first answer over 1,000 × 128. Answers ms. */
await task(async () => {
  const vectors = Float32Array.from({ length: 1000 * 128 }, (_, i) => Math.sin(i * i))
  const start = performance.now()
  const { FastIVF } = await library()
  const imported = performance.now() - start
  const index = new FastIVF(128, { nlist: 32 })
  await index.train(vectors)
  const result = await index.search(vectors.subarray(0, 128), { k: 10 })
  const searched = performance.now() - start
  if (result.of(0)[0]?.id !== 0) throw new Error('the first answer is not the vector itself')
  return { imported, searched }
})
