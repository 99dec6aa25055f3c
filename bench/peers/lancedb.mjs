import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as lancedb from '@lancedb/lancedb'
import { recalls } from '../measure/recall.mjs'
import { best, oneByOne, timed } from '../measure/timing.mjs'
import { task } from '../process/task.mjs'
import { readSet } from '../sets/sets.mjs'

const metrics = { cosine: 'cosine', ip: 'dot', l2: 'l2' }

/** It has no batch call: as many queries are in flight as keep its own threads busy. */
await task(async ({ set: name, nlist, nprobes, k, threads, repeats, single, queries }) => {
  const { base, query, truth, metric } = readSet(name)
  const folder = mkdtempSync(join(tmpdir(), 'lancedb-'))
  try {
    const db = await lancedb.connect(folder)
    const distanceType = /** @type {any} */ (metrics[metric])
    const rows = Array.from({ length: base.n }, (_, i) => ({ id: i, vector: rowOf(base, i) }))
    const table = await db.createTable('vectors', rows)
    const config = lancedb.Index.ivfFlat({ numPartitions: nlist, distanceType })
    const build = await timed(() => table.createIndex('vector', { config }))
    const nq = Math.min(query.n, queries)
    const ids = new Float64Array(nq * k)
    const ask = async (/** @type {number} */ i, /** @type {number} */ nprobe) => {
      const search = table.vectorSearch(rowOf(query, i)).distanceType(distanceType).nprobes(nprobe).limit(k)
      const answers = await search.select(['id', '_distance']).toArrow()
      ids.set(Array.from(answers.getChild('id') ?? [], Number), i * k)
    }
    const points = []
    let latency
    for (const nprobe of nprobes) {
      const { seconds } = await best(repeats, () => inFlight(nq, 2 * threads, (i) => ask(i, nprobe)))
      points.push({ setting: nprobe, ...recalls(ids, k, truth, nq), qps: nq / seconds })
      if (nprobe !== single) continue
      const times = await oneByOne(nq, (i) => ask(i, nprobe))
      latency = { setting: nprobe, recall: points.at(-1)?.recall, ...times }
    }
    return { index: `IVF_FLAT ${nlist}`, threads, build: { total: build.seconds }, points, single: latency }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

/** @param {number} count @param {number} lanes @param {(i: number) => Promise<void>} call */
async function inFlight(count, lanes, call) {
  let next = 0
  const lane = async () => {
    while (next < count) await call(next++)
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}

/** @param {{ data: ArrayLike<number>, dim: number }} set @param {number} i */
function rowOf({ data, dim }, i) {
  return Array.from({ length: dim }, (_, j) => Number(data[i * dim + j]))
}
