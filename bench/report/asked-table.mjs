/** The part of README that comes from reports: what is asked for, what is had, and what a fixed nprobe that finds as much takes. */

const begin = '<!-- report:begin -->'
const end = '<!-- report:end -->'
const intro = `**Recall can be asked for**: \`search(queries, { recall: 0.95 })\` lets each query visit the cells that are worth it.

![Recall asked for against recall delivered](docs/recall-asked.svg)`
/** Of the first set all of these, of the others the middle one. */
const targets = [0.9, 0.95, 0.99]

/**
 * @param {{ set: string, report: any }[]} runs what `fast-ivf report --json` told
 * @param {string} where
 */
export function askedTable(runs, where) {
  const head = ['', 'asked', 'delivered', 'vectors scored', 'QPS', 'fixed `nprobe`', 'its vectors', 'its QPS']
  const rows = runs.flatMap(({ set, report }, i) => {
    const index = report.indexes.find((/** @type {any} */ one) => /,SQ4$/.test(one.spec)) ?? report.indexes[0]
    const name = `${set}, ${count(report.set.count)} × ${report.set.dim}, ${index.spec}`
    return index.asked
      .filter((/** @type {any} */ one) => (i === 0 ? targets : [0.95]).includes(one.target))
      .map((/** @type {any} */ one) => [name, ...cells(one)])
  })
  const lines = [head, ['---', ...head.slice(1).map(() => '--:')], ...rows].map((row) => `| ${row.join(' | ')} |`)
  return [intro, lines.join('\n'), where].join('\n\n')
}

/**
 * The text with the table between its marks.
 *
 * @param {string} text
 * @param {string} table
 */
export function putTable(text, table) {
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`the text has no ${begin} before ${end}`)
  return `${text.slice(0, from + begin.length)}\n${table}\n${text.slice(to)}`
}

/** @param {any} one */
function cells({ target, delivered, vectorsPerQuery, qps, fixed }) {
  const beside = fixed ? [fixed.nprobe, fixed.vectorsPerQuery, fixed.qps].map(count) : ['–', '–', '–']
  return [share(target, 2), share(delivered, 3), count(vectorsPerQuery), count(qps), ...beside]
}

/** @param {number} value */
function count(value) {
  return Math.round(value).toLocaleString('en')
}

/** @param {number} recall @param {number} digits */
function share(recall, digits) {
  return recall.toFixed(digits).replace(/^0/, '')
}
