import { storesTable } from '../report/stores.mjs'
import { num } from '../report/table.mjs'

const stores = ['log', 'lmdb', 'better-sqlite3', 'node:sqlite']

/**
 * How fast do embedded stores take vectors, so that they are on disk when an upsert is done?
 *
 * @param {import('./context.mjs').Context} context
 */
export async function storesSection({ run, quick, say }) {
  const n = quick ? 20_000 : 100_000
  const shape = { n, dim: 256, upserts: n / 5, outstanding: 64 }
  /** @type {Map<string, any>} of each the round in which its upserts were fastest */
  const best = new Map()
  for (let round = 1; round <= (quick ? 1 : 3); round++) {
    for (const store of stores) {
      say(`stores: ${store}, round ${round}`)
      const got = await run('tasks/stores.mjs', { store, ...shape }, { what: `store ${store}` })
      if (got && got.upserted > (best.get(store)?.upserted ?? 0)) best.set(store, { store, ...shape, ...got })
    }
  }
  const rows = [...best.values()]
  say(`stores, ${num(n)} × 256 floats with 100 bytes of JSON, 64 upserts at a time\n${storesTable(rows)}`)
  return rows
}
