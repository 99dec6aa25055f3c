import { join } from 'node:path'
import { installedVersion, installPeers } from '../process/peers-install.mjs'
import { isThere, setNamed, sets } from '../sets/sets.mjs'

const efs = [10, 16, 32, 64, 128, 256, 512]
const nprobes = [1, 2, 4, 8, 16, 32, 64, 128, 256]
/** Sets on which the slow builders run too. */
const npmSets = ['synth-50k', 'imdb-lsa-128']

/** What do others find, how fast, in the same run? @param {import('./context.mjs').Context} context */
export async function peers(context) {
  return [...(await faiss(context)), ...(await npm(context))]
}

/** @param {import('./context.mjs').Context} context */
async function faiss({ py, threads, quick, full, wants, absent, say }) {
  const curves = []
  const missing = new Map()
  for (const set of sets) {
    if (!wants(set.name) || !isThere(set) || set.name === 'mixture') continue
    const hnsw = npmSets.includes(set.name) || full ? ['HNSW16'] : []
    const codes = quick ? [] : ['IVFPQfs', 'RaBitQfs']
    const indexes = ['IVFFlat', ...codes, 'Flat', ...hnsw]
    say(`peers: faiss ${indexes.join(', ')} on ${set.name}`)
    const input = {
      ...set,
      k: 10,
      threads,
      repeats: 2,
      nprobes: quick ? [4, 16, 64] : nprobes,
      efs,
      single: 16,
      indexes,
    }
    const got = await py('peers/faiss-index.py', input, {
      what: `faiss on ${set.name}`,
      limitSeconds: full ? 900 : 300,
    })
    for (const { what, reason } of got?.absent ?? []) missing.set(`${what}: ${reason}`, { what, reason })
    for (const curve of got?.curves ?? []) {
      curves.push({
        set: set.name,
        who: 'faiss',
        version: got.version,
        build_options: got.options,
        others: got.others,
        ...curve,
      })
    }
  }
  for (const { what, reason } of missing.values()) absent(what, reason)
  return curves
}

/** @param {import('./context.mjs').Context} context */
async function npm({ run, root, node, threads, quick, wants, absent, say }) {
  const folder = join(root, 'bench', 'peers')
  say('peers: installing the npm packages')
  const trouble = installPeers(folder, node)
  const curves = []
  const asked = [
    { name: 'usearch', script: 'peers/usearch.mjs', input: { efs, single: 64 } },
    { name: 'hnswlib-node', script: 'peers/hnswlib-node.mjs', input: { efs, single: 64 } },
    {
      name: '@lancedb/lancedb',
      script: 'peers/lancedb.mjs',
      input: { nprobes: [4, 16, 64, 256], single: 16, queries: 250 },
    },
  ]
  for (const { name, script, input } of quick ? asked.slice(0, 1) : asked) {
    const version = installedVersion(folder, name)
    if (!version) {
      absent(name, trouble || 'npm left it out')
      continue
    }
    for (const setName of npmSets) {
      const set = setNamed(setName)
      if (!wants(setName) || !isThere(set)) continue
      say(`peers: ${name} on ${setName}`)
      const shared = { set: setName, nlist: set.nlist, k: 10, threads, repeats: 2 }
      const got = await run(script, { ...shared, ...input }, { what: `${name} on ${setName}` })
      if (got) curves.push({ set: setName, who: name, version, ...got })
    }
  }
  if (quick) absent('faiss fast scan, hnswlib-node, @lancedb/lancedb', 'left out by --quick')
  return curves
}
