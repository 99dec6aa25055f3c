/** Pictures of recall: against speed, and of what was asked for against what was had. */

import * as Plot from '@observablehq/plot'
import { frontier } from '../evaluate/frontier.js'
import { diagonalMark, draw, frameMark, type Key, keysOf, type Picture, titleMark, WIDTH } from './drawing.js'

/** A line of settings. */
export interface Curve extends Key {
  points: readonly { recall: number; qps: number; label?: string }[]
}

/** Lines through points, the better recall to the right, the faster above. */
export function curves(series: readonly Curve[]): Picture {
  const points = series.flatMap(({ color, points }) => points.map((point) => ({ ...point, color })))
  const panel = draw(WIDTH, 380, {
    inset: 12,
    x: { label: 'recall@10 →' },
    y: { type: 'log', label: '↑ queries per second, all in one batch (log)', tickFormat: '~s', ticks: 5 },
    marks: [
      frameMark(),
      Plot.line(points, { x: 'recall', y: 'qps', z: 'color', stroke: 'color', strokeWidth: 1.8 }),
      Plot.dot(points, { x: 'recall', y: 'qps', fill: 'color', r: 3.5 }),
      ...series.map(({ color, points }, i) =>
        Plot.text(points, { x: 'recall', y: 'qps', text: 'label', fill: () => color, ...ASIDE[i % ASIDE.length] }),
      ),
    ],
  })
  return { panels: [panel], keys: keysOf(series) }
}

/** Where the labels of a line stand: those of the next one on the other side, as lines are often close. */
const ASIDE = [
  { dx: 6, dy: -8, textAnchor: 'start', fontSize: 11 },
  { dx: -6, dy: 9, textAnchor: 'end', fontSize: 11 },
] as const

/**
 * The same over a stretched scale of recall, on which .9, .99 and .999 are equally far apart; for many lines, without
 * labels. Settings that another of the line beats in both are left out, and those that find less than half.
 */
export function speedCurves(series: readonly Curve[], k: number): Picture {
  const points = series.flatMap(({ points, ...key }, line) =>
    frontier(points)
      .filter(({ recall }) => recall >= 0.5)
      .map(({ recall, qps }) => ({ x: stretch(recall), qps, ...key, line })),
  )
  const [ours, others] = [points.filter(({ dashed }) => !dashed), points.filter(({ dashed }) => dashed)]
  const domain = [stretch(leastOf(points.map(({ x }) => x))), stretch(1)] as const
  const line = { x: 'x', y: 'qps', z: 'line', stroke: 'color' }
  const panel = draw(WIDTH, 460, {
    inset: 10,
    x: { ...stretchedWithin(domain), label: `recall@${k} →` },
    y: { type: 'log', label: '↑ queries per second, all in one batch (log)', tickFormat: '~s', ticks: 5 },
    marks: [
      frameMark(),
      Plot.line(others, { ...line, strokeWidth: 1.5, strokeDasharray: '5 4' }),
      Plot.dot(others, { x: 'x', y: 'qps', stroke: 'color', symbol: 'square', r: 3 }),
      Plot.line(ours, { ...line, strokeWidth: 2 }),
      Plot.dot(ours, { x: 'x', y: 'qps', fill: 'color', r: 3.2 }),
    ],
  })
  return { panels: [panel], keys: keysOf(series) }
}

/** What an index was asked for, and what it gave. */
export interface AskedCurve extends Key {
  points: readonly {
    asked: number
    /** Recall of queries that had no part in calibrating. */
    delivered: number
    /** What calibration promised: the mean, and its lower bound. */
    certified: number
    lower: number
  }[]
}

/** A panel per index: dots are what was had, bars what was promised, from the lower bound to the mean. */
export function askedPanels(series: readonly AskedCurve[], k: number): Picture {
  const all = series.flatMap(({ points }) => points.flatMap((one) => [one.asked, one.delivered, one.lower]))
  const domain = [stretch(Math.min(...all)) - 0.08, stretch(Math.max(...all)) + 0.08] as const
  const panels = series.map(({ name, color, points }, i) => {
    const placed = points.map(({ asked, delivered, certified, lower }) => ({
      x: stretch(asked),
      y: stretch(delivered),
      from: stretch(lower),
      to: stretch(certified),
    }))
    return draw(WIDTH / 3, WIDTH / 3, {
      x: { ...stretchedWithin(domain), label: `recall@${k} asked for →` },
      y: { ...stretchedWithin(domain), label: i % 3 === 0 ? '↑ delivered' : null },
      marks: [
        frameMark(),
        diagonalMark(domain),
        Plot.ruleX(placed, { x: 'x', y1: 'from', y2: 'to', stroke: () => color, strokeOpacity: 0.45, strokeWidth: 7 }),
        Plot.dot(placed, { x: 'x', y: 'y', fill: () => color, r: 3.6 }),
        titleMark(name),
      ],
    })
  })
  return { panels }
}

const TICKS = [0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999]
/** What a scale ends with: recalls of 1 have no logarithm of what is missing. */
const MOST = 0.9995

/** Recall with the end stretched: .9, .99 and .999 are equally far apart. */
export function stretch(recall: number): number {
  return -Math.log10(1 - Math.min(recall, MOST))
}

/** An axis of such numbers that tells the recalls. */
export function stretchedWithin([from, to]: readonly [from: number, to: number]): {
  domain: [number, number]
  ticks: number[]
  tickFormat: (at: number) => string
} {
  const ticks = TICKS.map(stretch).filter((at) => at >= from && at <= to)
  const tickFormat = (at: number): string => String(Number((1 - 10 ** -at).toFixed(4))).replace(/^0/, '')
  return { domain: [from, to], ticks, tickFormat }
}

/** The recall where a stretched scale begins: a little before its first point. */
function leastOf(stretched: readonly number[]): number {
  const first = stretched.reduce((least, at) => Math.min(least, at), stretch(0.9))
  return Math.max(0.5, 1 - 10 ** -(first - 0.05))
}
