import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Index, MetricKind, ScalarKind } from 'usearch'
import { recalls } from '../measure/recall.mjs'
import { best, oneByOne, timed } from '../measure/timing.mjs'
import { task } from '../process/task.mjs'
import { readSet } from '../sets/sets.mjs'

const metrics = { cosine: MetricKind.Cos, ip: MetricKind.IP, l2: MetricKind.L2sq }

await task(async ({ set: name, efs, k, threads, repeats, single }) => {
  const { base, query, truth, metric } = readSet(name)
  const open = (/** @type {number} */ ef) =>
    new Index({
      dimensions: base.dim,
      metric: metrics[metric],
      quantization: ScalarKind.F32,
      connectivity: 16,
      expansion_add: 128,
      expansion_search: ef,
      multi: false,
    })
  const vectors = Float32Array.from(base.data)
  const keys = BigUint64Array.from({ length: base.n }, (_, i) => BigInt(i))
  const built = open(64)
  const build = await timed(() => built.add(keys, vectors, threads))
  // The width of the search is fixed when an index is made: each width opens the saved one.
  const file = join(tmpdir(), `usearch-${process.pid}.index`)
  built.save(file)
  const points = []
  let latency
  try {
    for (const ef of efs) {
      const index = open(ef)
      index.load(file)
      const queries = Float32Array.from(query.data)
      const { seconds, value } = await best(repeats, () => index.search(queries, k, threads))
      const ids = Float64Array.from(value.keys, Number)
      points.push({ setting: ef, ...recalls(ids, k, truth), qps: query.n / seconds })
      if (ef !== single) continue
      const row = (/** @type {number} */ i) => queries.slice(i * query.dim, (i + 1) * query.dim)
      const times = await oneByOne(query.n, (i) => index.search(row(i), k, 1))
      latency = { setting: ef, recall: points.at(-1)?.recall, ...times }
    }
  } finally {
    rmSync(file, { force: true })
  }
  return { index: 'HNSW16', threads, build: { total: build.seconds }, points, single: latency }
})
