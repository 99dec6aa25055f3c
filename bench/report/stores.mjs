import { num, table } from './table.mjs'

/** @param {any[]} rows of the section `stores` */
export function storesTable(rows) {
  const head = [
    'store',
    'durable upserts/s',
    'per wait',
    'bulk load, rows/s',
    'reopen and read, s',
    'MB on disk',
    'MB installed',
  ]
  return table(
    head,
    rows.map(({ store, upserts, upserted, waits, loaded, reopen, bytes, installed }) => [
      store,
      num(upserted),
      num(waits && upserts / waits),
      num(loaded),
      num(reopen, 2),
      num(bytes / 1e6),
      num(installed / 1e6, 1),
    ]),
  )
}
