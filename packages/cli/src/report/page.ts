/** What does a report say, and in which order? All of it comes from the numbers of one run. */

import { COLORS, type Key } from '../page/drawing.js'
import { detailsOf, figureOf, headingOf, pageOf, paragraphOf, tableOf } from '../page/html.js'
import { bars, convergenceCurve, histograms, scatters } from '../page/pictures.js'
import { placeLine } from '../page/place.js'
import { askedPanels, speedCurves } from '../page/recall-pictures.js'
import { bytes, count, seconds } from '../text.js'
import type { IndexFigures } from './measure-index.js'
import { opening } from './opening.js'
import type { Report } from './run.js'
import { askedTable, bestTable, buildTable, pointsTable } from './tables.js'

/** One page of HTML that loads nothing. */
export function pageFor(report: Report): string {
  const { place, set, seconds: took } = report
  const title = `fast-ivf on ${set.name}, ${count(set.count)} × ${set.dim}`
  const parts = [
    ...opening(report),
    ...speed(report),
    ...recall(report),
    ...convergence(report),
    ...cells(report),
    ...scores(report),
    ...costs(report),
    headingOf('All settings'),
    detailsOf('every setting that was measured', pointsTable(report).map(tableOf).join('\n')),
    paragraphOf(`Measured in ${seconds(took)}, written by \`fast-ivf report\`.`),
  ]
  return pageOf(title, placeLine(place), parts)
}

function speed(report: Report): string[] {
  const { indexes, faiss, set } = report
  const ours = indexes.map(({ spec, points }, i) => ({ name: spec, color: colorOf(i), points }))
  const theirs = (faiss?.indexes ?? []).map(({ points }, i) => ({ ...peerKey(report, i), points }))
  return [
    headingOf('Recall against speed'),
    figureOf(
      speedCurves([...ours, ...theirs], set.k),
      `A point is a setting (one, two, four … cells visited) that no other of its index beats in both. Up is faster,
       right finds more; the scale of recall is stretched towards 1. All queries were asked in one batch, and the best time
       of some repeats counts${theirs.length > 0 ? '; dashed lines are of others' : ''}.`,
    ),
    paragraphOf(`The fastest setting measured that reaches a recall, nothing interpolated:`),
    tableOf(bestTable(report)),
  ]
}

function recall(report: Report): string[] {
  const { indexes, set } = report
  const series = indexes
    .map(({ spec, asked }, i) => ({
      name: spec,
      color: colorOf(i),
      points: asked.map(({ target, delivered, certified = delivered, lower = delivered }) => ({
        ...{ asked: target, delivered, certified, lower },
      })),
    }))
    .filter(({ points }) => points.length > 0)
  if (series.length === 0) return []
  return [
    headingOf('Recall asked for, recall delivered'),
    paragraphOf(
      `\`search(queries, { recall: 0.95 })\` takes no \`nprobe\`: each query visits the cells that are worth it. How many
       that are was learned from vectors of the index, not from the queries asked here.`,
    ),
    figureOf(
      askedPanels(series, set.k),
      `Dots: recall delivered to the queries of this run. Bars: what calibration had promised, from its lower bound to
       its mean. On the dashed line what was asked for is what was had; above it, more.`,
    ),
    tableOf(askedTable(indexes)),
    paragraphOf(
      `Vectors: how many are scored per query. On the right, the least \`nprobe\` for all queries alike that finds as
       much, found out with the truth at hand, and what it costs.`,
    ),
  ]
}

function convergence({ indexes, scores }: Report): string[] {
  const known = indexes.filter(({ nlist, convergence }) => nlist > 1 && convergence.length > 1)
  // k-means is the same for all codes: a line for each number of cells
  const lloyd = known.filter(({ nlist }, i) => known.findIndex((other) => other.nlist === nlist) === i)
  const lines = lloyd.map(({ nlist, convergence: values }, i) => ({
    ...{ name: `${count(nlist)} cells by Lloyd's k-means`, color: colorOf(i), values },
  }))
  const { nlist, convergence: values } = scores
  const batches = [{ name: `${count(nlist)} cells by mini-batch k-means`, color: COLORS.violet, values }]
  return [
    headingOf('Convergence'),
    ...(lines.length > 0
      ? [
          figureOf(
            convergenceCurve(lines, { label: 'change of the mean distance' }),
            `Lloyd's k-means, which divides space for the specs: how much the mean distance from the centroids changed
             at each step, on a log scale. From the fourth step on it sees more vectors, from the seventh all of its
             sample, which may show as jumps.`,
          ),
        ]
      : []),
    figureOf(
      convergenceCurve(batches),
      `The original's mini-batch k-means, of the \`FastIVFPQ\` below: the share of labels that changed, averaged over
       steps, on a log scale. It ended after ${count(values.length)} steps.`,
    ),
  ]
}

