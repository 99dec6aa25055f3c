/**
 * A notebook about k-means: blobs of points, found again, and beside scikit-learn where that is installed.
 *
 * `npm run example:kmeans`. `--rows` takes fewer points, `--out` names the page, `--alone` leaves scikit-learn out.
 */

import { KMeans, MiniBatchKMeans, Projection, SubvectorsMiniBatchKMeans } from 'fast-ivf'
import { readArguments } from './arguments.js'
import { type Agreement, compareLabels } from './cluster-measures.js'
import { timed } from './measure.js'
import { openNotebook, resultPath } from './notebook.js'
import { COLORS, convergenceCurve, groups } from './pictures.js'
import { count, percent, seconds, share } from './show.js'
import { trySklearn } from './sklearn.js'
import { blobs } from './synth.js'

const MEASURES = [
  { key: 'homogeneity', name: 'homogeneity' },
  { key: 'completeness', name: 'completeness' },
  { key: 'vMeasure', name: 'V-measure' },
  { key: 'adjustedRand', name: 'adj. Rand' },
  { key: 'adjustedMutualInformation', name: 'adj. mutual inf.' },
] as const satisfies { key: keyof Agreement; name: string }[]

const { rows = 200_000, out, alone } = readArguments(['rows'])
const page = await openNotebook('kmeans.ts', 'Blobs found again by mini-batch k-means')

page.chapter('Blobs')
const [dim, clusters] = [128, 10]
const { points, labels: truth } = blobs({ rows, dim, clusters, seed: 1 })

page.say(`
  ${count(rows)} points of ${dim} components around ${clusters} centers, each cloud as wide as the next. Which cloud a
  point was made for is known, so labels can be judged.
`)

page.chapter('Five starts')
const runs = []
for (const seed of [1, 2, 3, 4, 5]) {
  const kmeans = new MiniBatchKMeans(clusters, { batchSize: 1024, metric: 'l2', dim, seed })
  const [, took] = await timed(() => kmeans.train(points))
  const labels = await kmeans.predict(points)
  const distances = await kmeans.predictScores(points)
  const { history, centroids } = kmeans
  await kmeans.close()
  const distance = labels.reduce((sum, label, i) => sum + distances[i * clusters + label]!, 0) / rows
  runs.push({ seed, took, labels, history, centroids, distance, agreement: compareLabels(truth, labels) })
}
const best = runs.reduce((nearest, run) => (run.distance < nearest.distance ? run : nearest))

page.say(`
  The original's mini-batch k-means starts from points drawn by chance and stops when hardly a label changes. When two of
  its centroids start in one cloud, they may stay there and share it, while another centroid has two clouds: so it is
  started five times, and that start is kept whose centroids are nearest to the points. This needs no true labels.
`)
page.table({
  head: ['start', 'steps', 'time', 'mean squared distance', 'V-measure'],
  rows: runs.map((run) => [
    `${run.seed}${run === best ? ' (kept)' : ''}`,
    count(run.history.length),
    seconds(run.took),
    run.distance.toFixed(1),
    share(run.agreement.vMeasure),
  ]),
})
page.picture(
  convergenceCurve([
    ...runs
      .filter((run) => run !== best)
      .map((run) => ({ name: 'the other starts', color: COLORS.gray, values: run.history })),
    { name: `start ${best.seed} (kept)`, color: COLORS.red, values: best.history },
  ]),
  'Convergence: the share of labels that changed, averaged over steps, on a log scale.',
)

page.chapter('What was found')
const plane = await Projection.train({ data: points, dims: [rows, dim] }, { spec: 'PCA2', metric: 'l2' })
const shown = points.subarray(0, Math.min(rows, 3000) * dim)
const flat = await plane.apply({ data: shown, dims: [shown.length / dim, dim] })
const places = best.labels.subarray(0, shown.length / dim)

