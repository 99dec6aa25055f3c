import { major } from '../process/node.mjs'
import { isThere, setNamed } from '../sets/sets.mjs'

/**
 * What does learning cost? A step of the original's network, its whole schedule, and the default compressor over many
 * long vectors.
 *
 * @param {import('./context.mjs').Context} context
 */
export async function compressorTraining({ run, node, threads, quick, asks, absent, say }) {
  const builds = major(node.version) >= 24 ? [false, true] : [false]
  const wide = (/** @type {boolean} */ revectorize) => (revectorize ? ', revectorize' : '')
  /** @type {{ steps: any[], schedule: any[], default: any[] }} */
  const rows = { steps: [], schedule: [], default: [] }
  const set = setNamed('synth')
  if (!asks('synth') || !isThere(set)) absent('supervised training', 'synth is not there')
  else {
    const shared = { set: set.name, nlist: set.nlist, width: 128 }
    for (const revectorize of builds) {
      say(`supervised steps${wide(revectorize)}`)
      const short = { kmeansMaxSteps: 5, compressorStepsPerEpoch: 600, compressorEpochs: 1 }
      const got = await run('tasks/compressor-training.mjs', { ...shared, threads: 0, revectorize, ...short })
      if (got) rows.steps.push({ threads: 1, revectorize, ...got })
    }
    if (quick) absent('the whole supervised schedule', 'left out by --quick')
    for (const revectorize of quick ? [] : builds) {
      say(`supervised, the whole schedule${wide(revectorize)}`)
      const input = { ...shared, threads, revectorize }
      const got = await run('tasks/compressor-training.mjs', input, { limitSeconds: 900 })
      if (got) rows.schedule.push({ threads, revectorize, ...got })
    }
  }
  if (quick) absent('the default compressor over 100,000 × 768', 'left out by --quick')
  for (const revectorize of quick ? [] : builds) {
    const data = { n: 100_000, dim: 768, spec: 'AE192' }
    say(`${data.spec} over ${data.n} × ${data.dim}${wide(revectorize)}`)
    const what = `${data.spec} over ${data.n} × ${data.dim}`
    const got = await run('tasks/projection-training.mjs', { ...data, threads, revectorize }, { what })
    if (got) rows.default.push({ ...data, threads, revectorize, ...got })
  }
  return rows
}
