/** How is a picture drawn? Observable Plot draws into a document that is only text, and SVG comes out. */

import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'

/** Panels beside each other, as SVG, under what their colors mean. */
export interface Picture {
  panels: string[]
  keys?: readonly Key[]
}

/** What a color stands for; `dashed` lines are of others. */
export interface Key {
  name: string
  color: string
  dashed?: boolean
}

/** Numbers that belong together, and the color they are drawn in. */
export interface Series extends Key {
  values: ArrayLike<number>
}

/** Legible on white and on black: at least 3 : 1 to both; apart for those who see few colors. */
export const COLORS = {
  red: '#d6423b',
  blue: '#3b7dc4',
  green: '#2f8f5f',
  violet: '#8a63d8',
  amber: '#c07f16',
  pink: '#c94f93',
  teal: '#1a8a9a',
  gray: '#7a8594',
} as const

/** What stands beside each other on a page has this width together. */
export const WIDTH = 840

/** The text of a plot, in what all of them share; the page has the style. */
export function draw(width: number, height: number, options: Plot.PlotOptions): string {
  const { document } = parseHTML('<html><body></body></html>')
  const shared = { marginLeft: 56, marginRight: 14, marginTop: 32, marginBottom: 42, grid: true }
  const style = { fontFamily: 'system-ui, sans-serif', fontSize: '12px', overflow: 'visible' }
  // colors are given as they are: no scale, or Plot would choose others
  const color: Plot.ScaleOptions = { type: 'identity' }
  const svg = Plot.plot({ document, ...shared, width, height, style, color, ...options })
  return svg.outerHTML
    .replace(/<style>[\s\S]*?<\/style>/g, '')
    .replace(/ xmlns(:\w+)?="[^"]*"/g, '') // HTML needs none, and so no address is on a page
    .replace(/="[^"]*"/g, (attribute) => attribute.replace(/\d+\.\d{3,}/g, (digits) => String(+(+digits).toFixed(2))))
}

export function titleMark(title: string): Plot.Markish {
  return Plot.text([title], {
    frameAnchor: 'top',
    dy: -22,
    fontSize: 13,
    fontWeight: 600,
    text: (name: string) => name,
  })
}

export function frameMark(): Plot.Markish {
  return Plot.frame({ strokeOpacity: 0.25 })
}

/** Where both coordinates are equal, from end to end. */
export function diagonalMark([from, to]: readonly [number, number]): Plot.Markish {
  const ends = [from, to].map((at) => ({ x: at, y: at }))
  return Plot.line(ends, { x: 'x', y: 'y', stroke: 'currentColor', strokeWidth: 1.2, strokeDasharray: '5 4' })
}

/** Each name once. */
export function keysOf(series: readonly Key[]): Key[] {
  const seen = new Map(series.map(({ name, color, dashed = false }) => [name, { name, color, dashed }]))
  return [...seen.values()]
}
