/** The numbers of a report as tables, for the page and for those who copy them. */

import { fastestAt } from '../evaluate/frontier.js'
import type { Table } from '../page/html.js'
import { bytes, count, seconds } from '../text.js'
import type { Asked, IndexFigures } from './measure-index.js'
import type { Report } from './run.js'

/** Recalls that the best setting is told for. */
export const RECALLS: readonly number[] = [0.9, 0.95, 0.99]

/** The fastest setting of each index at some recalls: queries per second, and nprobe. */
export function bestTable({ indexes, faiss, set: { k } }: Report): Table {
  const all = [...indexes.map(({ spec, points }) => ({ name: spec, points })), ...(faiss?.indexes ?? [])]
  return {
    head: ['QPS', ...RECALLS.map((recall) => `recall@${k} ≥ ${target(recall)}`)],
    rows: all.map(({ name, points }) => [
      name,
      ...RECALLS.map((recall) => {
        const best = fastestAt<{ nprobe?: number; recall: number; qps: number }>(points, recall)
        if (!best) return 'not reached'
        return best.nprobe === undefined ? count(best.qps) : `${count(best.qps)} (nprobe ${best.nprobe})`
      }),
    ]),
  }
}

/** What was asked for and had, beside an nprobe for all queries alike that finds as much. */
export function askedTable(indexes: readonly IndexFigures[]): Table {
  return {
    head: [
      'spec',
      'asked',
      'delivered',
      'promised',
      'at least',
      'vectors',
      'QPS',
      'fixed nprobe',
      'its vectors',
      'its QPS',
    ],
    rows: indexes.flatMap(({ spec, asked }) =>
      asked.map((one) => [
        ...[
          spec,
          target(one.target),
          share(one.delivered),
          ...promise(one),
          count(one.vectorsPerQuery),
          count(one.qps),
        ],
        ...fixedCells(one),
      ]),
    ),
  }
}

/** nprobe, vectors per query and queries per second of the fixed setting. */
export function fixedCells({ fixed }: Pick<Asked, 'fixed'>): string[] {
  if (!fixed) return ['–', '–', '–']
  return [count(fixed.nprobe ?? 0), count(fixed.vectorsPerQuery), count(fixed.qps)]
}

/** What building costs. */
export function buildTable({ indexes, faiss, set }: Report): Table {
  return {
    head: ['', 'build', 'calibrate', 'index', 'bytes/vector', 'memory at most'],
    rows: [
      ...indexes.map((index) => [
        index.spec,
        seconds(index.buildSeconds),
        seconds(index.calibrateSeconds),
        bytes(index.indexBytes),
        count(index.bytesPerVector),
        bytes(index.peakBytes),
      ]),
      ...(faiss?.indexes ?? []).map((index) => [
        index.name,
        seconds(index.buildSeconds),
        '–',
        bytes(index.indexBytes),
        count(index.indexBytes / set.count),
        index.peakBytes === undefined ? '–' : bytes(index.peakBytes),
      ]),
    ],
  }
}

/** Every setting, a table for ours and one for others, which tell less. */
export function pointsTable({ indexes, faiss, set: { k } }: Report): Table[] {
  const found = [`recall@${k}`, `recall1@${k}`, 'QPS']
  const ours: Table = {
    head: ['spec', 'nprobe', ...found, 'p50 ms', 'p99 ms', 'vectors/query', 'rescored/query'],
    rows: indexes.flatMap(({ spec, points }) =>
      points.map((one) => [
        ...[spec, one.nprobe === undefined ? '–' : String(one.nprobe), fine(one.recall), fine(one.recall1)],
        ...[count(one.qps), one.alone.p50.toFixed(3), one.alone.p99.toFixed(3)],
        ...[count(one.vectorsPerQuery), count(one.rescoredPerQuery)],
      ]),
    ),
  }
  if (!faiss?.version) return [ours]
  const theirs: Table = {
    head: ['index', 'nprobe', ...found],
    rows: faiss.indexes.flatMap(({ name, points }) =>
      points.map(({ nprobe, recall, recall1, qps }) => [
        ...[name, nprobe === undefined ? '–' : String(nprobe), fine(recall), fine(recall1), count(qps)],
      ]),
    ),
  }
  return [ours, theirs]
}

/** The mean that calibration promised, and its lower bound. */
function promise({ certified, lower }: Asked): string[] {
  return [certified, lower].map((recall) => (recall === undefined ? '–' : share(recall)))
}

/** .987: a recall that was measured. */
export function share(recall: number): string {
  return recall.toFixed(3).replace(/^0/, '')
}

/** .95, .999: one that was asked for. */
export function target(recall: number): string {
  return recall === 1 ? '1' : String(recall).padEnd(4, '0').slice(1)
}

function fine(recall: number): string {
  return recall.toFixed(4)
}
