import { type Command, Option } from 'commander'
import { FastIVF, IvfError, type Metric, runtime } from 'fast-ivf'
import type { VectorBatch } from 'fast-ivf/formats'
import { integer, integers, number } from '../arguments.js'
import type { Context, Run } from '../context.js'
import { UsageError } from '../errors.js'
import { type Measurement, measure, type Task } from '../evaluate/measure.js'
import { type EvaluateReport, showEvaluate } from '../evaluate/show.js'
import { computeTruth, readTruth } from '../evaluate/truth.js'
import { readRows } from '../vectors.js'

interface EvaluateOptions {
  base: string
  queries: string
  truth?: string
  metric: Metric
  nlist?: number
  nprobe?: number[]
  ratioThreshold: number
  k: number
  threads?: number
  revectorize?: true
  seed: number
  limit?: number
  single: number
}

/** `evaluate`: how good and how fast is an index of these vectors, for these queries? */
export function addEvaluate(program: Command, run: Run): void {
  program
    .command('evaluate')
    .description('build an index of B, search it for Q, and tell recall, speed and memory')
    .requiredOption('--base <file>', 'the vectors')
    .requiredOption('--queries <file>', 'vectors of the same dim')
    .option('--truth <file>', 'ids of the true nearest of each query (default: exact search, here and now)')
    .addOption(new Option('--metric <metric>', 'what nearness means').choices(['cosine', 'ip', 'l2']).default('cosine'))
    .option('--nlist <n>', 'number of cells (default: 4 √n)', integer(1))
    .option(
      '--nprobe <n,…>',
      'cells to visit: one line of the table each (default: 1,4,16,64 up to nlist)',
      integers(1),
    )
    .option('--ratio-threshold <r>', 'skip cells much farther than the best; 0 visits all nprobe', number(0, 1), 0)
    .option('--k <n>', 'answers per query', integer(1), 10)
    .option('--threads <n>', 'worker threads (default: one per core)', integer(0, 1024))
    .option('--revectorize', 'let V8 widen the kernels (Node 24 and newer, x64)')
    .option('--seed <n>', 'of the training', integer(0, 0xffffffff), 1)
    .option('--limit <rows>', 'use only the first rows of the base', integer(1))
    .option('--single <n>', 'queries to time one at a time', integer(0), 500)
    .action(async (options: EvaluateOptions) => {
      checkTogether(options)
      await run((context) => evaluate(options, context), showEvaluate)
    })
}

function checkTogether({ nlist, nprobe }: EvaluateOptions): void {
  const over = nprobe?.find((n) => n > (nlist ?? Number.POSITIVE_INFINITY))
  if (over === undefined) return
  throw new UsageError(`nprobe ${over} is more than nlist ${nlist}; an index has nlist cells to visit`)
}

async function evaluate(options: EvaluateOptions, context: Context): Promise<EvaluateReport> {
  const { metric, k, seed } = options
  const engine = {
    ...(options.threads !== undefined && { threads: options.threads }),
    ...(options.revectorize && { revectorize: true }),
  }
  const queries = await readRows(options.queries, 'read the queries', context)
  const base = await readRows(options.base, 'read the base', context, options.limit)
  const [rows, dim] = base.dims
  const [nq, queryDim] = queries.dims
  if (dim !== queryDim) {
    throw new IvfError(
      'ERR_DIM',
      `${options.base} has dim ${dim}, ${options.queries} ${queryDim}; were they embedded by one model?`,
    )
  }
  const nlist = options.nlist ?? Math.min(rows, Math.ceil(4 * Math.sqrt(rows)))
  const nprobes = options.nprobe ?? [1, 4, 16, 64].filter((n) => n <= nlist)
  // Read first: a wrong file should not cost a build.
  const given = options.truth === undefined ? undefined : await readTruth(options.truth, { nq, k, rows }, context)

  const index = new FastIVF(dim, { nlist, metric, seed, ratioThreshold: options.ratioThreshold, ...engine })
  try {
    const build = await timedTrain(index, base, context)
    const truth = given ?? (await computeTruth(base, queries, { k, metric, ...engine }, context))
    const results: Measurement[] = []
    const { ratioThreshold } = index
    const singles = options.single
    let done = 0
    const task: Task = {
      index,
      queries: Float32Array.from(queries.data),
      truth,
      k,
      ratioThreshold,
      singles,
      signal: context.signal,
      onSingle: () => context.progress.update({ phase: 'search', done: ++done, total: nprobes.length * singles }),
    }
    for (const nprobe of nprobes) results.push(await measure(task, nprobe))
    const { ids: _, ...source } = truth
    return {
      base: { path: options.base, count: rows, dim, dtype: base.dtype },
      queries: { path: options.queries, count: nq },
      truth: source,
      settings: { metric, nlist, k, seed, ratioThreshold, singles },
      runtime: await runtime(engine),
      build,
      indexBytes: index.bytes,
      bytesPerVector: index.bytes / index.size,
      results,
    }
  } finally {
    await index.close()
  }
}

/** Training adds as well: what comes after its last step is adding. */
async function timedTrain(
  index: FastIVF,
  base: VectorBatch,
  { signal, progress }: Context,
): Promise<EvaluateReport['build']> {
  const start = performance.now()
  let trained = start
  await index.train(base, {
    signal,
    onProgress(step) {
      if (step.phase === 'train') trained = performance.now()
      progress.update(step)
    },
  })
  return { trainSeconds: (trained - start) / 1000, addSeconds: (performance.now() - trained) / 1000 }
}
