import { recalls } from '../measure/recall.mjs'
import { median, timed } from '../measure/timing.mjs'
import { library, task } from '../process/task.mjs'
import { readSet } from '../sets/sets.mjs'

/**
 * Asks an index for recalls. Calibrated twice: by vectors of the index itself, and by the first half of the queries.
 * Answers what each recall delivers on queries that were not used, the work beside that of the best fixed nprobe, and
 * the time per cell beside a search of as many by nprobe.
 */
await task(async ({ set: name, spec, targets, k, repeats, threads }) => {
  const { IvfIndex } = await library()
  const { base, query, truth, metric } = readSet(name)
  const { seconds: build, value: index } = await timed(() =>
    IvfIndex.build(base.data, { spec, metric, dim: base.dim, threads, calibrate: false }),
  )
  const all = { queries: query.data, truth, n: query.n }
  const half = query.n >> 1
  const second = {
    queries: query.data.subarray(half * query.dim),
    truth: { ...truth, data: truth.data.subarray(half * truth.dim), n: query.n - half },
    n: query.n - half,
  }
  const fixed = await sweep(all)
  const own = await timed(() => index.calibrate())
  const asked = await ask(all, fixed)
  const given = await timed(() => index.calibrate({ queries: query.data.subarray(0, half * query.dim), k }))
  const askedGiven = await ask(second, fixed)
  await index.close()
  return {
    ...{ set: name, spec, n: base.n, dim: base.dim, build },
    own: { seconds: own.seconds, judged: own.value.queries, asked },
    given: { seconds: given.seconds, judged: given.value.queries, asked: askedGiven },
  }

  /** Recall and vectors scored of every nprobe, until nearly all is found. @param {any} part */
  async function sweep({ queries, truth, n }) {
    const points = []
    for (let nprobe = 1; nprobe <= index.nlist; nprobe = Math.max(nprobe + 1, Math.round(nprobe * 1.12))) {
      const { ids, work } = await index.search(queries, { k, nprobe })
      points.push({ recall: recalls(ids, k, truth).recall, vectors: work.vectors / n })
      if (points.at(-1).recall > 0.998) break
    }
    return points
  }

  /** @param {any} part @param {{ recall: number, vectors: number }[]} fixed */
  async function ask({ queries, truth, n }, fixed) {
    const rows = []
    for (const target of targets) {
      const { ids, work, recallEstimate } = await index.search(queries, { k, recall: target })
      const { recall } = recalls(ids, k, truth)
      const [vectors, cells] = [work.vectors / n, work.cells / n]
      const estimate = recallEstimate?.reduce((sum, one) => sum + one, 0) / n
      const nprobe = Math.max(1, Math.round(cells))
      const ratios = []
      for (let i = 0; i < repeats; i++) {
        const plain = await timed(() => index.search(queries, { k, nprobe }))
        const ruled = await timed(() => index.search(queries, { k, recall: target }))
        ratios.push(ruled.seconds / ruled.value.work.cells / (plain.seconds / plain.value.work.cells))
      }
      rows.push({
        target,
        recall,
        estimate,
        vectors,
        cells,
        ofFixed: vectors / vectorsAt(fixed, recall),
        overhead: median(ratios),
      })
    }
    return rows
  }
})

/** Vectors that a fixed nprobe scores for this recall, between two that were tried. @param {{ recall: number, vectors: number }[]} points @param {number} recall */
function vectorsAt(points, recall) {
  const i = points.findIndex((point) => point.recall >= recall)
  if (i <= 0) return i < 0 ? Number.NaN : points[0].vectors
  const [a, b] = [points[i - 1], points[i]]
  return a.vectors + ((b.vectors - a.vectors) * (recall - a.recall)) / (b.recall - a.recall)
}
