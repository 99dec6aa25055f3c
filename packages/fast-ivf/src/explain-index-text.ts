import type { Id } from './options.js'
import type { ExplainedCell, Explanation, StopReason } from './recall-options.js'

type Told = Omit<Explanation<Id>, 'text' | 'answers'> & { readonly answers: readonly unknown[] }

/** Missed neighbours that are named. */
const MOST = 5

/** What was looked at, why no more was, and where the true neighbours are: a sentence or two on each line. */
export function explainInWords(told: Told, index: { nlist: number; wave: number | undefined }): string {
  const { cells, visited, scored, rescored, answers } = told
  const lines = [
    `${plural(answers.length, 'answer')} from ${visited} of ${plural(index.nlist, 'cell')}: ${plural(scored, 'vector')} scored, ${rescored} compared exactly.`,
    WHY[told.stopped](told, index.wave),
  ]
  if (told.recallEstimate !== undefined && !Number.isNaN(told.recallEstimate)) {
    lines.push(`It can be expected to have found ${percent(told.recallEstimate)} of the true nearest.`)
  }
  if (told.recall !== undefined) lines.push(truthOf(told.recall, cells))
  for (const { id, score, cell, rank, reason } of told.missed?.slice(0, MOST) ?? []) {
    const place = `in cell ${cell}, the query's ${ordinal(rank + 1)}`
    lines.push(`Missed: ${String(id)} (${round(score)}), ${place}: ${reason}.`)
  }
  const more = (told.missed?.length ?? 0) - MOST
  if (more > 0) lines.push(`… and ${more} more.`)
  return lines.join('\n')
}

const WHY: Record<StopReason, (told: Told, wave: number | undefined) => string> = {
  nprobe: ({ visited }) => `It stopped because nprobe is ${visited}.`,
  ratio: ({ threshold }) =>
    `It stopped at the ratio threshold ${threshold}: the next cell is too far beyond the nearest.`,
  recall: ({ cells, threshold = 0 }, wave = 1) => {
    const skipped = cells.filter((one) => one.share !== undefined && !one.visited)
    const most = skipped.reduce((most, { share = 0 }) => Math.max(most, share), 0)
    const nearest = wave === 1 ? 'nearest cell' : `nearest ${wave} cells`
    const likeliest = skipped.length > 0 ? `, the likeliest with ${percent(most)}` : ''
    return `Behind the ${nearest}, those were visited that can be expected to hold at least ${percent(threshold)} of the neighbours; ${skipped.length} of those looked at were skipped${likeliest}.`
  },
  whole: () => 'It visited every cell.',
  zero: () => 'A query of zeros has no direction, so it has no cosine and visits no cell.',
}

function truthOf(recall: number, cells: readonly ExplainedCell[]): string {
  const holding = cells.filter(({ neighbours = 0 }) => neighbours > 0)
  if (holding.length === 0) return 'There was nothing to be found.'
  const sum = (list: readonly ExplainedCell[]): number => list.reduce((all, { neighbours = 0 }) => all + neighbours, 0)
  const places = [
    [sum(holding.filter(({ rank }) => rank === 0)), 'in the nearest cell'],
    [sum(holding.filter(({ rank, visited }) => rank > 0 && visited)), 'in others that were visited'],
    [sum(holding.filter(({ visited }) => !visited)), 'in cells that were not'],
  ] as const
  const where = places.flatMap(([count, place]) => (count > 0 ? `${count} ${place}` : []))
  return `It found ${percent(recall)} of the ${sum(holding)} true nearest: ${where.join(', ')}.`
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

function ordinal(n: number): string {
  const tens = n % 100
  const ending = tens > 10 && tens < 14 ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th')
  return `${n}${ending} nearest`
}

/** To three digits. */
function round(value: number): string {
  return String(Number(value.toPrecision(3)))
}

function percent(share: number): string {
  return `${round(share * 100)} %`
}
