import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { library, task } from '../process/task.mjs'
import { mixture } from './mixture.mjs'
import { plainSearch } from './plain-search.mjs'
import { isThere, ownFolder, setNamed } from './sets.mjs'
import { readVecs, writeVecs } from './vecs.mjs'

/** Makes one of our own sets where it is missing; run as a child process. Answers { made, how }. */
await task(async ({ name, python }) => {
  const set = setNamed(name)
  if (isThere(set)) return { made: false, how: 'there' }
  mkdirSync(ownFolder, { recursive: true })
  if (name === 'synth') return makeSynth(set, python)
  if (name === 'synth-50k') return makeSubset(set)
  if (name === 'mixture') return makeMixture(set)
  throw new Error('its files are not there')
})

/** @param {import('./sets.mjs').SetInfo} set @param {string} python */
async function makeSynth(set, python) {
  try {
    execFileSync(python, [new URL('../synth.py', import.meta.url).pathname, ownFolder], { stdio: 'pipe' })
    return { made: true, how: 'synth.py (numpy)' }
  } catch {
    const data = mixture({ n: 292_000, dim: 256, clusters: 3000, noise: 0.9, seed: 12345 })
    const base = data.subarray(0, 290_000 * 256)
    const queries = data.subarray(base.length)
    const { exactSearch } = await library()
    const truth = await exactSearch(
      { data: base, dims: [290_000, 256] },
      { data: queries, dims: [2000, 256] },
      { k: 100 },
    )
    writeAll(set, base, queries, 256, Int32Array.from(truth.ids))
    return { made: true, how: 'our own generator: no numpy here, so compare ratios only' }
  }
}

/** @param {import('./sets.mjs').SetInfo} set */
function makeSubset(set) {
  const whole = setNamed('synth')
  const base = readVecs(whole.base, 50_000)
  const queries = readVecs(whole.query, 1000)
  const truth = plainSearch(base.data, queries.data, base.dim, 100)
  writeAll(set, base.data, queries.data, base.dim, truth)
  return { made: true, how: 'plain loops over synth' }
}

/** @param {import('./sets.mjs').SetInfo} set */
function makeMixture(set) {
  const data = mixture({ n: 21_000, dim: 64, clusters: 500, noise: 0.7, seed: 7 })
  const base = data.subarray(0, 20_000 * 64)
  const queries = data.subarray(base.length)
  writeAll(set, base, queries, 64, plainSearch(base, queries, 64, 100))
  return { made: true, how: 'our own generator' }
}

/**
 * @param {import('./sets.mjs').SetInfo} set
 * @param {Float32Array} base
 * @param {Float32Array} queries
 * @param {number} dim
 * @param {Int32Array} truth nq × 100
 */
function writeAll(set, base, queries, dim, truth) {
  writeVecs(set.base, base, dim)
  writeVecs(set.query, queries, dim)
  writeVecs(set.truth, truth, 100)
}
