import { bytes, count, facts, seconds, table } from '../text.js'
import type { Report } from './run.js'
import { askedTable, bestTable } from './tables.js'

/** A report for people in a terminal: where the page is, and the two tables that matter most. */
export function showReport({ page, ...report }: Report & { page: { path: string; bytes: number } }): string {
  const { set, faiss } = report
  const [best, asked] = [bestTable(report), askedTable(report.indexes)]
  const lines: [string, string][] = [
    ['page', `${page.path}, ${bytes(page.bytes)}`],
    ['vectors', `${set.name}: ${count(set.count)} × ${set.dim}, ${set.metric}; ${set.how}`],
    ['measured', `in ${seconds(report.seconds)}`],
  ]
  if (faiss) lines.push(['faiss', faiss.version ?? `not compared: ${faiss.why}`])
  return [facts(lines), table(best.head, best.rows), table(asked.head, asked.rows)].join('\n\n')
}
