import { median, timed } from '../measure/timing.mjs'
import { library, task } from '../process/task.mjs'
import { readSet } from '../sets/sets.mjs'

/** Tunes within a budget, then measures every spec of a sweep, and what was chosen, with all vectors and real queries. */
await task(async ({ set: name, recall, k, budget, specs, repeats, threads }) => {
  const { IvfIndex } = await library()
  const { base, query, metric } = readSet(name)
  const options = { metric, dim: base.dim, threads }
  const index = await IvfIndex.build(base.data, { spec: 'IVF1024,Flat', ...options, calibrate: false })
  const { seconds, value: report } = await timed(() => index.tune({ recall, k, budget }))
  await index.close()
  const swept = []
  for (const spec of new Set([report.spec, ...specs])) {
    const one = await IvfIndex.build(base.data, { spec, ...options, calibrate: false })
    await one.calibrate({ k })
    const times = []
    for (let i = 0; i <= repeats; i++) {
      const { seconds: spent } = await timed(() => one.search(query.data, { k, recall }))
      if (i > 0) times.push(spent)
    }
    swept.push({ spec, qps: query.n / median(times) })
    await one.close()
  }
  swept.sort((a, b) => b.qps - a.qps)
  const chosen = swept.find(({ spec }) => spec === report.spec)
  return {
    set: name,
    recall,
    budget,
    seconds,
    spec: report.spec,
    qps: chosen?.qps,
    best: swept[0],
    tried: report.tried.length,
    swept,
  }
})
