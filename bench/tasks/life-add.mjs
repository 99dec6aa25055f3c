import { median, timed } from '../measure/timing.mjs'
import { library, task } from '../process/task.mjs'
import { setNamed } from '../sets/sets.mjs'
import { readVecs } from '../sets/vecs.mjs'

/** Adds as many vectors as an index has, batch by batch; the fastest of the repeats counts. */
await task(async ({ set: name, spec, n, batch, threads, repeats }) => {
  const { IvfIndex } = await library()
  const { base, metric } = setNamed(name)
  const { data, dim } = readVecs(base, 2 * n)
  const built = await IvfIndex.build({ data: data.subarray(0, n * dim), dims: [n, dim] }, { spec, metric, threads })
  const bytes = await built.toBytes()
  await built.close()
  const tries = []
  for (let i = 0; i < repeats; i++) {
    const index = await IvfIndex.open(bytes, { threads })
    /** @type {number[]} */
    const times = []
    for (let at = n; at < 2 * n; at += batch) {
      const vectors = data.subarray(at * dim, (at + batch) * dim)
      times.push((await timed(() => index.add(vectors))).seconds)
    }
    if (index.size !== 2 * n) throw new Error(`${index.size} vectors are there, not ${2 * n}`)
    await index.close()
    const seconds = times.reduce((sum, one) => sum + one, 0)
    tries.push({ perSecond: n / seconds, median: 1000 * median(times), slowest: 1000 * Math.max(...times) })
  }
  return { spec, n, batch, ...tries.sort((a, b) => b.perSecond - a.perSecond)[0] }
})
