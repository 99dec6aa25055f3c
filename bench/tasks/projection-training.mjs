import { timed } from '../measure/timing.mjs'
import { library, task } from '../process/task.mjs'
import { mixture } from '../sets/mixture.mjs'

/** How long does a projection alone take to learn? Over vectors made here. */
await task(async ({ n, dim, spec, threads, revectorize }) => {
  const { Projection } = await library()
  const data = mixture({ n, dim, clusters: 1000, noise: 0.9, seed: 3 })
  const train = () => Projection.train({ data, dims: [n, dim] }, { spec, seed: 1, threads, revectorize })
  const { seconds } = await timed(train)
  return { seconds }
})
