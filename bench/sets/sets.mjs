import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readVecs } from './vecs.mjs'

const bench = join(dirname(fileURLToPath(import.meta.url)), '..')

/** Made here (git-ignored): synth, its subset, and the small set whose work is counted exactly. */
export const ownFolder = join(bench, 'data')

/** Sets that come with the project's surroundings; BENCH_DATA names another folder. */
export const sharedFolder = process.env.BENCH_DATA ?? join(bench, '..', '..', 'shared', 'data')

/**
 * @typedef {object} SetInfo
 * @property {string} name
 * @property {'cosine' | 'ip' | 'l2'} metric
 * @property {string} base
 * @property {string} query
 * @property {string} truth
 * @property {number} nlist
 * @property {string} about
 */

/** nlist: about 4√n as a power of two; synth's is the issue's, synth-50k's that of `reference/peers.md`. @type {SetInfo[]} */
export const sets = [
  own('synth', 1024, '290,000 × 256 unit vectors, 3,000 uneven clusters, heavy noise'),
  own('synth-50k', 256, 'the first 50,000 rows of synth, 1,000 queries'),
  own('mixture', 256, '20,000 × 64, made the same bit by bit on every machine'),
  shared('imdb-lsa-128', 'cosine', 1024, '49,000 × 128 latent semantic vectors of film reviews, norms vary'),
  shared('bge-base-768', 'cosine', 512, '9,843 × 768 neural text embeddings'),
  shared('lastfm-mf-64', 'ip', 1024, '46,720 × 64 matrix factors, norms vary, repeated vectors'),
  shared('mnist-784-60k', 'l2', 1024, '60,000 × 784 raw pixels, bytes', 'u8bin'),
  shared('sift-bsds-100k', 'l2', 1024, '100,000 × 128 SIFT descriptors, bytes', 'u8bin'),
]

/** @param {string} name @param {number} nlist @param {string} about @returns {SetInfo} */
function own(name, nlist, about) {
  return { name, metric: 'cosine', nlist, about, ...files(ownFolder, name, 'fbin') }
}

/** @param {string} name @param {SetInfo['metric']} metric @param {number} nlist @param {string} about @returns {SetInfo} */
function shared(name, metric, nlist, about, kind = 'fbin') {
  return { name, metric, nlist, about, ...files(sharedFolder, name, kind) }
}

/** @param {string} folder @param {string} name @param {string} kind */
function files(folder, name, kind) {
  const at = (/** @type {string} */ part) => join(folder, `${name}.${part}`)
  return { base: at(`base.${kind}`), query: at(`query.${kind}`), truth: at('gt.ibin') }
}

/** @param {string} name */
export function setNamed(name) {
  const found = sets.find((set) => set.name === name)
  if (!found) throw new Error(`no set "${name}"; there are ${sets.map((set) => set.name).join(', ')}`)
  return found
}

/** @param {SetInfo} set */
export function isThere(set) {
  return existsSync(set.base) && existsSync(set.query) && existsSync(set.truth)
}

/** @param {string} name */
export function readSet(name) {
  const set = setNamed(name)
  return { ...set, base: readVecs(set.base), query: readVecs(set.query), truth: readVecs(set.truth) }
}
