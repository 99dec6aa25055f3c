import { type Command, Option } from 'commander'
import { type AnyIndex, FastIVF, type Id, type SearchResult } from 'fast-ivf'
import { integer, number } from '../arguments.js'
import type { Context, Run } from '../context.js'
import { UsageError } from '../errors.js'
import { threadsOf, withIndex } from '../index-file.js'
import { refuseToReplace, writeText } from '../output.js'
import { jsonLines, scoresPath, textLines, writeNpy } from '../search/answers.js'
import { eachBatch } from '../search/queries.js'
import { bytes, count, seconds } from '../text.js'
import { inputFormats } from '../vectors.js'

interface SearchOptions {
  k: number
  nprobe?: number
  recall?: number
  rescoreFactor?: number
  rescore: boolean
  resident: 'all' | 'centroids'
  idsOnly?: true
  output?: string
  threads?: number
  force?: true
}

interface SearchReport {
  index: string
  queries: number
  k: number
  /** Of the searches alone. */
  seconds: number
  /** Vectors scored, cells visited and vectors compared exactly, over all queries. */
  work: { vectors: number; cells: number; rescored: number }
  /** Of cells that were not in memory. */
  read?: { bytes: number; requests: number; rounds: number }
  output?: string[]
}

/** `search`: what is near in an index? */
export function addSearch(program: Command, run: Run): void {
  program
    .command('search')
    .description('tell the nearest of each query: query, id and score on a line, or a JSON object for each query')
    .argument('<index>', 'the file of an index, a path or URL')
    .argument('[queries]', `a file (${inputFormats.join(', ')}), or vectors as JSON; default: JSON from stdin`)
    .option('-k, --k <n>', 'answers per query', integer(1, 0xffffff), 10)
    .option('--nprobe <n>', "cells to visit (default: the index's own)", integer(1))
    .option(
      '--recall <r>',
      'share of the true nearest to find on average, in place of cells and rescoring',
      number(0.5, 1),
    )
    .option('--rescore-factor <f>', 'compare the best f × k with the vectors kept', number(1, 65536))
    .option('--no-rescore', 'answer with estimates')
    .addOption(
      new Option('--resident <what>', 'all: read the index whole; centroids: read the cells that are visited')
        .choices(['all', 'centroids'])
        .default('all'),
    )
    .option('--ids-only', 'leave out the scores')
    .option('-o, --output <file>', 'write the answers to .jsonl, or to .npy: ids, and scores to .scores.npy beside')
    .option('--threads <n>', 'worker threads (default: one per core)', integer(0, 1024))
    .option('--force', 'replace the output if it is there')
    .addHelpText(
      'after',
      "\nExamples:\n  fast-ivf search base.ivf queries.fbin -k 10 --nprobe 16\n  fast-ivf search base.ivf '[0.1,0.2,0.3]' --json\n  fast-ivf search https://example.org/base.ivf queries.npy --resident centroids -o answers.jsonl",
    )
    .action(async (path: string, queries: string | undefined, options: SearchOptions) => {
      const { output, rescore, rescoreFactor, force, idsOnly } = options
      checkRecall(options)
      if (!rescore && rescoreFactor !== undefined) {
        throw new UsageError('--rescore-factor and --no-rescore do not go together')
      }
      if (output !== undefined) {
        if (!/\.(jsonl|ndjson|npy)$/i.test(output))
          throw new UsageError(`-o is '${output}'; it must end in .jsonl or .npy`)
        refuseToReplace(output, force)
        if (/\.npy$/i.test(output) && !idsOnly) refuseToReplace(scoresPath(output), force)
      }
      const summary = output === undefined
      await run((context) => search(path, queries, options, context), showSearch, { summary })
    })
}

async function search(
  path: string,
  queries: string | undefined,
  options: SearchOptions,
  context: Context,
): Promise<SearchReport> {
  const { k, resident, idsOnly = false, output } = options
  const { signal, json, write } = context
  return withIndex(path, { resident, ...threadsOf(options) }, context, async (index) => {
    if (index instanceof FastIVF && (!options.rescore || options.rescoreFactor !== undefined)) {
      throw new UsageError(`${path} is a FastIVF, which stores the vectors themselves; leave out how to rescore`)
    }
    if (options.recall !== undefined) await calibrated(index, k, context)
    const report: SearchReport = { index: path, queries: 0, k, seconds: 0, work: { vectors: 0, cells: 0, rescored: 0 } }
    const kept: SearchResult<Id>[] = []
    const lines = json || output !== undefined ? jsonLines : textLines
    const texts: string[] = []
    await eachBatch(queries, context, async ({ data, dims }) => {
      const start = performance.now()
      const result = await searchOne(index, { data, dims }, options, signal)
      tell(report, result, (performance.now() - start) / 1000)
      if (/\.npy$/i.test(output ?? '')) kept.push(result)
      else {
        const text = [...lines(result, report.queries - result.nq, idsOnly)].join('')
        if (output === undefined) write(text)
        else texts.push(text)
      }
    })
    if (output === undefined) return report
    if (kept.length > 0) return { ...report, output: await writeNpy(output, kept, { k, idsOnly, signal }) }
    signal.throwIfAborted()
    await writeText(output, texts)
    return { ...report, output: [output] }
  })
}

function searchOne(
  index: AnyIndex<Id>,
  queries: { data: ArrayLike<number>; dims: readonly number[] },
  { k, nprobe, recall, rescoreFactor, rescore }: SearchOptions,
  signal: AbortSignal,
): Promise<SearchResult<Id>> {
  return index.search(queries, {
    ...{ k, signal },
    ...(nprobe !== undefined && { nprobe }),
    ...(recall !== undefined && { recall }),
    ...(rescoreFactor !== undefined && { rescoreFactor }),
    ...(!rescore && { rescore }),
  })
}

function checkRecall({ recall, nprobe, rescoreFactor, rescore }: SearchOptions): void {
  if (recall === undefined) return
  const other = nprobe ? '--nprobe' : rescoreFactor ? '--rescore-factor' : rescore ? undefined : '--no-rescore'
  if (other) throw new UsageError(`--recall and ${other} both say how much is looked at; give one of them`)
}

/** An index that does not know yet how a recall is had learns it, if its cells are at hand. */
async function calibrated(index: AnyIndex<Id>, k: number, { signal, progress, note }: Context): Promise<void> {
  const known = index.calibration
  if (known && k <= (known.rules.at(-1)?.k ?? 0)) return
  note(`the file does not tell how a recall is had at k = ${k}: the index is calibrated here`)
  await index.calibrate({ k, signal, onProgress: (step) => progress.update(step) })
}

function tell(report: SearchReport, { nq, work }: SearchResult<Id>, took: number): void {
  report.queries += nq
  report.seconds += took
  report.work.vectors += work.vectors
  report.work.cells += work.cells
  report.work.rescored += work.rescored
  if (!work.read) return
  const { bytes: more, requests, rounds } = work.read
  const read = report.read ?? { bytes: 0, requests: 0, rounds: 0 }
  report.read = { bytes: read.bytes + more, requests: read.requests + requests, rounds: read.rounds + rounds }
}

function showSearch({ queries, seconds: took, work, read, output }: SearchReport): string {
  const told = [
    `${count(queries)} ${queries === 1 ? 'query' : 'queries'} in ${seconds(took)}`,
    `${count(work.vectors / queries)} vectors in ${count(work.cells / queries)} cells for each`,
    read && `${bytes(read.bytes)} read in ${count(read.requests)} requests`,
  ]
  return `${output ? `${output.join(', ')}: ` : ''}${told.filter(Boolean).join('; ')}`
}