page.say(`
  Five measures compare labels with the truth. A group of one cloud only gives homogeneity 1; a cloud in one group only
  gives completeness 1; the V-measure is the harmonic mean of both. The last two are so scaled that labels by chance get
  0. All are 1 when the groups are the clouds, whatever number each has.
`)
page.table({
  head: ['', ...MEASURES.map(({ name }) => name)],
  rows: [judged(`the kept start`, best.agreement)],
})
page.picture(
  groups(
    Array.from(places, (_, i) => [flat[2 * i]!, flat[2 * i + 1]!] as const),
    places,
  ),
  `${count(places.length)} of the points in their two principal components, each in the color of the group found. Clouds
  that overlap here are apart in other components.`,
)

page.chapter('Beside others')
const lloyd = new KMeans(clusters, { metric: 'l2', dim, seed: 1 })
const [, lloydSeconds] = await timed(() => lloyd.train(points))
const lloydLabels = await lloyd.predict(points)
await lloyd.close()
const sklearn = alone
  ? undefined
  : await trySklearn(points, truth, { dim, clusters, batchSize: 1024, labels: best.labels })

page.say(`
  \`KMeans\` is the other trainer of this library: Lloyd's iterations over a sample. ${
    sklearn
      ? `scikit-learn ${sklearn.version} is installed; its \`MiniBatchKMeans\` takes steps of as many points, and keeps
         the best of three starts. Both of its classes choose starts far from each other (k-means++), where ours draw
         them: that is why one start is enough for them. Its times include labels for all points. Its own five measures
         of our labels differ from ours by at most ${sklearn.difference.toExponential(1)}.`
      : 'scikit-learn was not found (or not looked for): it needs a python3 that can import sklearn and numpy.'
  }
`)
page.table({
  head: ['', ...MEASURES.map(({ name }) => name), 'time'],
  rows: [
    [...judged('MiniBatchKMeans, kept start', best.agreement), seconds(best.took)],
    [...judged('KMeans, one start', compareLabels(truth, lloydLabels)), seconds(lloydSeconds)],
    ...(sklearn?.runs ?? []).map((run) => [...judged(run.name, run.agreement), seconds(run.seconds)]),
  ],
})

page.chapter('Subvectors')
const [pieces, codewords] = [16, 64]
const codebooks = new SubvectorsMiniBatchKMeans(codewords, pieces, { batchSize: 1024, dim, maxSteps: 300 })
const [, subvectorSeconds] = await timed(() => codebooks.train(points))
const codes = await codebooks.predict(points)
const error = reconstructionError(codes, codebooks.centroids)
await codebooks.close()

page.say(`
  \`SubvectorsMiniBatchKMeans\` does the same to each piece of a vector, over one stream of batches: ${pieces} pieces of
  ${dim / pieces} components, ${codewords} codewords for each, in ${seconds(subvectorSeconds)}. ${pieces} numbers of 6 bits
  stand for a point then, and put together again they keep ${percent(1 - error)} of its variance.
`)

console.log(`\nThe page with code and pictures: ${await page.write(out ?? resultPath('kmeans'))}`)

function judged(name: string, agreement: Agreement): string[] {
  return [name, ...MEASURES.map(({ key }) => share(agreement[key]))]
}

/** Share of the variance that is lost when each piece (codes: pieces × rows) is replaced by its codeword. */
function reconstructionError(codes: Int32Array, codewordsOf: Float32Array): number {
  const width = dim / pieces
  const mean = Float64Array.from({ length: dim }, (_, i) => {
    let sum = 0
    for (let at = i; at < points.length; at += dim) sum += points[at]!
    return sum / rows
  })
  let [lost, variance] = [0, 0]
  for (let at = 0; at < points.length; at++) {
    const [row, i] = [Math.floor(at / dim), at % dim]
    const piece = Math.floor(i / width)
    const codeword = piece * codewords + codes[piece * rows + row]!
    lost += (points[at]! - codewordsOf[codeword * width + (i % width)]!) ** 2
    variance += (points[at]! - mean[i]!) ** 2
  }
  return lost / variance
}
