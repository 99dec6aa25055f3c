import { major } from '../process/node.mjs'
import { isThere, setNamed } from '../sets/sets.mjs'

/** How well and how fast is space divided? 1,024 centroids over synth. @param {import('./context.mjs').Context} context */
export async function kmeans({ run, py, node, threads, quick, absent, say }) {
  const set = 'synth'
  if (!isThere(setNamed(set))) {
    absent('k-means', 'synth is not there')
    return []
  }
  const rows = []
  for (const trainer of ['KMeans', 'MiniBatchKMeans']) {
    for (const revectorize of major(node.version) < 24 ? [false] : quick ? [true] : [true, false]) {
      say(`k-means: ${trainer}${revectorize ? ', revectorize' : ''}`)
      const got = await run('tasks/kmeans.mjs', { set, trainer, centroids: 1024, threads, revectorize })
      if (got) rows.push({ who: 'fast-ivf', trainer, threads, revectorize, ...got })
    }
  }
  say('k-means: faiss')
  const input = { base: setNamed(set).base, centroids: 1024, threads, points: quick ? [64] : [64, 100] }
  const got = await py('peers/faiss-kmeans.py', input, { what: 'faiss k-means' })
  for (const { points, ...rest } of got?.answers ?? []) {
    rows.push({
      who: `faiss ${got.version}`,
      trainer: `Kmeans, 10 iterations, ${points} points per centroid`,
      threads,
      ...rest,
    })
  }
  return rows
}
