import { major } from '../process/node.mjs'
import { isThere, setNamed } from '../sets/sets.mjs'

/** How fast is FastIVFPQ, used as the original was measured? @param {import('./context.mjs').Context} context */
export async function pq({ run, node, threads, quick, absent, say }) {
  const set = setNamed('synth')
  if (!isThere(set)) {
    absent('FastIVFPQ', 'synth is not there')
    return []
  }
  if (quick) {
    absent('FastIVFPQ', 'left out by --quick')
    return []
  }
  const rows = []
  for (const revectorize of major(node.version) >= 24 ? [true, false] : [false]) {
    say(`FastIVFPQ${revectorize ? ', revectorize' : ''}`)
    const input = { set: set.name, nlist: set.nlist, threads, revectorize, repeats: 3 }
    const got = await run('tasks/fast-ivf-pq.mjs', input, { what: 'FastIVFPQ' })
    if (got) rows.push({ who: 'fast-ivf', threads, revectorize, ...got })
  }
  return rows
}
