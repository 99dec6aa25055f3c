import * as Plot from '@observablehq/plot'
import { compose, emptyDocument, panelOptions, panelTitle } from './drawing.mjs'

const panel = { width: 420, height: 420 }
const color = '#e03131'

/**
 * Scores of compressed vectors against the true ones, before the line through a few samples and after.
 *
 * @param {{ points: number[][], samples: number }} scores points: exact, before, after
 * @param {{ caption: string }} options
 */
export function calibrationPicture({ points, samples }, { caption }) {
  const document = emptyDocument()
  const all = points.flat()
  const margin = (Math.max(...all) - Math.min(...all)) * 0.03
  const domain = [Math.min(...all) - margin, Math.max(...all) + margin]
  const titles = ['estimates', `rescoreNumSamples ${samples}`]
  const panels = titles.map((title, i) =>
    Plot.plot({
      ...panelOptions(document, panel),
      x: { domain, ticks: 6, label: 'true score →' },
      y: { domain, ticks: 6, label: i === 0 ? '↑ score of the answer' : null },
      marks: [
        Plot.frame({ strokeOpacity: 0.25 }),
        Plot.dot(points, {
          x: (point) => point[0],
          y: (point) => point[1 + i],
          r: 1.4,
          fill: color,
          fillOpacity: 0.45,
        }),
        Plot.line(
          [domain, domain].map(([from, to], end) => (end === 0 ? [from, from] : [to, to])),
          {
            stroke: 'currentColor',
            strokeWidth: 1.5,
            strokeDasharray: '5 4',
          },
        ),
        panelTitle(title),
      ],
    }),
  )
  return compose(panels, undefined, { panel, title: 'Scores before and after calibration', caption })
}
