import { library, task } from '../process/task.mjs'
import { readSet } from '../sets/sets.mjs'

/**
 * How long does a step of the supervised compressor take, and how much has it learned? By the times at which progress is
 * told: between two tellings lie some steps and nothing else. Answers the least and the mean ms per step.
 */
await task(async ({ set: name, nlist, width, threads, revectorize, ...schedule }) => {
  const { CompressedFastIVF } = await library()
  const { base, metric } = readSet(name)
  const shape = { nlist, compressionNdim: width, compressor: 'supervised', metric, seed: 1, threads, revectorize }
  const index = new CompressedFastIVF(base.dim, { ...shape, ...schedule })
  /** @type {{ at: number, done: number, total: number, epoch: number, loss: number, accuracy: number, top10Accuracy: number }[]} */
  const told = []
  await index.train(base.data, {
    onProgress(/** @type {any} */ progress) {
      if (progress.phase === 'compress') told.push({ at: performance.now(), ...progress })
    },
  })
  const first = told[0]
  const last = told.at(-1)
  if (!first || !last || first === last) throw new Error('progress was told less than twice')
  const between = told.slice(1).map((to, i) => perStep(told[i] ?? first, to))
  const mean = perStep(first, last)
  const { total: steps, loss, accuracy, top10Accuracy } = last
  return {
    steps,
    ms: { least: Math.min(...between), mean },
    seconds: (mean * steps) / 1000,
    loss,
    accuracy,
    top10Accuracy,
  }
})

/** @param {{ at: number, done: number }} from @param {{ at: number, done: number }} to */
function perStep(from, to) {
  return (to.at - from.at) / (to.done - from.done)
}
