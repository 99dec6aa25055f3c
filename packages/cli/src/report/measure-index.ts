/** How good is an index of one spec, what does it cost, and does it keep its promises? */

import { IvfIndex, type Progress, recall as recallOf } from 'fast-ivf'
import type { IndexTask, Loaded } from './child.js'
import { type Measured, measureInTurns } from './measure-setting.js'

/** A setting, and what it does; `nprobe` is absent where there are no cells to choose from. */
export type Point = Measured & { nprobe?: number }

/** What asking for a recall gives. */
export interface Asked extends Omit<Measured, 'recall' | 'recall1'> {
  /** Recall asked for, and recall of queries that had no part in calibrating. */
  target: number
  delivered: number
  /** What the search said of itself: the mean of `recallEstimate`. */
  estimate: number
  /** What calibration promised: the mean, and its lower bound; absent for targets that it does not report on. */
  certified?: number
  lower?: number
  /** Every cell is visited. */
  whole: boolean
  /** The least nprobe for all queries alike that finds as much; absent where none does. */
  fixed?: Point
}

/** All that is measured of an index. */
export interface IndexFigures {
  spec: string
  nlist: number
  keep: string
  buildSeconds: number
  calibrateSeconds: number
  indexBytes: number
  bytesPerVector: number
  /** What the process held at most until the index was calibrated, less what it held before building. */
  peakBytes: number
  /** How much the mean distance from the centroids changed at each step of k-means; 0 at the first, as there is none before. */
  convergence: number[]
  /** nlist */
  cellSizes: number[]
  /** By nprobe, ascending. */
  points: Point[]
  /** The most that may be asked for. */
  highest: number
  asked: Asked[]
}

/** More cells are not tried when they find less than this more, or when a batch takes so many seconds. */
const [LITTLE, SLOW] = [0.0005, 3]

/** Builds, calibrates and searches. The process should do nothing else: its memory is measured. */
export async function measureIndex(
  { spec, keep, seed, targets, metric, k, ...engine }: IndexTask,
  loaded: Loaded,
  onProgress: (step: Progress) => void,
): Promise<IndexFigures> {
  const { base, queries, truth, dim } = loaded
  const before = process.memoryUsage.rss()
  const changes: number[] = []
  const note = noteChanges(changes)
  const [index, buildSeconds] = await timed(() =>
    IvfIndex.build(base, {
      ...{ spec, metric, dim, seed, ...(keep && { keep }), ...engine },
      onProgress(step) {
        note(step)
        onProgress(step)
      },
    }),
  )
  const [, calibrateSeconds] = await timed(async () => {
    if (!index.calibration?.rules.some((rule) => rule.k === k)) await index.calibrate({ k, onProgress })
  })
  // resourceUsage tells KiB
  const peakBytes = Math.max(0, process.resourceUsage().maxRSS * 1024 - before)
  const total = 1 + Math.ceil(Math.log2(index.nlist)) + targets.length
  let done = 0
  const tell = (): void => onProgress({ phase: 'search', done: Math.min(done++, total), total })
  const ask = (...ways: NonNullable<Parameters<typeof index.search>[1]>[]): Promise<Measured[]> => {
    tell()
    return measureInTurns(
      loaded,
      k,
      ways.map((how) => (some) => index.search(some, { k, ...how })),
    )
  }
  const points = await sweep()
  const report = index.calibration?.rules.find((rule) => rule.k === k)
  const asked: Asked[] = []
  for (const target of targets.filter((one) => one <= (report?.highest ?? 0))) asked.push(await askFor(target))
  const figures: IndexFigures = {
    ...{ spec: index.spec, nlist: index.nlist, keep: index.keep, buildSeconds, calibrateSeconds },
    ...{ indexBytes: index.bytes, bytesPerVector: index.bytes / index.size, peakBytes },
    ...{
      convergence: changes.map((change, i) => (i === 0 ? 0 : change)),
      cellSizes: [...index.cellSizes],
      points,
      highest: report?.highest ?? 0,
      asked,
    },
  }
  await index.close()
  return figures

  /** One, two, four … cells. */
  async function sweep(): Promise<Point[]> {
    if (index.nlist === 1) return ask({})
    const points: Point[] = []
    for (let nprobe = 1; nprobe <= index.nlist; nprobe *= 2) {
      const [found] = await ask({ nprobe })
      const point = { nprobe, ...(found as Measured) }
      const last = points.at(-1)
      points.push(point)
      const whole = point.recall > 0.5 && last !== undefined && point.recall - last.recall < LITTLE
      if (whole || queries.length / dim / point.qps > SLOW) break
    }
    return points
  }

  async function askFor(target: number): Promise<Asked> {
    const found = await index.search(queries, { k, recall: target })
    const nprobe = await leastNprobe(recallOf(found, truth, k))
    const [asked, fixed] = await ask({ recall: target }, ...(nprobe === undefined ? [] : [{ nprobe }]))
    const { recall, recall1: _, ...cost } = asked as Measured
    const promised = report?.targets.find((one) => one.target === target)
    return {
      ...{ target, delivered: recall, ...cost, estimate: meanOf(found.recallEstimate ?? []) },
      ...(promised && { certified: promised.recall, lower: promised.lower }),
      whole: promised?.whole ?? cost.vectorsPerQuery >= index.size,
      ...(fixed && nprobe !== undefined && { fixed: { nprobe, ...fixed } }),
    }
  }

  /** More cells never find less, but for chance among equals: the range is halved until one is left. */
  async function leastNprobe(recall: number): Promise<number | undefined> {
    const reached = points.find((point) => point.recall >= recall)?.nprobe
    if (reached === undefined) return undefined
    let [low, high] = [Math.floor(reached / 2) + 1, reached]
    while (low < high) {
      const nprobe = (low + high) >> 1
      const found = await index.search(queries, { k, nprobe })
      if (recallOf(found, truth, k) >= recall) high = nprobe
      else low = nprobe + 1
    }
    return low
  }
}

/** Keeps what the first k-means tells after each step: that of the cells; codebooks are trained after it. */
export function noteChanges(changes: number[]): (step: Progress) => void {
  let last = 0
  return ({ phase, done, delta }) => {
    if (phase !== 'train' || delta === undefined || done <= last) {
      if (last > 0) last = Number.POSITIVE_INFINITY
      return
    }
    last = done
    changes.push(delta)
  }
}

/** A result, and the seconds it took. */
export async function timed<T>(work: () => Promise<T>): Promise<[result: T, seconds: number]> {
  const start = performance.now()
  const result = await work()
  return [result, (performance.now() - start) / 1000]
}

function meanOf(values: ArrayLike<number>): number {
  const known = Array.from(values).filter((value) => !Number.isNaN(value))
  return known.reduce((sum, value) => sum + value, 0) / known.length
}
