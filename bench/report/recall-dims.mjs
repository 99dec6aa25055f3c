import * as Plot from '@observablehq/plot'
import { compressedSets, compressors, figureOf } from './compressors.mjs'
import { compose, emptyDocument, legend, panelOptions, panelTitle, scales } from './drawing.mjs'

/** Legible on white and on black. @type {import('./drawing.mjs').Styles} */
const styles = {
  similarity: { color: '#e03131', symbol: 'circle' },
  supervised: { color: '#1c6fbf', symbol: 'diamond' },
  pca: { color: '#f59f00', symbol: 'square' },
  random: { color: '#8a8a8a', symbol: 'times' },
}
const panel = { width: 400, height: 340 }
const names = /** @type {Record<number, string>} */ ({
  0.0625: '1/16',
  0.125: '1/8',
  0.25: '1/4',
  0.5: '1/2',
  0.75: '3/4',
})

/**
 * What compressors keep against how many components they leave: a panel per set, a line per compressor.
 *
 * @param {import('./compressors.mjs').Quality[]} quality
 * @param {{ caption: string }} options
 */
export function recallDims(quality, { caption }) {
  const document = emptyDocument()
  const sets = compressedSets.filter((set) => quality.some((row) => row.set === set))
  const compressed = quality.filter((row) => row.compressor)
  const shares = [...new Set(compressed.map((row) => row.share))].sort((a, b) => a - b)
  const points = sets.flatMap((set) =>
    compressors.flatMap((name) =>
      shares.flatMap((share) => {
        const found = figureOf(quality, { set, compressor: name, share }, 'all')
        return found ? [{ set, name, share, ...found }] : []
      }),
    ),
  )
  const panels = sets.map((set, i) => {
    const dim = quality.find((row) => row.set === set)?.dim
    // The default last, and so on top.
    const mine = points.filter((point) => point.set === set).reverse()
    return Plot.plot({
      ...panelOptions(document, panel),
      x: {
        type: 'log',
        base: 2,
        domain: [(shares[0] ?? 0) / 1.15, (shares.at(-1) ?? 1) * 1.15],
        ticks: shares,
        tickFormat: (/** @type {number} */ share) => names[share] ?? String(share),
        label: `components, as a share of ${dim} →`,
      },
      y: { domain: [0, 1], ticks: 6, label: i === 0 ? '↑ recall@10' : null },
      ...scales(styles, [...compressors]),
      marks: [
        Plot.frame({ strokeOpacity: 0.25 }),
        Plot.line(mine, { x: 'share', y: 'mean', z: 'name', stroke: 'name', strokeWidth: 2 }),
        Plot.ruleX(mine, { x: 'share', y1: 'least', y2: 'greatest', stroke: 'name', strokeWidth: 2 }),
        Plot.dot(mine, { x: 'share', y: 'mean', symbol: 'name', stroke: 'name', fill: 'name', r: 3.6 }),
        panelTitle(set),
      ],
    })
  })
  const keys = legend(document, styles, [...compressors], panel.width * sets.length)
  return compose(panels, keys, { panel, title: 'What compressors keep, against components', caption })
}
