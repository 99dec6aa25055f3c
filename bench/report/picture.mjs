import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'
import { frontier } from './curves.mjs'

/** Two colours of ours, greys and distinct hues for the others; each legible on white and on black. */
const styles = /** @type {const} */ ({
  'FastIVF, revectorize': { color: '#e8590c', width: 3, symbol: 'circle' },
  FastIVF: { color: '#f59f00', width: 2.2, symbol: 'circle' },
  'faiss IVFFlat': { color: '#4c8dd8', width: 1.6, symbol: 'square' },
  'faiss HNSW16': { color: '#8f6fd8', width: 1.6, symbol: 'diamond' },
  'faiss Flat (exact)': { color: '#8a8a8a', width: 1.6, symbol: 'star' },
  'usearch HNSW16': { color: '#2f9e6e', width: 1.6, symbol: 'triangle' },
  'hnswlib-node HNSW16, 1 thread': { color: '#c2558b', width: 1.6, symbol: 'cross' },
  '@lancedb/lancedb IVF_FLAT': { color: '#6b9a1f', width: 1.6, symbol: 'wye' },
})
const ticks = [0.5, 0.8, 0.9, 0.95, 0.99, 0.999]
const panel = { width: 400, height: 380, legend: 58 }

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
  const { document } = parseHTML('<html><body></body></html>')
  const here = sets.filter((set) => curves.some((curve) => curve.set === set))
  const lines = curves.filter((curve) => here.includes(curve.set) && styleOf(curve) && !curve.installed)
  const points = lines.flatMap((curve) =>
    frontier(curve.points)
      .filter((point) => point.recall >= 0.5)
      .map((point) => ({ set: curve.set, name: seriesOf(curve), x: stretch(point.recall), qps: point.qps })),
  )
  const names = Object.keys(styles).filter((name) => points.some((point) => point.name === name))
  const top = Math.max(...points.map((point) => point.qps))
  const bottom = Math.min(...points.map((point) => point.qps))
  const panels = here.map((set, i) => {
    const mine = points.filter((point) => point.set === set)
    return Plot.plot({
      document: /** @type {any} */ (document),
      width: panel.width,
      height: panel.height,
      marginLeft: 56,
      marginRight: 14,
      marginTop: 34,
      marginBottom: 44,
      grid: true,
      style: { background: 'none', fontFamily: 'system-ui, sans-serif', fontSize: '12px' },
      x: { domain: [stretch(0.5), stretch(0.9995)], ticks: ticks.map(stretch), tickFormat: (/** @type {number} */ _, /** @type {number} */ at) => String(ticks[at]).slice(1), label: 'recall@10 →' },
      y: { type: 'log', domain: [bottom * 0.8, top * 1.25], ticks: 5, tickFormat: '~s', label: i === 0 ? '↑ queries per second (log)' : null },
      color: { domain: names, range: names.map((name) => style(name).color) },
      symbol: { domain: names, range: names.map((name) => style(name).symbol) },
      marks: [
        Plot.frame({ strokeOpacity: 0.25 }),
        Plot.line(mine, { x: 'x', y: 'qps', z: 'name', stroke: 'name', strokeWidth: 2, className: 'lines' }),
        Plot.dot(mine, { x: 'x', y: 'qps', symbol: 'name', stroke: 'name', fill: 'name', r: 3.2 }),
        Plot.text([set], { frameAnchor: 'top', dy: -24, fontSize: 14, fontWeight: 600, text: (/** @type {string} */ name) => name }),
      ],
    })
  })
  return compose(panels, names, caption)
}

/** @param {any[]} panels @param {string[]} names @param {string} caption */
function compose(panels, names, caption) {
  const width = panels.length * panel.width
  const perRow = Math.max(1, Math.floor(width / 230))
  const rows = Math.ceil(names.length / perRow)
  const legend = 20 + rows * 20
  const height = panel.height + legend + 26
  const placed = panels.map((node, i) => {
    const inner = String(node.innerHTML).replace(/<style>[\s\S]*?<\/style>/g, '')
    return `<g transform="translate(${i * panel.width},${legend})">${inner}</g>`
  })
  const keys = names.map((name, i) => {
    const x = 20 + (i % perRow) * 230
    const y = 20 + Math.floor(i / perRow) * 20
    const { color, width: stroke } = style(name)
    const line = `<line x1="${x}" x2="${x + 22}" y1="${y}" y2="${y}" stroke="${color}" stroke-width="${stroke}"/>`
    return `${line}<circle cx="${x + 11}" cy="${y}" r="3.4" fill="${color}"/><text x="${x + 30}" y="${y + 4}">${escape(name)}</text>`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img"`,
    ' font-family="system-ui, -apple-system, sans-serif" font-size="12" fill="currentColor">',
    '<title>Recall against queries per second</title>',
    '<style>:root{color:#1f2328}.ground{fill:#fff}.faint{fill-opacity:.7}@media(prefers-color-scheme:dark){:root{color:#e6edf3}.ground{fill:#0d1117}}</style>',
    `<rect class="ground" width="${width}" height="${height}"/>`,
    ...keys,
    ...placed,
    `<text class="faint" x="20" y="${height - 10}" font-size="11">${escape(caption)}</text>`,
    '</svg>\n',
  ].join('\n')
}

/** @param {import('./curves.mjs').Curve} curve */
function seriesOf(curve) {
  if (curve.who === 'fast-ivf') return curve.revectorize ? 'FastIVF, revectorize' : 'FastIVF'
  return `${curve.who} ${curve.index.replace(/ \d+$/, '')}${curve.threads === 1 ? ', 1 thread' : ''}`
}

/** @param {import('./curves.mjs').Curve} curve */
function styleOf(curve) {
  return styles[/** @type {keyof typeof styles} */ (seriesOf(curve))]
}

/** @param {string} name */
function style(name) {
  return styles[/** @type {keyof typeof styles} */ (name)]
}

/** @param {string} text */
function escape(text) {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;')
}