function cells({ indexes, scores, faiss }: Report): string[] {
  const ours = indexes.find(({ nlist }) => nlist > 1)
  const theirs = faiss?.indexes.find(({ cellSizes }) => cellSizes)
  const series = [
    ...(ours
      ? [{ name: `${count(ours.nlist)} cells of ${ours.spec}`, color: COLORS.red, values: ours.cellSizes }]
      : []),
    { name: `${count(scores.nlist)} cells of FastIVFPQ`, color: COLORS.violet, values: scores.cellSizes },
    ...(theirs ? [{ name: `cells of ${theirs.name}`, color: COLORS.gray, values: theirs.cellSizes ?? [] }] : []),
  ]
  const sizes = [...(series[0]?.values ?? [])].sort((a, b) => a - b)
  const [least = 0, middle = 0, most = 0] = [sizes[0], sizes[sizes.length >> 1], sizes.at(-1)]
  return [
    headingOf('Sizes of cells'),
    figureOf(
      histograms(series, 'vectors in a cell'),
      `How many cells are of which size. ${series[0]?.name}: ${count(least)} to ${count(most)} vectors, ${count(middle)} in
       the middle.`,
    ),
  ]
}

function scores({ scores: found }: Report): string[] {
  const { subvectors, codewords, samples, errorBefore, errorAfter, before, after, queries } = found
  const color = COLORS.violet
  return [
    headingOf('Scores before and after calibration'),
    figureOf(
      scatters([
        { title: 'as estimated', color, points: before },
        { title: `rescoreNumSamples: ${samples}`, color, points: after },
      ]),
      `\`FastIVFPQ\` with ${subvectors} subvectors of ${codewords} codewords; ${count(before.length)} of the answers to
       ${count(queries)} queries. On the dashed line a score is right. A straight line through about ${samples} answers
       per query, compared exactly, lowers the mean error from ${digits(errorBefore)} to ${digits(errorAfter)}.`,
    ),
  ]
}

function costs(report: Report): string[] {
  const { indexes, faiss, set } = report
  const ours = indexes.map((index, i) => ({ name: index.spec, color: colorOf(i), values: costsOf(index, set.count) }))
  const theirs = (faiss?.indexes ?? []).map((index, i) => ({
    ...peerKey(report, i),
    values: [index.buildSeconds, index.indexBytes / set.count, index.peakBytes],
  }))
  return [
    headingOf('Time and memory'),
    figureOf(
      bars(
        [...ours, ...theirs],
        [
          { title: 'to build', show: seconds },
          { title: 'bytes per vector', show: count },
          { title: 'memory at most', show: bytes },
        ],
      ),
      `To build: training and adding; calibrating is told in the table. Bytes per vector: all that the index holds, with
       the vectors kept beside their codes. Memory at most: the process until the index was built and calibrated, beyond
       the ${bytes(4 * set.count * set.dim)} of the vectors given, which it had before.`,
    ),
    tableOf(buildTable(report)),
  ]
}

function costsOf(index: IndexFigures, rows: number): number[] {
  return [index.buildSeconds, index.indexBytes / rows, index.peakBytes]
}

const OURS = [COLORS.amber, COLORS.blue, COLORS.red, COLORS.pink, COLORS.green, COLORS.violet, COLORS.teal]

function colorOf(i: number): string {
  return OURS[i % OURS.length] ?? COLORS.red
}

/** Others are gray, or of colors that ours do not begin with. */
function peerKey({ faiss }: Report, i: number): Key {
  const colors = [COLORS.gray, COLORS.teal, COLORS.violet]
  return { name: faiss?.indexes[i]?.name ?? '', color: colors[i % colors.length] ?? COLORS.gray, dashed: true }
}

function digits(value: number): string {
  return value.toLocaleString('en', { maximumSignificantDigits: 3 })
}
