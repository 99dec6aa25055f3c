import { median } from '../measure/timing.mjs'
import { major } from '../process/node.mjs'
import { isThere, setNamed } from '../sets/sets.mjs'

/** @typedef {import('./context.mjs').Context} Context */

/** How fast is comparing with everything? @param {Context} context */
export async function exact({ run, node, threads, quick, absent, say }) {
  if (!isThere(setNamed('synth'))) {
    absent('exact search', 'synth is not there')
    return []
  }
  const rows = []
  for (const revectorize of major(node.version) >= 24 ? [true, false] : [false]) {
    say(`exact search${revectorize ? ', revectorize' : ''}`)
    const got = await run('tasks/exact.mjs', { set: 'synth', k: 100, threads, revectorize, repeats: quick ? 1 : 3 })
    if (got) rows.push({ who: 'fast-ivf', threads, revectorize, ...got })
  }
  return rows
}

/** How much memory does building take? @param {Context} context */
export async function memory({ run, threads, absent, say }) {
  if (!isThere(setNamed('synth'))) {
    absent('memory', 'synth is not there')
    return []
  }
  say('memory while training and filling')
  const got = await run('tasks/memory.mjs', { set: 'synth', nlist: 1024, threads }, { flags: ['--expose-gc'] })
  return got ? [got] : []
}

/** How soon is the first answer? @param {Context} context */
export async function startup({ run, node, installed, quick, say }) {
  const rows = []
  for (const on of installed.version === node.version ? [node] : [node, installed]) {
    say(`start, Node ${on.version}`)
    const tries = []
    for (let i = 0; i < (quick ? 3 : 9); i++) {
      const got = await run('tasks/startup.mjs', {}, { node: on })
      if (got) tries.push(got)
    }
    if (tries.length === 0) continue
    const of = (/** @type {'imported' | 'searched'} */ key) => median(tries.map((one) => one[key]))
    rows.push({ node: on.version, imported: of('imported'), searched: of('searched'), processes: tries.length })
  }
  return rows
}

/** How big is it? @param {Context} context */
export async function size({ run, root, say }) {
  say('size')
  const got = await run('tasks/size.mjs', { root })
  return got ? [got] : []
}
