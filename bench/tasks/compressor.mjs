import { recalls } from '../measure/recall.mjs'
import { library, task } from '../process/task.mjs'
import { readSet } from '../sets/sets.mjs'

/**
 * Builds a CompressedFastIVF, or a FastIVF where there is no compressor, and answers what it finds: over all cells, and
 * at `nprobe` without rescoring and with it. `learning`: seconds between the last step of k-means and the first row
 * given to a cell.
 */
await task(async ({ set: name, nprobe, k, compressor, width, rescoreFactor, only, ...options }) => {
  const { CompressedFastIVF, FastIVF } = await library()
  const set = readSet(name)
  const { base, query, truth, metric } = set
  const shared = { ...options, metric, ratioThreshold: 0 }
  const index = compressor
    ? new CompressedFastIVF(base.dim, { ...shared, compressor, compressionNdim: width })
    : new FastIVF(base.dim, shared)
  const start = performance.now()
  const times = { clustered: start, learned: 0 }
  await index.train(base.data, {
    onProgress(/** @type {{ phase: string }} */ { phase }) {
      if (phase === 'train') times.clustered = performance.now()
      if (phase === 'assign') times.learned ||= performance.now()
    },
  })
  const build = (performance.now() - start) / 1000
  const recall = async (/** @type {object} */ settings) =>
    recalls((await index.search(query.data, { k, ...settings })).ids, k, truth).recall
  return {
    build,
    learning: compressor && (times.learned - times.clustered) / 1000,
    bytesPerVector: index.codeBytes,
    all: await recall({ nprobe: index.nlist }),
    ...(only !== 'all' && {
      probed: await recall({ nprobe }),
      rescored: compressor && (await recall({ nprobe, rescoreFactor })),
    }),
  }
})
