/**
 * A notebook about searching: four indexes beside exact search, and beside faiss where that is installed.
 *
 * `npm run example:index`, or `npm run example:index -- nytimes-256-angular.hdf5` for a file of ann-benchmarks.com.
 * `--rows` and `--queries` take fewer of them, `--steps` is how long to train, `--out` names the page, `--alone` leaves faiss out.
 */

import { CompressedFastIVF, exactSearch, FastIVF, FastIVFPQ, IvfIndex, type Progress, recall, runtime } from 'fast-ivf'
import { COLORS } from 'fast-ivf-cli/parts/page/drawing'
import { bars, convergenceCurve, histograms, scatters } from 'fast-ivf-cli/parts/page/pictures'
import { curves } from 'fast-ivf-cli/parts/page/recall-pictures'
import { compareScores } from 'fast-ivf-cli/parts/report/scores'
import { divisorOf } from 'fast-ivf-cli/parts/report/specs'
import { readArguments, refuse } from './arguments.js'
import { tryFaiss } from './faiss.js'
import { timed } from './measure.js'
import { openNotebook, resultPath } from './notebook.js'
import { count, digits, milliseconds, percent, seconds, share } from './show.js'
import { type Point, sweep, type Trial, tryOut } from './trial.js'
import { makeSet, readSet } from './vectors.js'

const { rows, queries: asked = 5_000, steps = 1_000, out, alone, files } = readArguments(['rows', 'queries', 'steps'])
const [file] = files
const page = await openNotebook('index.ts', 'Four indexes beside exact search')

page.chapter('Vectors')
const set = file
  ? await readSet(file, { rows: rows ?? 1_000_000, queries: asked }).catch(refuse)
  : makeSet({ rows: rows ?? 50_000, queries: asked })
const { vectors, queries, dim, metric } = set
const n = vectors.length / dim
const nq = queries.length / dim

page.say(`
  What is searched: ${set.name}, ${count(n)} × ${dim}, by ${metric}. What is asked: ${count(nq)} queries in one batch,
  for the 100 nearest of each. Times of indexes are the best of three searches.
`)
page.say(
  file
    ? `The file is in the layout of ann-benchmarks.com: the datasets \`train\`, \`test\` and \`neighbors\` are read.`
    : `No file was given, so these vectors are made of chance: 3,000 clusters of uneven size, heavy noise along each
       cluster's own directions, and a spectrum that decays, as that of embeddings does. A file of ann-benchmarks.com
       takes their place: \`npm run example:index -- nytimes-256-angular.hdf5\`.`,
)

page.chapter('The truth')
const k = 100
const [truth, exactSeconds] = await timed(() => exactSearch(vectors, queries, { k, metric, dim }))

page.say(`
  Exact search compares every query with every vector: ${milliseconds(exactSeconds)} for the batch. What follows is
  measured against its answers, in two ways. recall1@10 says how often the true nearest is within the first 10 found; it
  is the measure that the original FastIVF was published with. recall@10 is the share of the true ten that are within the
  first 10 found.
`)
if (set.neighbors) {
  const agreed = recall(truth, set.neighbors, 10)
  page.say(`The file brings answers of its own: against them, recall@10 of ours is ${share(agreed)}.`)
}

page.chapter('faiss')
const nlist = 2 ** Math.round(Math.log2(1.6 * Math.sqrt(n)))
const nprobe = Math.min(10, nlist)
const subvectors = divisorOf(dim, 32)
const codewords = 64
const { threads } = await runtime()
const faiss = alone ? undefined : await tryFaiss(set, truth, { nlist, nprobe, k, threads, subvectors, codewords })

page.say(
  faiss
    ? `faiss ${faiss.version} is installed: it divides the same vectors into as many cells, and is asked the same.`
    : 'faiss was not found (or not looked for), so ours stand alone. It needs a python3 that can import faiss and numpy.',
)

