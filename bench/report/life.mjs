import { setNamed } from '../sets/sets.mjs'
import { aimTable } from './aims.mjs'
import { headline } from './headline.mjs'
import { gainOf, lifeTargets } from './life-targets.mjs'
import { storesTable } from './stores.mjs'
import { num, ratio, share, table } from './table.mjs'

/**
 * The page about what it costs to keep an index.
 *
 * @param {any} results
 * @param {{ report: string }} links name of the main report
 */
export function lifePage(results, { report }) {
  const { life, stores = [] } = results
  const absent = results.absent.filter((/** @type {any} */ one) => one.section === 'life' || one.section === 'stores')
  const parts = [
    '# Living indexes\n',
    `What does it cost to keep an index: in a file, larger than memory, while it changes, with filters? A part of the [benchmark](${report}).\n`,
    headline(results),
    `On **${life.set}** (${setNamed(life.set).about}) unless said. What is compared was measured in one process, in turns; the best of several rounds counts, of single queries the one in the middle.\n`,
    '## Set out to reach\n',
    aimTable(lifeTargets(results)),
    '## In a file\n',
    savedTable(life.saved),
    openedTable(life.opened),
    '## Larger than memory\n',
    "Opened with `resident: 'centroids'`: a search reads the cells that it visits. The system holds the file's bytes, so this is the cost of reading, not of the disk.\n",
    storedTable(life.stored),
    memoryTable(life.memory),
    '## Growing\n',
    addingTable(life.adding),
    '## Shrinking\n',
    removalTable(life.removal),
    '## Filters\n',
    'Rows picked at random. **Set** and **predicate** are evaluated within the search; **known** was before, as collections do. Times are over those of a search without a filter, at the same nprobe: the least that finds .95 there.\n',
    ...life.filters.flatMap(filtersOf),
    '## Drift\n',
    'Trained on some vectors of the set; then ten times as many of another distribution are added, of which the queries are, too.\n',
    driftTable(life.drift),
    ...life.drift.flatMap(curvesOf),
    '## Collections and stores\n',
    upsertLine(life.upserts),
    storesTable(stores),
    absent.length > 0 && '## Absent\n',
    absent.length > 0 && `${absent.map((/** @type {any} */ one) => `- ${one.what}: ${one.reason}`).join('\n')}\n`,
  ]
  return parts.filter(Boolean).join('\n')
}

/** @param {any[]} rows */
function savedTable(rows) {
  return table(
    ['index', 'MB', 'built, s', 'saved without waiting for the disk, MB/s'],
    rows.map(({ spec, bytes, build, saved }) => [spec, num(bytes / 1e6), num(build, 1), num(saved / 1e6)]),
  )
}

/** @param {any} opened */
function openedTable(opened) {
  const names = {
    all: 'the whole index',
    centroids: "resident: 'centroids'",
    middle: 'refused: a bit wrong in the middle',
    header: 'refused: a bit wrong in the header',
    cut: 'refused: cut short',
  }
  const rows = opened ? Object.entries(names) : []
  return table(
    ['opening the file of the vectors as they are', 'ms', 'over the whole index'],
    rows.map(([key, name]) => [name, num(opened[key] * 1000, 1), ratio(opened[key] / opened.all)]),
  )
}

/** @param {any} stored */
function storedTable(stored) {
  const rows = stored ? [stored] : []
  const head = [
    'SQ4, one query, nprobe 16',
    'p50 ms',
    'kB read',
    'over codes and ids of its cells',
    'requests',
    'rounds',
  ]
  return table(
    [...head, 'recall@10'],
    rows.flatMap(({ p50, bytes, overread, requests, rounds, recall, resident }) => [
      [
        ...['in the file, nothing cached', num(p50.stored, 2), num(bytes / 1e3), ratio(overread)],
        ...[num(requests, 1), num(rounds), share(recall)],
      ],
      ['in memory', num(p50.resident, 2), '–', '–', '–', '–', share(resident)],
    ]),
  )
}

/** @param {any[]} rows */
function memoryTable(rows) {
  return table(
    ['200 searches, over an empty process', 'MB of the file', 'MB resident', 'MB at most'],
    rows.map(({ n, dim, spec, keep, bytes, over, peak }) => [
      `${num(n)} × ${dim}, ${spec}, keep '${keep}'`,
      num(bytes / 1e6),
      num(over / 1e6),
      num(peak / 1e6),
    ]),
  )
}

