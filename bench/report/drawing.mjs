import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'

/** What all pictures share: panels side by side under a legend, one SVG that follows the reader's light or dark scheme. */

/** @typedef {Record<string, { color: string, symbol: any }>} Styles */
/** @typedef {{ width: number, height: number }} Size */

/** For Plot to draw into. @returns {any} */
export function emptyDocument() {
  return parseHTML('<html><body></body></html>').document
}

/** @param {any} document @param {Size} panel */
export function panelOptions(document, { width, height }) {
  return {
    document,
    width,
    height,
    marginLeft: 56,
    marginRight: 14,
    marginTop: 34,
    marginBottom: 44,
    grid: true,
    style: { background: 'none', fontFamily: 'system-ui, sans-serif', fontSize: '12px' },
  }
}

/** @param {string} title */
export function panelTitle(title) {
  const text = (/** @type {string} */ name) => name
  return Plot.text([title], { frameAnchor: 'top', dy: -24, fontSize: 14, fontWeight: 600, text })
}

/** @param {Styles} styles @param {string[]} names */
export function scales(styles, names) {
  return {
    color: { domain: names, range: names.map((name) => styles[name]?.color ?? 'gray') },
    symbol: { domain: names, range: names.map((name) => styles[name]?.symbol ?? 'circle') },
  }
}

/** @param {any} document @param {Styles} styles @param {string[]} names @param {number} width */
export function legend(document, styles, names, width) {
  const columns = Math.max(1, Math.floor(width / 230))
  const keys = names.map((name, i) => ({ name, x: 22 + (i % columns) * 230, y: 20 + Math.floor(i / columns) * 20 }))
  const height = 30 + Math.ceil(names.length / columns) * 20
  const node = Plot.plot({
    document,
    width,
    height,
    margin: 0,
    x: { type: 'identity', axis: null },
    y: { type: 'identity', axis: null },
    ...scales(styles, names),
    marks: [
      Plot.ruleY(keys, { x1: 'x', x2: (/** @type {any} */ key) => key.x + 24, y: 'y', stroke: 'name', strokeWidth: 2 }),
      Plot.dot(keys, {
        x: (/** @type {any} */ key) => key.x + 12,
        y: 'y',
        symbol: 'name',
        stroke: 'name',
        fill: 'name',
        r: 3.6,
      }),
      Plot.text(keys, { x: 'x', y: 'y', text: 'name', dx: 32, textAnchor: 'start', fontSize: 12 }),
    ],
  })
  return { node, height }
}

/**
 * The panels as groups of one drawing; Plot's own style sheets are left out, ours follows the reader's scheme.
 *
 * @param {any[]} panels
 * @param {{ node: any, height: number } | undefined} keys
 * @param {{ panel: Size, title: string, caption: string, columns?: number }} options panels per row; all of them unless told
 */
export function compose(panels, keys, { panel, title, caption, columns = Math.max(1, panels.length) }) {
  const width = columns * panel.width
  const top = keys?.height ?? 12
  const height = panel.height * Math.ceil(panels.length / columns) + top + 26
  const inner = (/** @type {any} */ node) =>
    String(node.innerHTML)
      .replace(/<style>[\s\S]*?<\/style>/g, '')
      .replace(/="[^"]*"/g, (attribute) => attribute.replace(/\d+\.\d{3,}/g, (number) => String(+(+number).toFixed(2))))
  const placed = panels.map((node, i) => {
    const at = [(i % columns) * panel.width, top + Math.floor(i / columns) * panel.height]
    return `<g transform="translate(${at})">${inner(node)}</g>`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img"`,
    ' font-family="system-ui, -apple-system, sans-serif" font-size="12" fill="currentColor" text-anchor="middle">',
    `<title>${escaped(title)}</title>`,
    '<style>:root{color:#1f2328}.ground{fill:#fff}',
    '@media(prefers-color-scheme:dark){:root{color:#e6edf3}.ground{fill:#0d1117}}</style>',
    `<rect class="ground" width="${width}" height="${height}"/>`,
    keys && `<g>${inner(keys.node)}</g>`,
    ...placed,
    `<text text-anchor="start" fill-opacity="0.7" x="22" y="${height - 10}" font-size="11">${escaped(caption)}</text>`,
    '</svg>\n',
  ]
    .filter(Boolean)
    .join('\n')
}

/** @param {string} text */
function escaped(text) {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;')
}
