import { trueAmong } from '../measure/filtered.mjs'
import { recalls } from '../measure/recall.mjs'
import { inTurns, mediansInTurns } from '../measure/timing.mjs'
import { library, task } from '../process/task.mjs'
import { pickRows } from '../sets/pick.mjs'
import { readSet } from '../sets/sets.mjs'

const nprobes = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128]

/**
 * Searches of which only some ids may be answers, beside searches of all with the same nprobe: the least that finds
 * `level` there. `known` is a filter that was evaluated before, by `select`.
 */
await task(async ({ set: name, path, shares, level, k, threads, queries, rounds, singles }) => {
  const { IvfIndex, exactSearch } = await library()
  const set = readSet(name)
  const { dim } = set.query
  const nq = Math.min(queries, set.query.n)
  const data = set.query.data.subarray(0, nq * dim)
  const index = await IvfIndex.open(path, { threads })
  const recallOf = async (/** @type {number} */ nprobe) =>
    recalls((await index.search(data, { k, nprobe })).ids, k, set.truth, nq).recall
  const { nprobe, recall } = await leastReaching(recallOf, level, index.nlist)
  const rows = []
  for (const share of shares) {
    const allowed = pickRows(set.base.n, share)
    const truth = await trueAmong(exactSearch, set, data, allowed, k)
    const filters = filtersOf(allowed, set.base.n)
    const known = await index.select(filters.set)
    const search = (/** @type {Float32Array} */ asked) => ({
      all: () => index.search(asked, { k, nprobe }),
      set: () => index.search(asked, { k, nprobe, filter: filters.set }),
      predicate: () => index.search(asked, { k, nprobe, filter: filters.predicate }),
      known: () => index.search(asked, { k, nprobe, filter: known }),
    })
    const batch = search(data)
    await inTurns(1, batch)
    const { ids, work } = await batch.set()
    const seconds = await inTurns(rounds, batch)
    const of = (/** @type {number} */ i) => search(data.subarray((i % nq) * dim, ((i % nq) + 1) * dim))
    const p50 = await mediansInTurns(singles, {
      all: (i) => of(i).all(),
      set: (i) => of(i).set(),
      predicate: (i) => of(i).predicate(),
      known: (i) => of(i).known(),
    })
    const counts = { vectors: work.vectors / nq, cells: work.cells / nq, rescored: work.rescored / nq }
    rows.push({ share, allowed: allowed.length, recall: recalls(ids, k, truth).recall, ...counts, seconds, p50 })
  }
  const answer = { spec: index.spec, n: index.size, nprobe, recall, k, queries: nq, rows }
  await index.close()
  return answer
})

/** @param {(nprobe: number) => Promise<number>} recallOf @param {number} level @param {number} nlist */
async function leastReaching(recallOf, level, nlist) {
  for (const nprobe of nprobes.filter((one) => one <= nlist)) {
    const recall = await recallOf(nprobe)
    if (recall >= level) return { nprobe, recall }
  }
  throw new Error(`recall ${level} is not reached`)
}

/** @param {readonly number[]} allowed @param {number} n */
function filtersOf(allowed, n) {
  const may = new Uint8Array(n)
  for (const row of allowed) may[row] = 1
  return {
    set: new Set(allowed),
    predicate: (/** @type {number} */ id) => may[id] === 1,
  }
}