/** @param {any[]} rows */
function addingTable(rows) {
  const ms = (/** @type {any} */ at) => (at ? `${num(at.p50, 2)} / ${num(at.p99, 2)}` : undefined)
  const head = ['index', 'vectors/s', 'ms per batch, in the middle', 'slowest', 'search p50 / p99 ms, idle']
  return table(
    [...head, 'while adding', 'p99, ×'],
    rows.map(({ spec, added, busy }) => [
      `${spec}, ${num((added ?? busy).n)} there and as many added`,
      ...[num(added?.perSecond), num(added?.median, 1), num(added?.slowest, 1)],
      ...[ms(busy?.idle), ms(busy?.busy), ratio(busy?.ratio)],
    ]),
  )
}

/** @param {any[]} rows */
function removalTable(rows) {
  return table(
    ['10 % removed at random', 'ms before', 'after', 'after compact()'],
    rows.map(({ spec, queries, nprobe, before, after, compacted }) => [
      `${spec}, ${num(queries)} queries, nprobe ${nprobe}`,
      num(before * 1000, 1),
      ratio(after),
      ratio(compacted),
    ]),
  )
}

/** @param {any} index */
function filtersOf({ spec, nprobe, recall, queries, rows }) {
  const head = ['allowed', 'rows', 'recall@10', 'vectors scored', 'batch: set', 'predicate', 'known']
  return [
    `**${spec}**, nprobe ${nprobe}, which finds ${share(recall)} of all; ${num(queries)} queries. Without a filter: a batch ${num(rows[0].seconds.all * 1000, 1)} ms, one query ${num(rows[0].p50.all, 2)} ms\n`,
    table(
      [...head, 'one query: set', 'predicate', 'known'],
      rows.map((/** @type {any} */ { share: part, allowed, recall: found, vectors, seconds, p50 }) => [
        ...[`${num(part * 100, part < 0.01 ? 1 : 0)} %`, num(allowed), share(found), num(vectors)],
        ...[
          ratio(seconds.set / seconds.all),
          ratio(seconds.predicate / seconds.all),
          ratio(seconds.known / seconds.all),
        ],
        ...[ratio(p50.set / p50.all), ratio(p50.predicate / p50.all), ratio(p50.known / p50.all)],
      ]),
    ),
  ]
}

/** @param {any[]} rows */
function driftTable(rows) {
  const head = ['index', 'added, s', 'optimize(), s', 'split', 'dissolved', 'moved', 'cells', 'largest']
  return table(
    [...head, 'recall@10 at equal vectors'],
    rows.map((row) => {
      const { spec, trained, n, added, optimized, report } = row
      const { split, dissolved, moved, cells, largest } = report
      const { without, recall, vectors } = /** @type {any} */ (gainOf(row))
      return [
        `${spec} of ${num(trained)}, ${num(n)} added`,
        ...[num(added, 1), num(optimized, 1), num(split), num(dissolved), num(moved)],
        `${num(cells.before)} → ${num(cells.after)}`,
        `${num(largest.before)} → ${num(largest.after)}`,
        `${share(without)} → ${share(recall)} (${num(vectors)} scored)`,
      ]
    }),
  )
}

/** @param {any} row */
function curvesOf({ spec, before, after }) {
  return [
    table(
      [`${spec}: nprobe`, 'recall@10', 'vectors scored', 'optimized: recall@10', 'vectors scored'],
      before.map((/** @type {any} */ point, /** @type {number} */ i) => [
        ...[point.nprobe, share(point.recall), num(point.vectors)],
        ...[share(after[i].recall), num(after[i].vectors)],
      ]),
    ),
  ]
}

/** @param {any} upserts */
function upsertLine(upserts) {
  if (!upserts) return 'A collection: *not measured*.\n'
  const { n, upserts: count, outstanding, upserted, waits, loaded, spec } = upserts
  return (
    `A collection of ${num(n)} vectors takes ${num(upserted)} single upserts a second (${outstanding} at a time, each on disk when it is done, ` +
    `${num(count / waits, 1)} for each wait) and ${num(loaded)} a second in batches of 1,000, its index (${spec}) kept up. ` +
    'Below are bare stores, which search nothing; `log` is what collections write to.\n'
  )
}
