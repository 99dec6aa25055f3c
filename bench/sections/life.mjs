import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { isThere, ownFolder, setNamed } from '../sets/sets.mjs'

const shares = [0.5, 0.1, 0.01, 0.001]

/**
 * What does it cost to keep an index: in files, larger than memory, while it grows and shrinks, with filters?
 *
 * @param {import('./context.mjs').Context} context
 */
export async function life(context) {
  const { quick, absent } = context
  const set = setNamed(quick ? 'mixture' : 'synth')
  if (!isThere(set)) {
    absent('the life of an index', `${set.name} is not there`)
    return undefined
  }
  // not in the system's temporary folder, which may be memory
  mkdirSync(ownFolder, { recursive: true })
  const folder = mkdtempSync(join(ownFolder, 'life-'))
  try {
    const shape = shapeFor(quick, set.nlist)
    const plan = { ...context, folder, shape, shared: { set: set.name, k: 10, threads: context.threads } }
    return {
      set: set.name,
      ...(await files(plan)),
      memory: await memoryOf(plan),
      adding: await changes(plan),
      drift: await drift(plan),
      upserts: await upserts(plan),
      work: await work(plan),
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * @typedef {import('./context.mjs').Context & { folder: string, shape: ReturnType<typeof shapeFor>, shared: { set: string, k: number, threads: number } }} Plan
 */

/** @param {boolean} quick @param {number} nlist */
function shapeFor(quick, nlist) {
  const full = { nlist, part: 100_000, large: 1_000_000, largeCells: 4096, trained: 29_000, rounds: 15 }
  if (!quick) return { ...full, queries: 1000, singles: 200, upserts: 20_000 }
  const small = { nlist, part: 10_000, large: 100_000, largeCells: 1024, trained: 2000, rounds: 5 }
  return { ...small, queries: 500, singles: 50, upserts: 4000 }
}

/** The indexes that are saved are opened by all that follows. @param {Plan} plan */
async function files({ run, say, folder, shape, shared }) {
  const { nlist, rounds, queries, singles } = shape
  const saved = []
  const removal = []
  const filters = []
  let opened
  let stored
  for (const codes of ['Flat', 'SQ4']) {
    const spec = `IVF${nlist},${codes}`
    const path = join(folder, codes)
    say(`a file of ${spec}`)
    const got = await run('tasks/life-save.mjs', { ...shared, spec, path, repeats: 5 }, { what: `saving ${spec}` })
    if (!got) continue
    saved.push(got)
    if (codes === 'Flat') {
      opened = await run('tasks/life-open.mjs', { ...shared, path, rounds: 9 }, { what: `opening ${spec}` })
    } else {
      const input = { ...shared, path, nprobe: 16, queries }
      stored = await run('tasks/life-stored.mjs', input, { what: `searching the file of ${spec}` })
    }
    say(`vectors removed, ${spec}`)
    const gone = { ...shared, path, share: 0.1, nprobe: 16, queries, rounds: 2 * rounds }
    const less = await run('tasks/life-remove.mjs', gone, { what: `removing from ${spec}` })
    if (less) removal.push(less)
    say(`filters, ${spec}`)
    const asked = { ...shared, path, shares, level: 0.95, queries, rounds, singles }
    const filtered = await run('tasks/life-filter.mjs', asked, { what: `filters in ${spec}` })
    if (filtered) filters.push(filtered)
  }
  return { saved, opened, stored, removal, filters }
}

/** @param {Plan} plan */
async function memoryOf({ run, say, folder, shape, shared }) {
  const { large: n, largeCells } = shape
  const spec = `IVF${largeCells},SQ4`
  const path = join(folder, 'large')
  const searches = { ...shared, nprobe: 16, queries: 200 }
  const rows = []
  for (const keep of ['none', 'f32']) {
    say(`memory of a search in a file of ${n} vectors, keep '${keep}'`)
    const made = await run('tasks/life-large.mjs', { ...shared, spec, keep, n, path }, { limitSeconds: 600 })
    if (!made) continue
    const empty = await run('tasks/life-memory.mjs', searches)
    const got = await run('tasks/life-memory.mjs', { ...searches, path })
    rmSync(path)
    if (got && empty) rows.push({ ...made, over: got.rss - empty.rss, peak: got.peak - empty.peak, empty: empty.rss })
  }
  return rows
}

/** @param {Plan} plan */
async function changes({ run, say, shape: { nlist, part }, shared }) {
  const rows = []
  for (const codes of ['SQ4', 'Flat']) {
    const spec = `IVF${nlist},${codes}`
    say(`adding to ${spec}`)
    const input = { ...shared, spec, n: part, batch: 1000 }
    const added = await run('tasks/life-add.mjs', { ...input, repeats: 3 }, { what: `adding to ${spec}` })
    const { threads: _, ...own } = input
    const busy = await run(
      'tasks/life-busy.mjs',
      { ...own, nprobe: 16, rounds: 5 },
      { what: `searching while adding to ${spec}` },
    )
    if (added || busy) rows.push({ spec, added, busy })
  }
  return rows
}

/** @param {Plan} plan */
async function drift({ run, say, shape: { trained, queries }, shared }) {
  const rows = []
  for (const codes of ['SQ4', 'Flat']) {
    const spec = `IVF${2 ** Math.round(Math.log2(4 * Math.sqrt(trained)))},${codes}`
    say(`drift, ${spec}`)
    const nprobes = [1, 2, 4, 8, 16, 32, 64]
    const got = await run(
      'tasks/life-drift.mjs',
      { ...shared, spec, trained, nprobes, queries },
      { what: `drift, ${spec}` },
    )
    if (got) rows.push(got)
  }
  return rows
}

/** Whichever round is the fastest, as for the stores. @param {Plan} plan */
async function upserts({ run, say, quick, folder, shape, shared }) {
  let best
  for (let round = 1; round <= (quick ? 1 : 3); round++) {
    say(`durable upserts, round ${round}`)
    const input = { ...shared, folder, n: shape.part, upserts: shape.upserts, outstanding: 64 }
    const got = await run('tasks/life-upsert.mjs', input, { what: 'durable upserts into a collection' })
    if (!got) break
    if (got.upserted > (best?.upserted ?? 0)) best = got
  }
  return best
}

/** Over the set whose bytes are the same on every machine. @param {Plan} plan */
async function work({ run, say, absent, shared }) {
  const set = setNamed('mixture')
  if (!isThere(set)) {
    absent('counts of filters and of searches in a file', `${set.name} is not there`)
    return []
  }
  say('counts of filters and of searches in a file')
  const rows = []
  for (const codes of ['Flat', 'SQ4']) {
    const input = { ...shared, set: set.name, spec: `IVF${set.nlist},${codes}`, nprobe: 16, shares }
    const got = await run('tasks/life-work.mjs', input, { what: `counts, ${codes}` })
    if (got) rows.push(got)
  }
  return rows
}
