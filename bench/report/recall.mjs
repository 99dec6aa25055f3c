import { aimTable, least, most } from './aims.mjs'
import { coarseTables, coarseTargets } from './coarse.mjs'
import { headline } from './headline.mjs'
import { num, share, table } from './table.mjs'

/** The page about recall that is asked for. @param {any} results @param {{ report: string }} links name of the main report */
export function recallPage(results, { report }) {
  const absent = results.absent.filter((/** @type {any} */ one) => one.section === 'recall' || one.section === 'coarse')
  return [
    '# Recall asked for\n',
    `What is delivered, and at what work? A part of the [benchmark](${report}).\n`,
    headline(results),
    '## Set out to reach\n',
    aimTable([...recallTargets(results), ...coarseTargets(results)]),
    '## Delivered\n',
    ...recallTables(results.recall),
    '## Very many cells\n',
    ...coarseTables(results.coarse ?? []),
    ...absent.map((/** @type {any} */ one) => `Absent: ${one.what}: ${one.reason}\n`),
  ].join('\n')
}

/** @param {any} recall */
function recallTables({ asked = [], tuned, hard } = /** @type {any} */ ({})) {
  if (asked.length === 0) return ['*not measured*\n']
  const rows = (/** @type {'own' | 'given'} */ by) =>
    asked.flatMap((/** @type {any} */ one) =>
      one[by].asked.map((/** @type {any} */ row) => [
        ...[one.set, one.spec, row.target, share(row.recall), share(row.estimate), num(row.vectors), num(row.cells, 1)],
        ...[row.ofFixed ? num(row.ofFixed, 2) : '', num(row.overhead, 2)],
      ]),
    )
  const head = ['set', 'spec', 'asked', 'delivered', 'estimate', 'vectors', 'cells', 'of fixed nprobe', 'time']
  return [
    'Recall@10 on queries that nothing was learned from. **Of fixed nprobe**: vectors scored over those of a fixed nprobe ' +
      'that reaches the same. **Time**: per cell visited, over that of as many cells by nprobe.\n',
    'Calibrated by vectors of the index, each looked up among the others:\n',
    table(head, rows('own')),
    'Calibrated by the first half of the queries, asked with the other half:\n',
    table(head, rows('given')),
    ...(tuned
      ? [
          `\`tune\` with a budget of ${tuned.budget} s on ${tuned.set}, recall ${tuned.recall}: ${num(tuned.seconds, 1)} s, ${tuned.tried} tries, ` +
            `${tuned.spec}. Every spec of the sweep, with all vectors:\n`,
          table(
            ['spec', 'QPS'],
            tuned.swept.map((/** @type {any} */ one) => [one.spec, num(one.qps)]),
          ),
        ]
      : []),
    ...(hard
      ? [
          `Hard data, the demo's definitions (${num(hard.rows[0].n)} × ${hard.rows[0].dim}):\n`,
          table(
            ['spec', 'asked', 'delivered', 'vectors', 'QPS', 'exact search', 'over it'],
            hard.rows.map((/** @type {any} */ row) => [
              ...[row.spec, row.recall, share(row.delivered), num(row.vectors), num(row.qps), num(row.exact)],
              num(row.ratio, 2),
            ]),
          ),
        ]
      : []),
  ]
}

/** @param {any} results @returns {import('./aims.mjs').Aim[]} */
export function recallTargets({ recall = {} }) {
  const { asked = [], tuned, hard } = recall
  const rows = (/** @type {(row: any, one: any) => number | undefined} */ of, by = ['own']) => {
    const found = asked.flatMap((/** @type {any} */ one) =>
      by.flatMap((how) => one[how].asked.map((/** @type {any} */ row) => of(row, one) ?? [])),
    )
    return found.length > 0 ? found : undefined
  }
  const highest = (/** @type {number[] | undefined} */ list) => list && Math.max(...list)
  const lowest = (/** @type {number[] | undefined} */ list) => list && Math.min(...list)
  const work = (/** @type {string} */ set, /** @type {number} */ target) =>
    highest(
      rows((row, one) => (one.set === set && row.target === target ? (row.ofFixed ?? undefined) : undefined), ['own']),
    )
  return [
    least('recall delivered less recall asked, the least', lowest(rows((row) => row.recall - row.target)), -0.005, 4),
    most('… the most', highest(rows((row) => row.recall - row.target)), 0.03, 4),
    ...['imdb-lsa-128', 'bge-base-768'].flatMap((set) => [
      most(`vectors scored at .95 over those of a fixed nprobe, ${set}`, work(set, 0.95), 0.85),
      most(`the same at .99, ${set}`, work(set, 0.99), 0.75),
    ]),
    most('the same, the most of all sets and recalls', highest(rows((row) => row.ofFixed ?? undefined, ['own'])), 1.05),
    most('recallEstimate, mean error, the most', highest(rows((row) => Math.abs(row.estimate - row.recall))), 0.03, 4),
    most(
      'time per cell over that of equally many cells by nprobe, the most',
      highest(rows((row) => row.overhead, ['own'])),
      1.03,
    ),
    most(
      'calibrate, 290,000 × 256, seconds',
      highest(
        asked.filter((/** @type {any} */ one) => one.set === 'synth').map((/** @type {any} */ one) => one.own.seconds),
      ),
      10,
      1,
    ),
    least('QPS of what tune chose over the best of a full sweep', tuned && tuned.qps / tuned.best.qps, 0.85),
    least(
      'hard data at .99: QPS over exact search, the least',
      hard && lowest(hard.rows.map((/** @type {any} */ row) => row.ratio)),
      1,
    ),
  ]
}
