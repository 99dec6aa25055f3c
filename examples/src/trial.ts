/** How much does an index find, and how long does a batch take? Every index of the notebook is asked in the same way. */

import { type Ids, recall, recall1 } from 'fast-ivf'
import { timed } from './measure.js'

/** What an index was seen to do. */
export interface Trial {
  name: string
  color: string
  /** Seconds to train and fill it; undefined for another search of an index that is there. */
  build: number | undefined
  /** Seconds for the batch, the best of three. */
  seconds: number
  /** Share of queries whose true nearest is within the first 10 found: the original's measure. */
  recall1: number
  /** Share of the true ten nearest within the first 10 found. */
  recall: number
}

/** What it finds at one nprobe, and how many queries it answers in a second. */
export interface Point {
  nprobe: number
  recall: number
  qps: number
}

/** What an index finds, and its time. */
export async function tryOut(
  about: Pick<Trial, 'name' | 'color' | 'build'>,
  search: () => Promise<Ids>,
  truth: Ids,
): Promise<Trial> {
  const [found, seconds] = await bestOfThree(search)
  return { ...about, seconds, ...judge(found, truth) }
}

/** Both recalls at 10. */
export function judge(found: Ids, truth: Ids): Pick<Trial, 'recall1' | 'recall'> {
  return { recall1: recall1(found, truth, 10), recall: recall(found, truth, 10) }
}

/** Visits more and more cells. */
export async function sweep(
  nprobes: readonly number[],
  search: (nprobe: number) => Promise<Ids>,
  truth: Ids,
): Promise<Point[]> {
  const points: Point[] = []
  for (const nprobe of nprobes) {
    const [found, seconds] = await bestOfThree(() => search(nprobe))
    points.push({ nprobe, recall: recall(found, truth, 10), qps: found.ids.length / found.k / seconds })
  }
  return points
}

/** Searches three times: the answers, which are the same each time, and the best time. */
async function bestOfThree(search: () => Promise<Ids>): Promise<[found: Ids, seconds: number]> {
  const [found, first] = await timed(search)
  let least = first
  for (let again = 0; again < 2; again++) least = Math.min(least, (await timed(search))[1])
  return [found, least]
}
