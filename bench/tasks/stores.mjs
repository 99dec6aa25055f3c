import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { timed } from '../measure/timing.mjs'
import { library, task } from '../process/task.mjs'

const bench = join(dirname(fileURLToPath(import.meta.url)), '..')
const stores = { log, lmdb, 'better-sqlite3': betterSqlite3, 'node:sqlite': nodeSqlite }

/**
 * One embedded store holding vectors with ids and 100 bytes of JSON: loading many at once, single upserts that are on
 * disk when they are done, `outstanding` of them at a time, closing, and opening again with everything read.
 */
await task(async ({ store: name, n, dim, upserts, outstanding }) => {
  const row = rowsOf(dim)
  // not in the system's temporary folder, which may be memory
  mkdirSync(join(bench, 'data'), { recursive: true })
  const folder = mkdtempSync(join(bench, 'data', 'store-'))
  try {
    const open = stores[/** @type {keyof typeof stores} */ (name)]
    let store = await open(folder)
    const load = await timed(() => store.load(n, row))
    const upsert = await timed(() => store.upsert(upserts, outstanding, (i) => row((i * 7919) % n)))
    const waits = store.waits?.()
    await store.close()
    const bytes = bytesOf(folder)
    const reopen = await timed(async () => {
      store = await open(folder)
      return store.all()
    })
    await store.close()
    const { rows, sum } = reopen.value
    const expected = name === 'log' ? n + upserts : n
    if (rows !== expected) throw new Error(`${rows} rows came back, not ${expected}`)
    return {
      loaded: n / load.seconds,
      upserted: upserts / upsert.seconds,
      waits,
      reopen: reopen.seconds,
      bytes,
      installed: installed(name),
      sum,
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

/** @typedef {{ id: number, vector: Uint8Array, json: string }} Row */

/**
 * A store opened. `all` reads every row; `waits` counts how often the disk was waited for.
 *
 * @typedef {object} Store
 * @property {(n: number, row: (i: number) => Row) => unknown} load
 * @property {(count: number, outstanding: number, row: (i: number) => Row) => unknown} upsert
 * @property {() => Promise<{ rows: number, sum: number }> | { rows: number, sum: number }} all
 * @property {() => unknown} close
 * @property {() => number} [waits]
 */

/** @param {string} folder @returns {Promise<Store>} */
async function log(folder) {
  const { createLog, openLog } = await library('internal.js')
  const path = join(folder, 'log')
  let [rows, sum] = [0, 0]
  const onRecord = (/** @type {Uint8Array} */ payload) => {
    rows++
    sum += payload[8] ?? 0
  }
  const isNew = !existsSync(path)
  const opened = isNew ? await createLog(path, 1, { sync: 'none' }) : await openLog(path, { onRecord })
  const text = new TextEncoder()
  const put = (/** @type {any} */ to, /** @type {Row} */ { id, vector, json }) =>
    to.append([new Uint8Array(new Float64Array([id]).buffer), vector, text.encode(json)])
  let durable = opened
  let before = 0
  return {
    async load(n, row) {
      for (let i = 0; i < n; i += 1000) {
        await Promise.all(Array.from({ length: Math.min(1000, n - i) }, (_, j) => put(opened, row(i + j))))
      }
      await opened.sync()
    },
    async upsert(count, outstanding, row) {
      await opened.close()
      durable = await openLog(path, { onRecord() {} })
      before = durable.syncs
      await inFlight(count, outstanding, (i) => put(durable, row(i)))
    },
    all: () => ({ rows, sum }),
    close: () => durable.close(),
    waits: () => durable.syncs - before,
  }
}

/** @param {string} folder @returns {Promise<Store>} */
async function lmdb(folder) {
  const { open } = await import('lmdb')
  // a put is done when it is committed, and a commit when it is on disk
  const db = open({ path: join(folder, 'lmdb'), encoding: 'binary', overlappingSync: false })
  const put = (/** @type {Row} */ { id, vector, json }) => db.put(id, Buffer.concat([vector, Buffer.from(json)]))
  return {
    async load(n, row) {
      for (let i = 0; i < n; i += 10_000) {
        await Promise.all(Array.from({ length: Math.min(10_000, n - i) }, (_, j) => put(row(i + j))))
      }
    },
    upsert: (count, outstanding, row) => inFlight(count, outstanding, (i) => put(row(i))),
    all() {
      let [rows, sum] = [0, 0]
      for (const { value } of db.getRange()) {
        rows++
        sum += value[0] ?? 0
      }
      return { rows, sum }
    },
    close: () => db.close(),
  }
}

/** @param {string} folder @returns {Promise<Store>} */
async function betterSqlite3(folder) {
  const { default: Database } = await import('better-sqlite3')
  return sqlite(new Database(join(folder, 'sqlite')))
}

/** @param {string} folder @returns {Promise<Store>} */
async function nodeSqlite(folder) {
  const { DatabaseSync } = await import('node:sqlite')
  return sqlite(new DatabaseSync(join(folder, 'sqlite')))
}

/** It waits for the disk in the calling thread, so what is outstanding is one transaction. @param {any} db @returns {Store} */
function sqlite(db) {
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
  db.exec('CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, vector BLOB, json TEXT)')
  const statement = db.prepare('INSERT OR REPLACE INTO rows VALUES (?, ?, ?)')
  let waits = 0
  const group = (/** @type {number} */ from, /** @type {number} */ to, /** @type {(i: number) => Row} */ row) => {
    db.exec('BEGIN')
    for (let i = from; i < to; i++) {
      const { id, vector, json } = row(i)
      statement.run(id, vector, json)
    }
    db.exec('COMMIT')
    waits++
  }
  return {
    load: (n, row) => group(0, n, row),
    upsert(count, outstanding, row) {
      waits = 0
      for (let i = 0; i < count; i += outstanding) group(i, Math.min(count, i + outstanding), row)
    },
    all() {
      let [rows, sum] = [0, 0]
      for (const { vector } of db.prepare('SELECT id, vector, json FROM rows').iterate()) {
        rows++
        sum += vector[0] ?? 0
      }
      return { rows, sum }
    },
    close: () => db.close(),
    waits: () => waits,
  }
}

/** @param {number} dim @returns {(id: number) => Row} */
function rowsOf(dim) {
  const pool = Array.from({ length: 997 }, (_, i) => {
    const vector = Float32Array.from({ length: dim }, (_, j) => Math.sin(i * dim + j))
    return new Uint8Array(vector.buffer)
  })
  return (id) => ({
    id,
    vector: /** @type {Uint8Array} */ (pool[id % pool.length]),
    json: `{"title":"${`the document of row ${id}`.padEnd(88, '.')}"}`,
  })
}

/** @param {number} count @param {number} lanes @param {(i: number) => unknown} call */
async function inFlight(count, lanes, call) {
  let next = 0
  const lane = async () => {
    while (next < count) await call(next++)
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}

/** Bytes of what npm installs for a store; what Node brings is none. @param {string} name */
function installed(name) {
  if (name === 'node:sqlite') return 0
  if (name === 'log') {
    const folder = join(bench, '..', 'packages', 'fast-ivf')
    const { files } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    return files.reduce((/** @type {number} */ sum, /** @type {string} */ one) => sum + bytesOf(join(folder, one)), 0)
  }
  const folders = new Set()
  const add = (/** @type {string} */ dependency) => {
    const folder = join(bench, 'node_modules', dependency)
    if (folders.has(folder) || !existsSync(folder)) return
    folders.add(folder)
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies }).forEach(add)
  }
  add(name)
  return [...folders].reduce((sum, folder) => sum + bytesOf(folder), 0)
}

/** @param {string} path @returns {number} */
function bytesOf(path) {
  if (!existsSync(path)) return 0
  if (!statSync(path).isDirectory()) return statSync(path).size
  return readdirSync(path).reduce((sum, name) => sum + bytesOf(join(path, name)), 0)
}
