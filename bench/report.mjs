import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runChild } from './process/child.mjs'
import { python } from './process/python.mjs'
import { askedTable, putTable } from './report/asked-table.mjs'
import { recallAsked } from './report/recall-asked.mjs'
import { isThere, setNamed, sets } from './sets/sets.mjs'
import { shapeOf } from './sets/vecs.mjs'

const usage = `npm run report -- [options]
  --set a        set of the page: ${sets.map((set) => set.name).join(', ')} (default: synth, made where it is missing)
  --spec 'a b'   its indexes (default: those of fast-ivf report)
  --peers none   leave faiss out
  --again        no page is measured again whose numbers are in bench/results
  --publish      measure the other sets, too; write docs/recall-asked.svg and the table of README.md`

const bench = dirname(fileURLToPath(import.meta.url))
const root = join(bench, '..')
const results = join(bench, 'results')
const command = join(root, 'packages', 'cli', 'bin', 'fast-ivf.js')
/** Of the published picture, beside the page's own. */
const others = ['imdb-lsa-128', 'bge-base-768', 'lastfm-mf-64', 'mnist-784-60k', 'sift-bsds-100k']

const flag = /** @type {const} */ ({ type: 'boolean', default: false })
const { values: args } = parseArgs({
  options: {
    set: { type: 'string' },
    spec: { type: 'string' },
    peers: { type: 'string' },
    again: flag,
    publish: flag,
    help: flag,
  },
})
if (args.help) process.stdout.write(`${usage}\n`)
else await main()

async function main() {
  mkdirSync(results, { recursive: true })
  const set = await prepare(args.set ?? 'synth')
  const told = [args.spec && ['--spec', args.spec], args.peers && ['--peers', args.peers]].flatMap((one) => one || [])
  const first = { set, report: await reportOn(set, 'report', told) }
  if (args.publish) {
    const runs = [first]
    for (const name of others.filter((one) => one !== set && isThere(setNamed(one)))) {
      runs.push({
        set: name,
        report: await reportOn(name, `report-${name}`, ['--peers', 'none', '--spec', ...twoSpecs(name)]),
      })
    }
    publish(runs)
  }
  process.stdout.write(`written: ${join(results, 'report.html')}\n`)
}

/** Makes one of our own sets; where that fails, a small one stands in. @param {string} name */
async function prepare(name) {
  const input = { name, python }
  const made = await runChild(process.execPath, [join(bench, 'sets', 'prepare.mjs')], { input, limitSeconds: 240 })
  if (made.ok || isThere(setNamed(name))) return name
  process.stderr.write(`report: no set ${name}: ${made.reason}\n`)
  if (args.set || name === 'mixture') process.exit(1)
  return prepare('mixture')
}

/**
 * What `fast-ivf report --json` tells of a set.
 *
 * @param {string} name
 * @param {string} file of the page, and of the numbers beside it
 * @param {string[]} options
 */
async function reportOn(name, file, options) {
  const [page, saved] = ['html', 'json'].map((kind) => join(results, `${file}.${kind}`))
  if (!args.again) {
    const { base, query, truth, metric } = setNamed(name)
    process.stderr.write(`report: ${name}\n`)
    const out = await run([base, query, truth, '--metric', metric, '--out', page, '--force', '--json', ...options])
    writeFileSync(saved, out)
  }
  return JSON.parse(readFileSync(saved, 'utf8'))
}

/** Standard output of the command; its progress goes where ours goes. @param {string[]} told @returns {Promise<string>} */
function run(told) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [command, 'report', ...told], { stdio: ['ignore', 'pipe', 'inherit'] })
    /** @type {Buffer[]} */
    const parts = []
    child.stdout.on('data', (part) => parts.push(part))
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve(Buffer.concat(parts).toString())
      else reject(new Error(`fast-ivf report ended with ${code}`))
    })
  })
}

/** Exact vectors and scalar codes, in as many cells as a report has by itself. @param {string} name */
function twoSpecs(name) {
  const nlist = 2 ** Math.round(Math.log2(4 * Math.sqrt(shapeOf(setNamed(name).base).n)))
  return [`IVF${nlist},Flat`, `IVF${nlist},SQ4`]
}

/** @param {{ set: string, report: any }[]} runs the page's own first */
function publish(runs) {
  const { place } = runs[0].report
  const machine = `${place.cpu}, ${place.cores} cores, Node ${place.node}`
  const caption = `Calibrated with vectors of the index, judged by other queries; on the dashed line is what was asked for; ${machine}`
  writeFileSync(join(root, 'docs', 'recall-asked.svg'), recallAsked(runs, { caption }))
  const readme = join(root, 'README.md')
  const busy = place.load / place.cores > 0.5 ? '; other work ran on the machine' : ''
  const where = `Vectors and queries per second: of batches, k = 10; \`nprobe\`: the least that finds as much. ${machine}, ${place.date}${busy}; by \`npm run report -- --publish\`.`
  writeFileSync(readme, putTable(readFileSync(readme, 'utf8'), askedTable(runs, where)))
}
