import { major } from '../process/node.mjs'
import { isThere, sets } from '../sets/sets.mjs'
import { specs } from './specs.mjs'

/** Sets on which FastIVF is measured without `revectorize` as well; the answers are the same, only the time differs. */
const plainToo = ['synth', 'synth-50k', 'imdb-lsa-128']
const sweep = [1, 2, 4, 8, 16, 32, 64, 128, 256]

/** What do our indexes find, how fast, for how much work? Curves per set and build. @param {import('./context.mjs').Context} context */
export async function ivf(context) {
  const { run, node, installed, threads, quick, wants, absent, say } = context
  const curves = []
  for (const set of sets) {
    if (!wants(set.name)) continue
    if (!isThere(set)) {
      absent(`set ${set.name}`, 'its files are not there')
      continue
    }
    const measure = async (/** @type {any} */ on, /** @type {boolean} */ revectorize) => {
      say(`FastIVF: ${set.name}, Node ${on.version}${revectorize ? ', revectorize' : ''}`)
      const input = { set: set.name, nlist: set.nlist, nprobes: sweep, k: 10, threads, revectorize }
      const more = { repeats: quick ? 2 : 3, gemm: true, single: 16 }
      const got = await run('tasks/ivf.mjs', { ...input, ...more }, { node: on })
      if (!got) return
      const index = `FastIVF ${set.nlist}${revectorize ? ', revectorize' : ''}`
      const own = on === node ? {} : { installed: true }
      curves.push({ set: set.name, who: 'fast-ivf', index, node: on.version, threads, revectorize, ...own, ...got })
    }
    const wide = major(node.version) >= 24 && set.name !== 'mixture'
    if (wide) await measure(node, true)
    curves.push(...(await specs(context, set, wide, { all: true })))
    if (!wide || plainToo.includes(set.name)) await measure(node, false)
    // The aims compare plain with plain too; the specs that cannot be the fastest add nothing to that.
    if (wide && set.name === 'synth' && !quick) curves.push(...(await specs(context, set, false, { all: false })))
    if (set.name === 'synth' && installed.version !== node.version && !quick) await measure(installed, false)
  }
  return curves
}
