import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runChild } from './process/child.mjs'
import { machine, watchOthers } from './process/machine.mjs'
import { benchNode, installedNode } from './process/node.mjs'
import { python, runPython } from './process/python.mjs'
import { markdown } from './report/markdown.mjs'
import { picture } from './report/picture.mjs'
import { targets } from './report/targets.mjs'
import { workOf } from './report/work.mjs'
import { ivf } from './sections/ivf.mjs'
import { kernels } from './sections/kernels.mjs'
import { kmeans } from './sections/kmeans.mjs'
import { peers } from './sections/peers.mjs'
import { pq } from './sections/pq.mjs'
import { exact, memory, size, startup } from './sections/small.mjs'
import { setNamed, sets } from './sets/sets.mjs'

const usage = `npm run bench -- [options]
  --only a,b     sections: kernels, kmeans, ivf, pq, peers, exact, memory, startup, size
  --sets a,b     sets: ${sets.map((set) => set.name).join(', ')}
  --quick        fewer repeats, fewer peers, two sets
  --full         also what takes long: faiss HNSW on every set
  --again        only write the report again from bench/results/results.json
  --publish      copy the report and the picture to docs/`

const sections = { kernels, kmeans, ivf, pq, peers, exact, memory, startup, size }
const bench = dirname(fileURLToPath(import.meta.url))
const root = join(bench, '..')
const results = join(bench, 'results')

const flag = /** @type {const} */ ({ type: 'boolean', default: false })
const { values: args } = parseArgs({
  options: {
    only: { type: 'string' },
    sets: { type: 'string' },
    quick: flag,
    full: flag,
    again: flag,
    publish: flag,
    help: flag,
  },
})
if (args.help) process.stdout.write(`${usage}\n`)
else await main()

async function main() {
  mkdirSync(results, { recursive: true })
  const saved = join(results, 'results.json')
  const measured = args.again ? JSON.parse(readFileSync(saved, 'utf8')) : await measure()
  writeFileSync(saved, `${JSON.stringify(measured, null, 1)}\n`)
  write(measured)
  const states = targets(measured).map((entry) => entry.state)
  const count = (/** @type {string} */ state) => states.filter((one) => one === state).length
  say(
    `${count('ok')} of ${states.length} aims reached, ${count('missed')} missed, ${count('not measured')} not measured`,
  )
  say('the report is bench/results/report.md')
}

async function measure() {
  const others = watchOthers()
  const node = benchNode()
  const installed = installedNode()
  /** @type {{ what: string, reason: string }[]} */
  const absent = []
  const wanted = args.sets?.split(',') ?? (args.quick ? ['synth', 'mixture'] : sets.map((set) => set.name))
  wanted.forEach(setNamed)
  const lacks = (/** @type {string} */ what, /** @type {string} */ reason) => void absent.push({ what, reason })
  if (node.reason) lacks('Node 24 or newer', node.reason)
  const run = async (/** @type {string} */ script, /** @type {object} */ input, /** @type {any} */ options = {}) => {
    const command = (options.node ?? node).path
    const meanwhile = watchOthers()
    const got = await runChild(command, [...(options.flags ?? []), join(bench, script)], {
      limitSeconds: 240,
      input,
      ...options,
    })
    if (!got.ok) lacks(options.what ?? `${script.split('/').at(-1)} ${summary(input)}`, got.reason)
    return got.ok ? { ...got.value, others: meanwhile() } : undefined
  }
  const py = async (/** @type {string} */ script, /** @type {object} */ input, /** @type {any} */ options = {}) => {
    const meanwhile = watchOthers()
    const got = await runPython(join(bench, script), input, options)
    if (!got.ok) lacks(options.what ?? script, got.reason)
    return got.ok ? { ...got.value, others: meanwhile() } : undefined
  }
  const context = {
    node,
    installed,
    root,
    run,
    py,
    say,
    absent: lacks,
    threads: 2,
    quick: args.quick,
    full: args.full,
    wants: (/** @type {string} */ name) => wanted.includes(name),
  }
  const names = args.only?.split(',') ?? Object.keys(sections)
  /** @type {Record<string, any>} */
  const out = {
    machine: machine(),
    node: bare(node),
    installed: bare(installed),
    threads: 2,
    quick: args.quick,
    absent,
  }
  for (const name of ['synth', 'synth-50k', 'mixture']) {
    if (!wanted.includes(name)) continue
    say(`set ${name}`)
    await run('sets/prepare.mjs', { name, python }, { what: `set ${name}`, limitSeconds: 600 })
  }
  for (const name of names) {
    const section = sections[/** @type {keyof typeof sections} */ (name)]
    if (!section) throw new Error(`no section "${name}"; there are ${Object.keys(sections).join(', ')}`)
    const rows = await section(context)
    if (name === 'ivf' || name === 'peers') out.curves = [...(out.curves ?? []), ...rows]
    else out[name] = rows
  }
  out.machine.others = others()
  return out
}

/** @param {any} measured */
function write(measured) {
  const curves = measured.curves ?? []
  const { machine: on, node } = measured
  const caption = `${on.cpu}, ${on.cores} cores, Node ${node.version}; batches, k = 10; up and to the right is better`
  const svg = curves.length > 0 ? picture(curves, ['synth', 'synth-50k', 'imdb-lsa-128'], { caption }) : undefined
  if (svg) writeFileSync(join(results, 'recall-qps.svg'), svg)
  writeFileSync(join(results, 'report.md'), markdown(measured, svg ? { picture: 'recall-qps.svg' } : {}))
  writeFileSync(join(results, 'work.json'), `${JSON.stringify(workOf(curves), null, 1)}\n`)
  if (!args.publish) return
  const docs = join(root, 'docs')
  mkdirSync(docs, { recursive: true })
  copyFileSync(join(results, 'report.md'), join(docs, 'benchmark.md'))
  if (existsSync(join(results, 'recall-qps.svg')))
    copyFileSync(join(results, 'recall-qps.svg'), join(docs, 'recall-qps.svg'))
}

/** Paths stay out of the report. @param {{ version: string, from: string, reason?: string }} node */
function bare({ version, from, reason }) {
  return { version, from, ...(reason ? { reason } : {}) }
}

/** @param {any} input */
function summary(input) {
  return ['set', 'trainer', 'threads'].flatMap((key) => (input[key] === undefined ? [] : [input[key]])).join(' ')
}

/** @param {string} text */
function say(text) {
  process.stderr.write(`bench ${(performance.now() / 1000) | 0} s: ${text}\n`)
}
