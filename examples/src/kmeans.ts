/**
 * A notebook about k-means: blobs of points, found again, and beside scikit-learn where that is installed.
 *
 * `npm run example:kmeans`. `--rows` takes fewer points, `--out` names the page, `--alone` leaves scikit-learn out.
 */

import { KMeans, MiniBatchKMeans, Projection, SubvectorsMiniBatchKMeans } from 'fast-ivf'
import { COLORS } from 'fast-ivf-cli/parts/page/drawing'
import { convergenceCurve, groups } from 'fast-ivf-cli/parts/page/pictures'
import { readArguments } from './arguments.js'
import { type Agreement, compareLabels } from './cluster-measures.js'
import { timed } from './measure.js'
import { openNotebook, resultPath } from './notebook.js'
import { count, milliseconds, percent, seconds, share } from './show.js'
import { type Judged, trySklearn } from './sklearn.js'
import { blobs } from './synth.js'

const MEASURES = [
  { key: 'homogeneity', name: 'homogeneity' },
  { key: 'completeness', name: 'completeness' },
  { key: 'vMeasure', name: 'V-measure' },
  { key: 'adjustedRand', name: 'adjusted Rand' },
  { key: 'adjustedMutualInformation', name: 'adjusted MI' },
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
const seeds = [1, 2, 3, 4, 5]
const options = { batchSize: 1024, metric: 'l2', dim } as const
const usual: Run[] = []
const balanced: Run[] = []
for (const seed of seeds) {
  usual.push(await start(new MiniBatchKMeans(clusters, { ...options, seed })))
  balanced.push(await start(new MiniBatchKMeans(clusters, { ...options, seed, minMaxRatioThreshold: 0.3 })))
}

page.say(`
  The original's mini-batch k-means starts from points drawn by chance, and stops when hardly a label changes. When two of
  its centroids start in one cloud, they may stay there and share it, while another centroid has two clouds: with the
  usual settings ${count(usual.filter(isPerfect).length)} of ${usual.length} starts find the clouds.
`)
page.say(`
  There is a setting for this. After each step, when the smallest centroid has at most \`minMaxRatioThreshold\` of the
  largest one's points, it takes half of them. The usual 0.005 only saves centroids that are nearly empty. Here all clouds
  are of one size, so a half beside a double, a ratio of a quarter, means that something is wrong: with 0.3,
  ${count(balanced.filter(isPerfect).length)} of ${balanced.length} starts find the clouds. It takes no true labels to see
  which start is better: its points are nearer to their centroids.
`)
page.table({
  head: ['start', 'steps', 'squared distance', 'V-measure', 'with 0.3: steps', 'squared distance', 'V-measure'],
  rows: seeds.map((seed, i) => [String(seed), ...told(usual[i]!), ...told(balanced[i]!)]),
})
page.picture(
  convergenceCurve([
    ...usual.map(({ history }) => ({ name: 'usual settings', color: COLORS.gray, values: history })),
    ...balanced.map(({ history }) => ({ name: 'minMaxRatioThreshold 0.3', color: COLORS.red, values: history })),
  ]),
  'Convergence of the five starts: the share of labels that changed, averaged over steps, on a log scale.',
)

page.chapter('What was found')
const plane = await Projection.train({ data: points, dims: [rows, dim] }, { spec: 'PCA2', metric: 'l2' })
const shown = points.subarray(0, Math.min(rows, 3000) * dim)
const flat = await plane.apply({ data: shown, dims: [shown.length / dim, dim] })
const [found] = balanced
const places = found!.labels.subarray(0, shown.length / dim)

page.say(`
  Five measures compare labels with the truth. A group of one cloud only gives homogeneity 1; a cloud in one group only
  gives completeness 1; the V-measure is the harmonic mean of both. The last two, the Rand index
  and mutual information (MI), are so scaled that labels by chance get 0. All are 1 when the groups are the clouds, whatever number each has.
`)
page.table({
  head: ['measure', 'first start'],
  rows: MEASURES.map(({ key, name }) => [name, share(found!.agreement[key])]),
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
const lloyd: Run[] = []
for (const seed of seeds) lloyd.push(await start(new KMeans(clusters, { metric: 'l2', dim, seed })))
const sklearn = alone
  ? undefined
  : await trySklearn(points, truth, { dim, clusters, batchSize: 1024, seeds, labels: usual.map((run) => run.labels) })

page.say(`
  \`KMeans\` is the other trainer of this library: Lloyd's iterations over a sample. All numbers are means of five starts;
  times include the labels of all points. ${
    sklearn
      ? `scikit-learn ${sklearn.version} is installed; its \`MiniBatchKMeans\` takes steps of as many points. Both of its
         trainers look for starts far from each other (k-means++), where ours draw them by chance.
         Its own five measures of our labels differ from ours by at most ${sklearn.difference.toExponential(1)}.`
      : 'scikit-learn was not found (or not looked for): it needs a python3 that can import sklearn and numpy.'
  }
`)
page.table({
  head: ['', ...MEASURES.map(({ name }) => name), 'time'],
  rows: [
    means('MiniBatchKMeans', usual),
    means('MiniBatchKMeans, 0.3', balanced),
    means('KMeans', lloyd),
    ...Object.entries(sklearn?.runs ?? {}).map(([name, runs]) => means(`scikit-learn ${name}`, runs)),
  ],
})

page.chapter('Subvectors')
const [pieces, codewords] = [16, 64]
const codebooks = new SubvectorsMiniBatchKMeans(codewords, pieces, { batchSize: 1024, dim, maxSteps: 100 })
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

/** One training, from a start of its own. */
interface Run extends Judged {
  labels: Int32Array
  history: number[]
  /** Squared, of a point to its centroid, on average. */
  distance: number
}

async function start(kmeans: MiniBatchKMeans | KMeans): Promise<Run> {
  const [labels, took] = await timed(async () => {
    await kmeans.train(points)
    return kmeans.predict(points)
  })
  const distances = await kmeans.predictScores(points)
  const { history } = kmeans
  await kmeans.close()
  const distance = labels.reduce((sum, label, i) => sum + distances[i * clusters + label]!, 0) / rows
  return { seconds: took, labels, history, distance, agreement: compareLabels(truth, labels) }
}

function isPerfect({ agreement }: Run): boolean {
  return agreement.vMeasure > 0.9995
}

function told({ history, distance, agreement }: Run): string[] {
  return [count(history.length), distance.toFixed(1), share(agreement.vMeasure)]
}

function means(name: string, runs: readonly Judged[]): string[] {
  const mean = (of: (run: Judged) => number): number => runs.reduce((sum, run) => sum + of(run), 0) / runs.length
  const measures = MEASURES.map(({ key }) => share(mean(({ agreement }) => agreement[key])))
  return [name, ...measures, milliseconds(mean(({ seconds }) => seconds))]
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
