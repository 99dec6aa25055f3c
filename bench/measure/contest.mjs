import { qpsAt } from '../report/curves.mjs'
import { isFull, measurePoint } from './sweep.mjs'

/**
 * @typedef {{ search: (queries: any, options: any) => Promise<any>, way: import('./sweep.mjs').Way, nprobes: number[] }} Contender
 * @typedef {Parameters<typeof measurePoint>[0]} AskedSet
 */

/**
 * A sweep as far as a recall needs it: up to the first setting that reaches it.
 *
 * @param {AskedSet} set
 * @param {number} level
 * @param {{ k: number, repeats: number }} settings
 * @param {Contender} contender
 */
export async function sweepTo(set, level, settings, { search, way, nprobes }) {
  /** @type {any[]} */
  const points = []
  for (const nprobe of nprobes) {
    points.push(await measurePoint(set, { ...settings, ...way, nprobe }, search))
    if (points.at(-1).recall >= level || isFull(points)) break
  }
  return points
}

/** The settings on both sides of a recall, as far as there are two. @param {{ setting: number, recall: number }[]} points @param {number} level */
export function around(points, level) {
  const above = points.findIndex((point) => point.recall >= level)
  return points.slice(Math.max(0, above - 1), above + 1).map((point) => point.setting)
}

/**
 * Everyone searches once per round, there and back again, so that a slow moment hits all. Answers the best of each
 * point over the rounds, and the QPS at the recall in every round.
 *
 * @param {AskedSet} set
 * @param {number} level
 * @param {{ k: number, rounds: number }} settings
 * @param {Contender[]} contenders
 */
export async function alternate(set, level, { k, rounds }, contenders) {
  const met = contenders.map((contender) => ({
    contender,
    points: /** @type {any[]} */ ([]),
    perRound: /** @type {(number | undefined)[]} */ ([]),
  }))
  for (let round = 0; round < rounds; round++) {
    for (const one of round % 2 === 0 ? met : met.toReversed()) {
      const { search, way, nprobes } = one.contender
      const now = []
      for (const nprobe of nprobes) now.push(await measurePoint(set, { k, repeats: 1, nprobe, ...way }, search))
      one.perRound.push(qpsAt(now, level))
      one.points = now.map((point, i) => (point.qps > (one.points[i]?.qps ?? 0) ? point : one.points[i]))
    }
  }
  return met.map(({ points, perRound }) => ({ points, perRound, qps: qpsAt(points, level) }))
}
