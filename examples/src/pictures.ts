/** Pictures as SVG, for a page: Observable Plot draws into a document that is only text. */

import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'

/** Panels beside each other, as SVG, under what their colors mean. */
export interface Picture {
  panels: string[]
  keys?: Readonly<Record<string, string>>
}

/** Legible on white, and apart for those who see few colors. */
export const COLORS = { red: '#d6423b', blue: '#2b6cb0', green: '#2f855a', violet: '#805ad5', gray: '#718096' } as const

/** Numbers that belong together, and the color they are drawn in. */
export interface Series {
  name: string
  color: string
  values: ArrayLike<number>
}

/** What changed at each step (values, one per step), on a log scale; where nothing did is left out. */
export function convergenceCurve(series: readonly Series[]): Picture {
  const points = series.flatMap(({ color, values }, line) =>
    Array.from(values, (value, i) => ({ step: i + 1, value, color, line })).filter(({ value }) => value > 0),
  )
  const panel = draw(840, 320, {
    x: { label: 'step →' },
    y: { type: 'log', label: '↑ share of labels that changed, averaged', tickFormat: powerOfTen, ticks: 6 },
    marks: [
      Plot.frame({ strokeOpacity: 0.25 }),
      Plot.line(points, { x: 'step', y: 'value', z: 'line', stroke: 'color', strokeWidth: 1.8 }),
    ],
  })
  return { panels: [panel], keys: keysOf(series) }
}

/** How many of the values lie in each of equal steps; a panel per series, on the same scales. */
export function histograms(series: readonly Series[], label: string): Picture {
  const most = Math.max(...series.flatMap(({ values }) => Array.from(values)))
  const steps = 40
  const width = Math.max(1, Math.ceil(most / steps))
  const binned = series.map((one) => ({ ...one, bins: binsOf(one.values, width) }))
  const highest = Math.max(...binned.flatMap(({ bins }) => bins.map(({ count }) => count)))
  const panels = binned.map(({ color, bins }, i) =>
    draw(series.length === 1 ? 840 : 420, 300, {
      x: { domain: [0, width * (Math.floor(most / width) + 1)], label: `${label} →` },
      y: { domain: [0, highest], label: i === 0 ? '↑ cells' : null },
      marks: [
        Plot.rectY(bins, { x1: 'from', x2: 'to', y: 'count', fill: () => color, insetLeft: 0.5, insetRight: 0.5 }),
        Plot.ruleY([0]),
      ],
    }),
  )
  return { panels, keys: keysOf(series) }
}

/** Scores of the answers against their true ones; the dashed line is where they are equal. Equal scales throughout. */
export function scatters(
  titled: readonly { title: string; color: string; points: readonly (readonly [exact: number, score: number])[] }[],
): Picture {
  const all = titled.flatMap(({ points }) => points.flat())
  const margin = (Math.max(...all) - Math.min(...all)) * 0.03
  const domain: [number, number] = [Math.min(...all) - margin, Math.max(...all) + margin]
  const diagonal = [domain[0], domain[1]].map((at) => ({ x: at, y: at }))
  const panels = titled.map(({ title, color, points }, i) =>
    draw(420, 420, {
      x: { domain, ticks: 6, label: 'true score →' },
      y: { domain, ticks: 6, label: i === 0 ? '↑ score of the answer' : null },
      marks: [
        Plot.frame({ strokeOpacity: 0.25 }),
        Plot.dot(points, { x: '0', y: '1', r: 1.4, fill: () => color, fillOpacity: 0.4 }),
        Plot.line(diagonal, { x: 'x', y: 'y', stroke: '#1f2328', strokeWidth: 1.3, strokeDasharray: '5 4' }),
        titleMark(title),
      ],
    }),
  )
  return { panels }
}

/** A bar per row and a panel per measure, each bar with its number. */
export function bars(
  rows: readonly { name: string; color: string; values: readonly number[] }[],
  measures: readonly { title: string; show: (value: number) => string; most?: number }[],
): Picture {
  const names = rows.map(({ name }) => name)
  const labels = 8 * Math.max(...names.map((name) => name.length))
  const panels = measures.map(({ title, show, most }, i) => {
    const values = rows.map(({ name, color, values }) => ({ name, color, value: values[i]! }))
    const longest = most ?? Math.max(...values.map(({ value }) => value))
    return draw(i === 0 ? 440 + labels / 2 : 420 - labels / 2, 42 + 26 * rows.length, {
      grid: false,
      marginBottom: 10,
      marginLeft: i === 0 ? labels : 12,
      x: { domain: [0, longest * 1.22], axis: null },
      y: { domain: names, label: null, ...(i === 0 ? { tickSize: 0 } : { axis: null }) },
      marks: [
        Plot.barX(values, { x: 'value', y: 'name', fill: 'color', inset: 2.5 }),
        Plot.text(values, { x: 'value', y: 'name', text: ({ value }) => show(value), dx: 5, textAnchor: 'start' }),
        titleMark(title),
      ],
    })
  })
  return { panels }
}

