/** Pictures of clusterings, scores and costs, for a page. */

import * as Plot from '@observablehq/plot'
import { diagonalMark, draw, frameMark, keysOf, type Picture, type Series, titleMark, WIDTH } from './drawing.js'

/** A value per step of each series, on a log scale; where nothing changed is left out. */
export function convergenceCurve(
  series: readonly Series[],
  { label = 'share of labels that changed, averaged', width = WIDTH }: { label?: string; width?: number } = {},
): Picture {
  const points = series.flatMap(({ color, values }, line) =>
    Array.from(values, (value, i) => ({ step: i + 1, value, color, line })).filter(({ value }) => value > 0),
  )
  const few = series.every(({ values }) => values.length <= FEW)
  const panel = draw(width, 320, {
    inset: 6,
    x: { label: 'step →', ...(few && { interval: 1 }) },
    y: { type: 'log', label: `↑ ${label}`, tickFormat: powerOfTen, ticks: 6 },
    marks: [
      frameMark(),
      Plot.line(points, { x: 'step', y: 'value', z: 'line', stroke: 'color', strokeWidth: 1.8 }),
      Plot.dot(few ? points : [], { x: 'step', y: 'value', fill: 'color', r: 3 }),
    ],
  })
  return { panels: [panel], keys: keysOf(series) }
}

/** Steps that are few enough to be told apart. */
const FEW = 30

/** How many of the values lie in each of equal steps; a panel per series, on the same scales. */
export function histograms(series: readonly Series[], label: string): Picture {
  const most = Math.max(...series.map(({ values }) => largest(values)))
  const steps = 40
  const width = Math.max(1, Math.ceil(most / steps))
  const binned = series.map((one) => ({ ...one, bins: binsOf(one.values, width) }))
  const highest = Math.max(...binned.map(({ bins }) => largest(bins.map(({ count }) => count))))
  const panels = binned.map(({ color, bins }, i) =>
    draw(Math.floor(WIDTH / Math.min(3, series.length)), 300, {
      x: { domain: [0, width * (Math.floor(most / width) + 1)], label: `${label} →`, ticks: 4 },
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
  const [least, most] = [-largest(all.map((value) => -value)), largest(all)]
  const margin = (most - least) * 0.03
  const domain: [number, number] = [least - margin, most + margin]
  const panels = titled.map(({ title, color, points }, i) =>
    draw(WIDTH / 2, WIDTH / 2, {
      x: { domain, ticks: 6, label: 'true score →' },
      y: { domain, ticks: 6, label: i === 0 ? '↑ score of the answer' : null },
      marks: [
        frameMark(),
        Plot.dot(points, { x: '0', y: '1', r: 1.4, fill: () => color, fillOpacity: 0.55 }),
        diagonalMark(domain),
        titleMark(title),
      ],
    }),
  )
  return { panels }
}

/** A bar per row and a panel per measure, each bar with its number; a measure that a row lacks is a dash. */
export function bars(
  rows: readonly { name: string; color: string; values: readonly (number | undefined)[] }[],
  measures: readonly { title: string; show: (value: number) => string; most?: number }[],
): Picture {
  const names = rows.map(({ name }) => name)
  const labels = 8 * largest(names.map((name) => name.length))
  const each = (WIDTH - labels) / measures.length
  const panels = measures.map(({ title, show, most }, i) => {
    const values = rows.map(({ name, color, values }) => ({ name, color, value: values[i] }))
    const longest = most ?? largest(values.map(({ value = 0 }) => value))
    const text = ({ value }: { value: number | undefined }): string => (value === undefined ? '–' : show(value))
    return draw(Math.floor(i === 0 ? each + labels : each), 42 + 26 * rows.length, {
      grid: false,
      marginBottom: 10,
      marginLeft: i === 0 ? labels : 12,
      x: { domain: [0, (longest || 1) * (1 + 70 / each)], axis: null },
      y: { domain: names, label: null, ...(i === 0 ? { tickSize: 0 } : { axis: null }) },
      marks: [
        Plot.barX(values, { x: ({ value = 0 }) => value, y: 'name', fill: 'color', inset: 2.5 }),
        Plot.text(values, { x: ({ value = 0 }) => value, y: 'name', text, dx: 5, textAnchor: 'start' }),
        titleMark(title),
      ],
    })
  })
  return { panels }
}

/** Points of the plane, each group in a color of its own. */
export function groups(points: readonly (readonly [number, number])[], labels: ArrayLike<number>): Picture {
  const colorOf = (i: number): string => GROUP_COLORS[(labels[i] ?? 0) % GROUP_COLORS.length] ?? 'gray'
  const panel = draw(WIDTH, 520, {
    inset: 10,
    x: { label: 'first component →' },
    y: { label: '↑ second component' },
    marks: [frameMark(), Plot.dot(points, { x: '0', y: '1', r: 1.6, fill: (_, i) => colorOf(i) })],
  })
  return { panels: [panel] }
}

const GROUP_COLORS = Plot.scale({ color: { type: 'categorical', domain: [0], scheme: 'tableau10' } }).range as string[]

function binsOf(values: ArrayLike<number>, width: number): { from: number; to: number; count: number }[] {
  const counts: number[] = []
  for (const value of Array.from(values)) {
    const bin = Math.floor(value / width)
    counts[bin] = (counts[bin] ?? 0) + 1
  }
  return Array.from(counts, (count = 0, i) => ({ from: i * width, to: (i + 1) * width, count }))
}

function largest(values: ArrayLike<number>): number {
  return Array.from(values).reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY)
}

function powerOfTen(value: number): string {
  return value >= 0.001 ? String(value) : value.toExponential(0)
}
