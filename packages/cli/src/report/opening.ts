/** With which words does a report begin? */

import { fastestAt } from '../evaluate/frontier.js'
import { paragraphOf } from '../page/html.js'
import { count } from '../text.js'
import type { Report } from './run.js'
import { share, target } from './tables.js'

/** What is compared, and the numbers that most will look for. */
export function opening(report: Report): string[] {
  const { set, place, faiss } = report
  const busy = place.load / place.cores
  const others =
    busy > 0.5
      ? ` When the run began, ${place.load.toFixed(1)} processes wanted to run on ${place.cores} cores: times are worse than they could be.`
      : ''
  const peers = faiss?.version
    ? ` faiss ${faiss.version} was asked the same, on as many threads${faiss.why ? `; ${faiss.why}` : ''}.`
    : faiss
      ? ` faiss is not compared: ${faiss.why}.`
      : ''
  return [
    paragraphOf(
      `Nearness is ${NEARNESS[set.metric]}; for each query the ${set.k} nearest are wanted, and recall@${set.k} is the ` +
        `share of them that is found. ${set.how}. Each index was measured in a process of its own.${peers}${others}`,
    ),
    paragraphOf(sentencesOf(report)),
  ]
}

function sentencesOf({ indexes, faiss, set: { k } }: Report): string {
  const at = 0.95
  const best = bestOf(
    indexes.map(({ spec, points }) => ({ name: spec, points })),
    at,
  )
  const other = bestOf(faiss?.indexes ?? [], at)
  const promise = indexes.find(({ spec }) => spec === best?.name)?.asked.find((one) => one.target === at)
  return [
    best
      ? `The fastest index that reaches recall@${k} ${target(at)} is \`${best.name}\`: ${count(best.qps)} queries per second.`
      : `No index reaches recall@${k} ${target(at)}.`,
    other && `The fastest of faiss is ${other.name}: ${count(other.qps)}.`,
    promise &&
      `Asked for ${target(at)}, \`${best?.name}\` delivered ${share(promise.delivered)}, with ` +
        `${count(promise.vectorsPerQuery)} vectors scored per query${
          promise.fixed
            ? `; the fixed \`nprobe\` that finds as much, ${promise.fixed.nprobe}, takes ${count(promise.fixed.vectorsPerQuery)}`
            : ''
        }.`,
  ]
    .filter(Boolean)
    .join(' ')
}

function bestOf(
  all: readonly { name: string; points: readonly { recall: number; qps: number }[] }[],
  recall: number,
): { name: string; qps: number } | undefined {
  const reached = all.flatMap(({ name, points }) => {
    const best = fastestAt(points, recall)
    return best ? [{ name, qps: best.qps }] : []
  })
  return reached.sort((a, b) => b.qps - a.qps)[0]
}

const NEARNESS = { cosine: 'the cosine', ip: 'the inner product', l2: 'the squared distance' } as const