/** Lines through points, the better recall to the right, the faster above. */
export function curves(
  series: readonly {
    name: string
    color: string
    points: readonly { recall: number; qps: number; label?: string }[]
  }[],
): Picture {
  const points = series.flatMap(({ color, points }) => points.map((point) => ({ ...point, color })))
  const panel = draw(840, 380, {
    inset: 12,
    x: { label: 'recall@10 →' },
    y: { type: 'log', label: '↑ queries per second, all in one batch (log)', tickFormat: '~s', ticks: 5 },
    marks: [
      Plot.frame({ strokeOpacity: 0.25 }),
      Plot.line(points, { x: 'recall', y: 'qps', z: 'color', stroke: 'color', strokeWidth: 1.8 }),
      Plot.dot(points, { x: 'recall', y: 'qps', fill: 'color', r: 3.5 }),
      ...series.map(({ color, points }, i) =>
        Plot.text(points, { x: 'recall', y: 'qps', text: 'label', fill: () => color, ...ASIDE[i % ASIDE.length]! }),
      ),
    ],
  })
  return { panels: [panel], keys: keysOf(series) }
}

/** Points of the plane, each group in a color of its own. */
export function groups(points: readonly (readonly [number, number])[], labels: ArrayLike<number>): Picture {
  const panel = draw(840, 520, {
    inset: 10,
    x: { label: 'first component →' },
    y: { label: '↑ second component' },
    marks: [
      Plot.frame({ strokeOpacity: 0.25 }),
      Plot.dot(points, { x: '0', y: '1', r: 1.6, fill: (_, i) => GROUP_COLORS[labels[i]! % GROUP_COLORS.length]! }),
    ],
  })
  return { panels: [panel] }
}

/** Where the labels of a line stand: those of the next one on the other side, as lines are often close. */
const ASIDE = [
  { dx: 6, dy: -8, textAnchor: 'start', fontSize: 11 },
  { dx: -6, dy: 9, textAnchor: 'end', fontSize: 11 },
] as const

const GROUP_COLORS = Plot.scale({ color: { type: 'categorical', domain: [0], scheme: 'tableau10' } }).range as string[]

/** The text of a plot, in what all of them share; our page has the style. */
function draw(width: number, height: number, options: Plot.PlotOptions): string {
  const { document } = parseHTML('<html><body></body></html>')
  const shared = { marginLeft: 56, marginRight: 14, marginTop: 32, marginBottom: 42, grid: true }
  const style = { fontFamily: 'system-ui, sans-serif', fontSize: '12px', overflow: 'visible' }
  // colors are given as they are: no scale, or Plot would choose others
  const color: Plot.ScaleOptions = { type: 'identity' }
  const svg = Plot.plot({ document, ...shared, width, height, style, color, ...options })
  return svg.outerHTML
    .replace(/<style>[\s\S]*?<\/style>/g, '')
    .replace(/="[^"]*"/g, (attribute) => attribute.replace(/\d+\.\d{3,}/g, (digits) => String(+(+digits).toFixed(2))))
}

function titleMark(title: string): Plot.Markish {
  return Plot.text([title], {
    frameAnchor: 'top',
    dy: -22,
    fontSize: 13,
    fontWeight: 600,
    text: (name: string) => name,
  })
}

function keysOf(series: readonly { name: string; color: string }[]): Record<string, string> {
  return Object.fromEntries(series.map(({ name, color }) => [name, color]))
}

function binsOf(values: ArrayLike<number>, width: number): { from: number; to: number; count: number }[] {
  const counts: number[] = []
  for (const value of Array.from(values)) {
    const bin = Math.floor(value / width)
    counts[bin] = (counts[bin] ?? 0) + 1
  }
  return Array.from(counts, (count = 0, i) => ({ from: i * width, to: (i + 1) * width, count }))
}

function powerOfTen(value: number): string {
  return value >= 0.001 ? String(value) : value.toExponential(0)
}
