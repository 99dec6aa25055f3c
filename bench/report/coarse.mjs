import { most } from './aims.mjs'
import { num, share, table } from './table.mjs'

/** What it costs to have very many cells. @param {any[]} rows */
export function coarseTables(rows) {
  if (rows.length === 0) return ['*not measured*\n']
  return rows.flatMap(({ n, dim, nlist, queries, train, add, points }) => [
    `${num(n)} × ${dim} in ${num(nlist)} cells, \`Flat\`: trained in ${num(train, 1)} s, added in ${num(add, 1)} s; ${num(queries)} queries. ` +
      '**All**: the same index, its cells chosen by comparing all centroids.\n',
    table(
      ['nprobe', 'recall@10', 'all', 'centroids compared', 'µs per query to choose', 'all'],
      points.map((/** @type {any} */ { nprobe, usual, all }) => [
        ...[nprobe, share(usual.recall), share(all.recall), `${num(100 * usual.compared, 1)} %`],
        ...[num(usual.us), num(all.us)],
      ]),
    ),
  ])
}

/** @param {any} results @returns {import('./aims.mjs').Aim[]} */
export function coarseTargets({ coarse = [], quick }) {
  const row = quick ? undefined : coarse[0]
  const worst = (/** @type {(point: any) => number} */ of) => row && Math.max(...row.points.map(of))
  return [
    most('training 65,536 cells on 1,000,000 × 128, seconds', row?.train, 90, 0),
    most(
      'share of the centroids compared with a query there',
      worst(({ usual }) => usual.compared),
      0.2,
    ),
    most(
      'recall@10 lost by that, the most',
      worst(({ usual, all }) => all.recall - usual.recall),
      0.005,
      4,
    ),
  ]
}
