import { isThere, setNamed } from '../sets/sets.mjs'

const SETS = ['synth', 'imdb-lsa-128', 'bge-base-768', 'lastfm-mf-64', 'mnist-784-60k', 'sift-bsds-100k']
/** Codes that are tried of a set; what cells hold does not depend on them. */
const codesOf = (/** @type {string} */ name) => (name === 'synth' ? ['Flat', 'SQ4'] : ['Flat'])

/**
 * What is delivered when a recall is asked for, and at what work? How good is what `tune` chooses? Does it help with
 * data that cells hardly divide?
 *
 * @param {import('./context.mjs').Context} context
 */
export async function recall({ run, threads, quick, say, wants, absent }) {
  const repeats = quick ? 3 : 5
  const asked = []
  for (const name of SETS.filter(wants)) {
    if (!isThere(setNamed(name))) {
      absent(name, 'the set is not there')
      continue
    }
    for (const codes of quick ? ['Flat'] : codesOf(name)) {
      const spec = `IVF${setNamed(name).nlist},${codes}`
      say(`recall asked of ${name} ${spec}`)
      const input = { set: name, spec, targets: [0.9, 0.95, 0.99], k: 10, repeats, threads }
      const got = await run('tasks/recall.mjs', input, { what: `recall of ${name}`, limitSeconds: 600 })
      if (got) asked.push(got)
    }
  }
  if (quick || !wants('synth')) return { asked }
  say('tune')
  const cells = [1024, 2048, 4096]
  const specs = cells.flatMap((nlist) => ['Flat', 'SQ8', 'SQ4', 'SQ1'].map((codes) => `IVF${nlist},${codes}`))
  const sweep = { set: 'synth', recall: 0.95, k: 10, budget: 60, specs: [...specs, 'IVF1024s,SQ4', 'IVF2048s,SQ4'] }
  const tuned = await run('tasks/tune.mjs', { ...sweep, repeats: 5, threads }, { what: 'tune', limitSeconds: 1200 })
  say('hard data')
  const hard = await run(
    'tasks/hard.mjs',
    { specs: ['IVF1024,Flat', 'IVF1024,SQ4', 'IVF1024,SQ8'], recall: 0.99, k: 10, queries: 2000, repeats: 5, threads },
    { what: 'hard data', limitSeconds: 600 },
  )
  return { asked, tuned, hard }
}
