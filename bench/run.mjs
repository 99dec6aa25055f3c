import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runChild } from './process/child.mjs'
import { machine, watchOthers } from './process/machine.mjs'
import { benchNode, installedNode } from './process/node.mjs'
import { python, runPython } from './process/python.mjs'
import { publishPages, writePages } from './report/pages.mjs'
import { targets } from './report/targets.mjs'
import { coarse } from './sections/coarse.mjs'
import { compress } from './sections/compress.mjs'
import { ivf } from './sections/ivf.mjs'
import { kernels } from './sections/kernels.mjs'
import { kmeans } from './sections/kmeans.mjs'
import { life } from './sections/life.mjs'
import { peers } from './sections/peers.mjs'
import { pq } from './sections/pq.mjs'
import { exact, memory, size, startup } from './sections/small.mjs'
import { storesSection } from './sections/stores.mjs'
import { setNamed, sets } from './sets/sets.mjs'

const usage = `npm run bench -- [options]
  --only a,b     sections: kernels, kmeans, coarse, ivf, pq, compress, peers, exact, memory, startup, size, life, stores
  --sets a,b     sets: ${sets.map((set) => set.name).join(', ')}
  --quick        fewer repeats, fewer peers, two sets (compress: its own, one seed)
  --full         also what takes long: faiss HNSW on every set
  --again        only write the report again from bench/results/results.json
  --publish      copy the pages of what was measured, and their pictures, to docs/`

const sections = {
  ...{ kernels, kmeans, coarse, ivf, pq, compress, peers, exact, memory, startup, size, life },
  stores: storesSection,
}
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
  const pages = writePages(measured, results)
  if (args.publish) publishPages(measured, results, join(root, 'docs'))
  const states = targets(measured).map((entry) => entry.state)
  const count = (/** @type {string} */ state) => states.filter((one) => one === state).length
  say(
    `${count('ok')} of ${states.length} aims reached, ${count('missed')} missed, ${count('not measured')} not measured`,
  )
  say(`written: ${pages.map((page) => `bench/results/${page}`).join(', ')}`)
}

async function measure() {
  const others = watchOthers()
  const node = benchNode()
  const installed = installedNode()
  /** @type {{ what: string, reason: string, section?: string | undefined }[]} */
  const absent = []
  /** @type {string | undefined} */
  let section
  const wanted = args.sets?.split(',') ?? (args.quick ? ['synth', 'mixture'] : sets.map((set) => set.name))
  wanted.forEach(setNamed)
  const lacks = (/** @type {string} */ what, /** @type {string} */ reason) =>
    void absent.push({ what, reason, section })
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
    asks: (/** @type {string} */ name) => args.sets === undefined || wanted.includes(name),
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
    const measureSection = sections[/** @type {keyof typeof sections} */ (name)]
    if (!measureSection) throw new Error(`no section "${name}"; there are ${Object.keys(sections).join(', ')}`)
    section = name
    const rows = await measureSection(context)
    if (name === 'ivf' || name === 'peers') out.curves = [...(out.curves ?? []), ...rows]
    else out[name] = rows
  }
  out.machine.others = others()
  return out
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
