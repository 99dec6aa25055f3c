/** A reverse dictionary: describe a thing, get the word. `npm run demo`, or `npm run demo -- "the study of birds"`. */

import { FastIVF, runtime } from 'fast-ivf'
import { mergeMeanings, readDictionary } from './dictionary.js'
import { DIM, makeEmbedder } from './embed.js'
import { incompleteDefinitions, measure, timed } from './measure.js'
import { progressBar } from './progress.js'

const QUESTIONS = [
  'fear of spiders',
  'the study of birds',
  'instrument for measuring temperature',
  'the day after today',
  'someone who loves books',
  'a small boat moved with paddles',
]
const NLIST = 1024
/** Left alone, k-means goes on for some 700 steps until hardly a label changes; here, 100 find nearly as much. */
const STEPS = 100
/**
 * Cells visited for a question: few is fast, many is thorough. These vectors are hard to divide into cells, since a
 * short text shares a word with texts everywhere: the last one, half of all cells, answers the questions.
 */
const NPROBES = [64, 256, 512]

const start = performance.now()
const given = process.argv.slice(2)

// 1. Definitions become vectors.
const [entries, readSeconds] = await timed(readDictionary)
report('read', readSeconds, `${count(entries.length)} definitions`)

const bags = entries.map((entry) => entry.stems)
const [embedder, learnSeconds] = await timed(() => makeEmbedder(bags))
const [vectors, embedSeconds] = await timed(() => embedder.embedAll(bags))
report('embed', learnSeconds + embedSeconds, `${DIM} numbers each`)

// 2. So do the questions, as far as some definition has their words.
const questions = (given.length > 0 ? given : QUESTIONS).filter(isAnswerable)
if (questions.length === 0) process.exit()

// 3. Vectors become an index: training places the centroids, then every vector goes to the cell of its nearest one.
const index = new FastIVF(DIM, { nlist: NLIST, kmeansMaxSteps: STEPS, metric: 'cosine', ratioThreshold: 0 })
const bar = progressBar()
const [, indexSeconds] = await timed(() => index.train(vectors, { onProgress: bar.update }).finally(bar.stop))
const { simd, threads } = await runtime()
report('index', indexSeconds, `${count(NLIST)} cells, by ${simd} SIMD on ${threads || 'no extra'} threads`)
report('memory', undefined, `${count(index.bytes / index.size)} bytes per vector, peak of the process ${peakMB()} MB`)

// 4. How near does it come to looking at every vector, and how much faster is it?
const samples = incompleteDefinitions(entries, 500)
const { exactQps, qualities } = await measure(index, vectors, embedder.embedAll(samples), NPROBES)
console.log(`\n${samples.length} definitions, each with one word left out, asked in one batch:\n`)
console.log('  nprobe  recall@10  recall1@10  queries/s')
for (const { nprobe, recall, recall1, qps } of qualities) tableRow(`${nprobe}`, recall, recall1, qps)
tableRow('exact', 1, 1, exactQps)
console.log('\n  recall@10: share of the true ten nearest found; recall1@10: how often the true nearest was found')

// 5. Questions become answers.
for (const question of questions) {
  const query = embedder.embed(embedder.understand(question).stems)
  const hits = await index.search(query, { k: 20, nprobe: NPROBES.at(-1)! })
  console.log(`\n${question}`)
  for (const { word, pos, score } of mergeMeanings(entries, hits.of(0)).slice(0, 4)) {
    console.log(`  ${score.toFixed(2)}  ${word} (${pos.join(', ')})`)
  }
}
await index.close()
console.log(`\n${((performance.now() - start) / 1000).toFixed(1)} s in all`)

/** Says which words of a question nobody knows; a question of nothing else fails the run (exit code 1). */
function isAnswerable(question: string): boolean {
  const { stems, unknown } = embedder.understand(question)
  if (unknown.length > 0) console.error(`"${question}": no definition has ${unknown.join(', ')}`)
  if (stems.length > 0) return true
  console.error(`"${question}" cannot be answered: it has no word that helps. Try "fear of spiders".`)
  process.exitCode = 1
  return false
}

function report(stage: string, took: number | undefined, what: string): void {
  const time = took === undefined ? '' : `${took.toFixed(1)} s`
  console.log(`${stage.padEnd(8)}${time.padStart(6)}  ${what}`)
}

function tableRow(nprobe: string, recall: number, recall1: number, qps: number): void {
  const [found, foundFirst] = [recall.toFixed(3), recall1.toFixed(3)]
  console.log(nprobe.padStart(8) + found.padStart(11) + foundFirst.padStart(12) + count(qps).padStart(11))
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en')
}

function peakMB(): string {
  return count(process.resourceUsage().maxRSS / 1024)
}