page.chapter('FastIVF: the vectors themselves')
const trials: Trial[] = faiss ? [...faiss.trials] : []
const changes: number[] = []
const flat = new FastIVF(dim, { nlist, nprobe, metric, kmeansMaxSteps: steps })
const [, flatSeconds] = await timed(() => flat.train(vectors, { onProgress: noteChange(changes) }))
trials.push(
  await tryOut({ name: 'FastIVF', color: COLORS.red, build: flatSeconds }, () => flat.search(queries, { k }), truth),
)
const cellSizes = flat.cellSizes
const nprobes = [1, 2, 4, 8, 16, 32, 64].filter((some) => some <= nlist)
const flatPoints = await sweep(nprobes, (nprobe) => flat.search(queries, { k: 10, nprobe, ratioThreshold: 0 }), truth)
await flat.close()

page.say(`
  Space is divided into ${count(nlist)} cells by mini-batch k-means, and a query is compared with the vectors of its
  ${nprobe} nearest cells only. After each step of training an older batch is assigned once more: the share of its labels
  that changed tells how far the centroids still move. ${count(changes.length)} steps brought it to
  ${changes.at(-1)!.toPrecision(2)}; training stops below 0.00005, or after ${count(steps)} steps.
`)
page.picture(
  convergenceCurve([{ name: `k-means of ${count(nlist)} cells`, color: COLORS.red, values: changes }]),
  'Convergence: the share of labels that changed, averaged over steps, on a log scale.',
)
page.say(`
  Cells are of uneven size, since k-means looks for short distances, not for equal numbers: the smallest holds
  ${count(Math.min(...cellSizes))} vectors, the largest ${count(Math.max(...cellSizes))}.
`)
page.picture(
  histograms(
    [
      { name: 'FastIVF', color: COLORS.red, values: cellSizes },
      ...(faiss ? [{ name: 'faiss', color: COLORS.gray, values: faiss.cellSizes }] : []),
    ],
    'vectors in a cell',
  ),
  'How many cells are of which size.',
)

page.chapter('FastIVFPQ: product codes')
const product = new FastIVFPQ(dim, {
  ...{ nlist, nprobe, metric, kmeansMaxSteps: steps },
  ...{ pqNumSubvectors: subvectors, pqNumCentroids: codewords, kmeansPqMaxSteps: steps },
})
const [, productSeconds] = await timed(() => product.train(vectors))
const aboutProduct = { color: COLORS.violet, build: productSeconds }
trials.push(
  await tryOut({ name: 'FastIVFPQ', ...aboutProduct }, () => product.search(queries, { k, rescore: false }), truth),
  await tryOut(
    { name: 'FastIVFPQ, rescored', ...aboutProduct },
    () => product.search(queries, { k, rescore: true }),
    truth,
  ),
)
const productLine = await compareScores(product, queries.subarray(0, 200 * dim), 20)
const { codeBytes } = product
await product.close()

page.say(`
  Each vector is cut into ${subvectors} pieces, and each piece replaced by the number of the nearest of ${codewords}
  codewords: ${count(codeBytes)} bytes per vector with all that belongs to it, instead of ${4 * dim} for the vector alone. Scores become estimates, so the
  first 10 of 100 are no longer quite the right ones; \`rescore\` compares those 100 with the vectors themselves, and puts
  them in their true order.
`)
page.say(`
  Where only the scores matter, and not the order, a few comparisons are enough: with \`rescoreNumSamples: 20\` about 20
  of the 100 answers are compared exactly, and a straight line through them corrects all. The mean error of a score
  falls from ${digits(productLine.errorBefore)} to ${digits(productLine.errorAfter)}.
`)
page.picture(
  scatters([
    { title: 'as estimated', color: COLORS.violet, points: productLine.before },
    { title: 'corrected by 20 samples', color: COLORS.violet, points: productLine.after },
  ]),
  'Scores of answers against the true ones, before and after the line; dashed: equal.',
)

page.chapter('CompressedFastIVF: shorter vectors')
const compressionNdim = Math.ceil(dim / 2)
const compressed = new CompressedFastIVF(dim, {
  ...{ nlist, nprobe, metric, kmeansMaxSteps: steps },
  ...{ compressionNdim, compressorStepsPerEpoch: Math.ceil(steps / 10) },
})
const [, compressedSeconds] = await timed(() => compressed.train(vectors))
const aboutCompressed = { color: COLORS.green, build: compressedSeconds }
trials.push(
  await tryOut(
    { name: 'CompressedFastIVF', ...aboutCompressed },
    () => compressed.search(queries, { k, rescore: false }),
    truth,
  ),
  await tryOut(
    { name: 'CompressedFastIVF, rescored', ...aboutCompressed },
    () => compressed.search(queries, { k, rescore: true }),
    truth,
  ),
)
const compressedLine = await compareScores(compressed, queries.subarray(0, 200 * dim), 20)
await compressed.close()

