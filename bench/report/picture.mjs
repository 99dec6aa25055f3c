import * as Plot from '@observablehq/plot'
import { frontier, isOfSpec, isOurs } from './curves.mjs'
import { compose, emptyDocument, legend, panelOptions, panelTitle, scales } from './drawing.mjs'

/** Legible on white and on black; what is not named here is left out of the picture. @type {import('./drawing.mjs').Styles} */
const styles = {
  'IVF, scalar codes (ours)': { color: '#e03131', symbol: 'circle' },
  'IVF, product codes (ours)': { color: '#d6589f', symbol: 'diamond2' },
  'FastIVF (ours)': { color: '#f59f00', symbol: 'circle' },
  'faiss IVFPQ fast scan': { color: '#1c6fbf', symbol: 'times' },
  'faiss IVFFlat': { color: '#4c8dd8', symbol: 'square' },
  'faiss HNSW16': { color: '#8f6fd8', symbol: 'diamond' },
  'faiss Flat (exact)': { color: '#8a8a8a', symbol: 'star' },
  'usearch HNSW16': { color: '#2f9e6e', symbol: 'triangle' },
  'hnswlib-node HNSW16, 1 thread': { color: '#c2558b', symbol: 'cross' },
  '@lancedb/lancedb IVF_FLAT': { color: '#6b9a1f', symbol: 'wye' },
}
const ticks = [0.5, 0.8, 0.9, 0.95, 0.99, 0.999]
const panel = { width: 400, height: 380 }

/** Recall with the end stretched, so that .99 and .999 stand as far apart as .9 and .99. @param {number} recall */
const stretch = (recall) => -Math.log10(1 - Math.min(recall, 0.9995))

/**
 * Recall against QPS, a panel per set, as one SVG that follows the reader's light or dark scheme.
 *
 * @param {import('./curves.mjs').Curve[]} curves
 * @param {string[]} sets left to right
 * @param {{ caption: string }} options
 */
export function picture(curves, sets, { caption }) {
  const document = emptyDocument()
  const here = sets.filter((set) => curves.some((curve) => curve.set === set))
  const drawn = here.flatMap((set) => seriesOn(curves.filter((curve) => curve.set === set && !curve.installed)))
  const points = drawn.flatMap(({ set, name, ours, points: all }) =>
    frontier(all)
      .filter((point) => point.recall >= 0.5)
      .map((point) => ({ set, name, ours, x: stretch(point.recall), qps: point.qps })),
  )
  const names = Object.keys(styles).filter((name) => points.some((point) => point.name === name))
  const top = Math.max(...points.map((point) => point.qps))
  const bottom = Math.min(...points.map((point) => point.qps))
  const panels = here.map((set, i) => {
    const mine = points.filter((point) => point.set === set)
    return Plot.plot({
      ...panelOptions(document, panel),
      x: {
        domain: [stretch(0.5), stretch(0.9995)],
        ticks: ticks.map(stretch),
        tickFormat: (/** @type {number} */ _, /** @type {number} */ at) => String(ticks[at]).slice(1),
        label: 'recall@10 →',
      },
      y: {
        type: 'log',
        domain: [bottom * 0.8, top * 1.25],
        ticks: 5,
        tickFormat: '~s',
        label: i === 0 ? '↑ queries per second (log)' : null,
      },
      ...scales(styles, names),
      marks: [
        Plot.frame({ strokeOpacity: 0.25 }),
        lines(mine.filter((point) => !point.ours)),
        dots(mine.filter((point) => !point.ours)),
        lines(mine.filter((point) => point.ours)),
        dots(mine.filter((point) => point.ours)),
        panelTitle(set),
      ],
    })
  })
  const keys = legend(document, styles, names, panel.width * here.length)
  return compose(panels, keys, { panel, title: 'Recall against queries per second', caption })
}

/** @param {{ x: number, qps: number, name: string }[]} points */
function lines(points) {
  return Plot.line(points, { x: 'x', y: 'qps', z: 'name', stroke: 'name', strokeWidth: points[0]?.ours ? 3 : 1.6 })
}

/** @param {{ x: number, qps: number, name: string }[]} points */
function dots(points) {
  return Plot.dot(points, { x: 'x', y: 'qps', symbol: 'name', stroke: 'name', fill: 'name', r: 3.2 })
}

/**
 * What is drawn of a set. Of ours the wide build where it was measured, and one line for all scalar codes, one for all
 * product codes: at each recall the best of them.
 *
 * @param {import('./curves.mjs').Curve[]} here
 */
function seriesOn(here) {
  const wide = here.some((curve) => isOurs(curve) && curve.revectorize)
  /** @type {Map<string, { set: string, name: string, ours: boolean, points: import('./curves.mjs').Point[] }>} */
  const series = new Map()
  for (const curve of here) {
    const name = seriesOf(curve)
    const ours = isOurs(curve)
    if (!styles[name] || (ours && wide && !curve.revectorize)) continue
    const points = [...(series.get(name)?.points ?? []), ...curve.points]
    series.set(name, { set: curve.set, name, ours, points })
  }
  return [...series.values()]
}

/** @param {import('./curves.mjs').Curve} curve */
function seriesOf(curve) {
  if (isOfSpec(curve)) {
    const kind = /,SQ\d/.test(curve.spec ?? '') ? 'scalar' : /PQ\d/.test(curve.spec ?? '') ? 'product' : 'exact'
    return `IVF, ${kind} codes (ours)`
  }
  if (isOurs(curve)) return 'FastIVF (ours)'
  const index = curve.index.replace(/ \d+$/, '').replace(/^IVFPQ\d+x4fs.*/, 'IVFPQ fast scan')
  return `${curve.who} ${index}${curve.threads === 1 ? ', 1 thread' : ''}`
}
