import * as Plot from '@observablehq/plot'
import { stretch, stretchedWithin } from '../../packages/cli/dist/page/recall-pictures.js'
import { compose, emptyDocument, legend, panelOptions, panelTitle, scales } from './drawing.mjs'

/** Legible on white and on black. @type {import('./drawing.mjs').Styles} */
const styles = {
  'exact vectors': { color: '#f59f00', symbol: 'circle' },
  'scalar codes, 4 bits': { color: '#e03131', symbol: 'diamond' },
}
const panel = { width: 300, height: 270 }

/**
 * Recall asked for against recall delivered, a panel per set.
 *
 * @param {{ set: string, report: any }[]} runs what `fast-ivf report --json` told
 * @param {{ caption: string }} options
 */
export function recallAsked(runs, { caption }) {
  const document = emptyDocument()
  const points = runs.flatMap(({ set, report }) =>
    report.indexes.flatMap((/** @type {any} */ { spec, asked }) => {
      const name = nameOf(spec)
      if (!name) return []
      return asked.map((/** @type {any} */ one) => ({ set, name, x: stretch(one.target), y: stretch(one.delivered) }))
    }),
  )
  const names = Object.keys(styles).filter((name) => points.some((point) => point.name === name))
  const all = points.flatMap(({ x, y }) => [x, y])
  const domain = /** @type {const} */ ([Math.min(...all) - 0.08, Math.max(...all) + 0.08])
  const panels = runs.map(({ set }, i) => {
    const mine = points.filter((point) => point.set === set)
    return Plot.plot({
      ...panelOptions(document, panel),
      x: { ...stretchedWithin(domain), label: 'recall@10 asked for →' },
      y: { ...stretchedWithin(domain), label: i % 3 === 0 ? '↑ delivered' : null },
      ...scales(styles, names),
      marks: [
        Plot.frame({ strokeOpacity: 0.25 }),
        Plot.line(
          domain.map((at) => ({ at })),
          { x: 'at', y: 'at', stroke: 'currentColor', strokeWidth: 1.2, strokeDasharray: '5 4' },
        ),
        Plot.line(mine, { x: 'x', y: 'y', z: 'name', stroke: 'name', strokeWidth: 1.6 }),
        // of two that agree both are seen
        Plot.dot(mine.filter(isExact), { x: 'x', y: 'y', stroke: 'name', strokeWidth: 2, r: 6.5 }),
        Plot.dot(
          mine.filter((point) => !isExact(point)),
          { x: 'x', y: 'y', symbol: 'name', stroke: 'name', fill: 'name', r: 3 },
        ),
        panelTitle(set),
      ],
    })
  })
  const columns = Math.min(3, runs.length)
  const keys = legend(document, styles, names, panel.width * columns)
  return compose(panels, keys, { panel, title: 'Recall asked for, recall delivered', caption, columns })
}

/** @param {{ name: string }} point */
function isExact({ name }) {
  return name === 'exact vectors'
}

/** Undefined for what is not drawn. @param {string} spec */
function nameOf(spec) {
  return /,Flat$/.test(spec) ? 'exact vectors' : /,SQ4$/.test(spec) ? 'scalar codes, 4 bits' : undefined
}