page.say(`
  Vectors of ${dim} components become vectors of ${compressionNdim}, by a linear map that learns to keep near vectors near.
  Cells are chosen with the full ones. The original's network is there, too (\`compressor: 'supervised'\`). Calibrated, the mean error of a score falls from ${digits(compressedLine.errorBefore)} to
  ${digits(compressedLine.errorAfter)}.
`)
page.picture(
  scatters([
    { title: 'as estimated', color: COLORS.green, points: compressedLine.before },
    { title: 'corrected by 20 samples', color: COLORS.green, points: compressedLine.after },
  ]),
  'The same for compressed vectors.',
)

page.chapter('IvfIndex: scalar codes')
const spec = `IVF${nlist},SQ4`
const [scalar, scalarSeconds] = await timed(() => IvfIndex.build(vectors, { spec, nprobe, metric, dim }))
trials.push(
  await tryOut(
    { name: `IvfIndex ${spec}`, color: COLORS.blue, build: scalarSeconds },
    () => scalar.search(queries, { k }),
    truth,
  ),
)
const { work } = await scalar.search(queries, { k })
const { work: lessWork } = await scalar.search(queries, { k: 10 })
const scalarPoints = await sweep(nprobes, (nprobe) => scalar.search(queries, { k: 10, nprobe }), truth)
await scalar.close()

page.say(`
  The original does not have this one: four bits per component of the rotated residual, and a known error of each
  estimate, which tells what must be compared exactly to find what an index of the vectors themselves would find. Its
  cells come from Lloyd's k-means, which is done sooner, and \`ratioThreshold\` is 0: all ${nprobe} cells are visited.
  The more is wanted, the more must be compared: ${count(work.rescored / nq)} vectors per query for k = ${k},
  ${count(lessWork.rescored / nq)} for k = 10.
`)

page.chapter('All of them')
page.table({
  head: ['index', 'recall1@10', 'recall@10', `${count(nq)} queries`, 'build'],
  rows: [
    ['exact search', share(1), share(1), milliseconds(exactSeconds), ''],
    ...trials.map((trial) => [
      trial.name,
      share(trial.recall1),
      share(trial.recall),
      milliseconds(trial.seconds),
      seconds(trial.build),
    ]),
  ],
})
page.picture(
  bars(
    trials.map(({ name, color, recall1, seconds }) => ({ name, color, values: [recall1, seconds] })),
    [
      { title: 'recall1@10', show: share, most: 1 },
      { title: `a batch of ${count(nq)} queries, k = ${k}`, show: milliseconds },
    ],
  ),
  `With ${count(nlist)} cells, of which ${nprobe} are visited.`,
)

page.chapter('More cells, more found')
const flatLast = flatPoints.at(-1)!
page.say(`
  \`nprobe\` trades time for recall. With ${flatLast.nprobe} cells of ${count(nlist)}, FastIVF with
  \`ratioThreshold\` 0 finds ${percent(flatLast.recall)} of the true ten.
`)
page.picture(
  curves([
    { name: 'FastIVF', color: COLORS.red, points: labelled(flatPoints) },
    { name: `IvfIndex ${spec}`, color: COLORS.blue, points: labelled(scalarPoints) },
  ]),
  'Recall against speed for the 10 nearest; the number beside a point is its nprobe.',
)

console.log(`\nThe page with code and pictures: ${await page.write(out ?? resultPath('index'))}`)

/** Every point of a curve says how many cells were visited. */
function labelled(points: readonly Point[]): (Point & { label: string })[] {
  return points.map((point) => ({ ...point, label: String(point.nprobe) }))
}

/** Keeps what k-means tells after each step. */
function noteChange(changes: number[]): (progress: Progress) => void {
  return ({ phase, delta }) => {
    if (phase === 'train' && delta !== undefined) changes.push(delta)
  }
}
