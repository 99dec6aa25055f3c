import { type Command, Option } from 'commander'
import { defaultSpec, type Id, IvfError, IvfIndex, type Keep, type Metric } from 'fast-ivf'
import { integer } from '../arguments.js'
import type { Context, Run } from '../context.js'
import { type Entries, withEntries } from '../entries.js'
import { UsageError } from '../errors.js'
import { cellsOf, hasCodes } from '../evaluate/sweep.js'
import type { IdKind } from '../ids.js'
import { saveIndex, threadsOf } from '../index-file.js'
import { refuseToReplace } from '../output.js'
import { readSample } from '../sample.js'
import { bytes, count, facts, seconds } from '../text.js'
import { inputFormats } from '../vectors.js'

interface BuildOptions {
  output: string
  spec?: string
  metric: Metric
  ids?: string
  idType?: Exclude<IdKind, 'rows'>
  keep?: Keep
  sample?: number
  sampleFirst?: true
  seed: number
  threads?: number
  format?: string
  member?: string
  force?: true
  calibrate: boolean
}

interface BuildReport {
  input: { path: string; format: string; dtype: string; count: number; dim: number }
  index: { path: string; spec: string; metric: Metric; keep: Keep; dim: number; size: number; bytes: number }
  /** Vectors that it was trained on. */
  sample: number
  /** For which numbers of answers a recall may be asked for. */
  calibrated: number[]
  seconds: { train: number; add: number; calibrate: number; save: number }
}

/** `build`: an index of a file of vectors, which need not fit memory. */
export function addBuild(program: Command, run: Run): void {
  program
    .command('build')
    .description('train an index on a sample of the vectors, add all of them a batch at a time, and save it')
    .argument('<vectors>', `a path or URL: ${inputFormats.join(', ')}`)
    .requiredOption('-o, --output <file>', 'the file of the index')
    .option('--spec <spec>', "what to build, like IVF1024,SQ4 (default: by the vectors' number and dim)")
    .addOption(new Option('--metric <metric>', 'what nearness means').choices(['cosine', 'ip', 'l2']).default('cosine'))
    .option(
      '--ids <file|column>',
      'ids: a file of text, one a line, or a column of a Parquet file (default: row numbers)',
    )
    .addOption(
      new Option('--id-type <type>', 'what ids are (default: numbers if all are)').choices([
        'number',
        'string',
        'bigint',
      ]),
    )
    .addOption(new Option('--keep <kind>', 'the vectors kept for rescoring').choices(['f32', 'f16', 'int8', 'none']))
    .option('--sample <n>', 'vectors to train on (default: 256 per cell, at least 65536)', integer(1))
    .option('--sample-first', 'take the sample from the beginning of the file, not from all over it')
    .option('--seed <n>', 'of sample and training', integer(0, 0xffffffff), 1)
    .option('--threads <n>', 'worker threads (default: one per core)', integer(0, 1024))
    .addOption(new Option('--format <format>', 'where its name and content do not tell').choices(inputFormats))
    .option('--member <name>', 'which array of an npz archive, dataset of an HDF5 file or column of a Parquet file')
    .option('--no-calibrate', 'do not learn how a recall is had (search --recall does, each time)')
    .option('--force', 'replace the file of the index if it is there')
    .addHelpText('after', '\nExample:\n  fast-ivf build base.fbin -o base.ivf --spec IVF1024,SQ4 --ids names.txt')
    .action(async (path: string, options: BuildOptions) => {
      const { spec, keep } = options
      if (keep && spec && !hasCodes(spec)) {
        throw new UsageError('--keep is of specs with codes; Flat stores the vectors themselves')
      }
      if (options.idType && options.ids === undefined) throw new UsageError('--id-type is of --ids; give both')
      await run((context) => build(path, options, context), showBuild)
    })
}

async function build(path: string, options: BuildOptions, context: Context): Promise<BuildReport> {
  refuseToReplace(options.output, options.force)
  const { format, member, ids, idType: kind } = options
  const own = { format, member, ...(ids !== undefined && { ids }), kind }
  return withEntries(path, own, context, async (entries) => {
    const { file } = entries
    if (file.count === 0) throw new IvfError('ERR_EMPTY', `${path} holds no vectors; an index is trained on some`)
    const spec = options.spec ?? defaultSpec(file.count, file.dim)
    const start = performance.now()
    const { index, sample } = await train(entries, spec, options, context)
    try {
      const trained = performance.now()
      const { signal } = context
      await entries.into((vectors, own) => index.add(vectors, { signal, ...(own && { ids: own }) }))
      const added = performance.now()
      const calibrated = options.calibrate ? await calibrate(index, context) : []
      const known = performance.now()
      const size = await saveIndex(index, options.output, context)
      const { metric, keep, dim } = index
      return {
        input: { path, format: file.format, dtype: file.dtype, count: file.count, dim: file.dim },
        index: { path: options.output, spec: index.spec, metric, keep, dim, size: index.size, bytes: size },
        sample,
        calibrated,
        seconds: {
          train: (trained - start) / 1000,
          add: (added - trained) / 1000,
          calibrate: (known - added) / 1000,
          save: (performance.now() - known) / 1000,
        },
      }
    } finally {
      await index.close()
    }
  })
}

/** Learns how a recall is had; for no k where vectors cannot be had back, or there are none to compare. */
async function calibrate(index: IvfIndex<Id>, { signal, progress }: Context): Promise<number[]> {
  if (index.size < 2) return []
  const onProgress = (step: { phase: string; done: number; total: number }): void => progress.update(step)
  try {
    const { rules } = await index.calibrate({ signal, onProgress })
    return rules.map(({ k }) => k)
  } catch (error) {
    if (error instanceof IvfError && error.code === 'ERR_UNSUPPORTED') return []
    throw error
  }
}

async function train(
  { file }: Entries,
  spec: string,
  { metric, keep, seed, sampleFirst, ...options }: BuildOptions,
  context: Context,
): Promise<{ index: IvfIndex<Id>; sample: number }> {
  const { signal, progress } = context
  const rows = options.sample ?? Math.max(65536, 256 * (cellsOf(spec) ?? 1))
  const sample = await readSample(file, { rows, seed, first: sampleFirst === true }, context)
  const onProgress = (step: { phase: string; done: number; total: number }): void => progress.update(step)
  const settings = { spec, metric, seed, ...(keep && hasCodes(spec) && { keep }), ...threadsOf(options) }
  const index = await IvfIndex.train<Id>(sample, { ...settings, signal, onProgress })
  return { index, sample: sample.dims[0] }
}

function showBuild({ index, sample, calibrated, seconds: took }: BuildReport): string {
  const total = took.train + took.add + took.calibrate + took.save
  return facts([
    ['index', `${index.path}: ${index.spec}, ${index.metric}, originals ${index.keep}`],
    ['vectors', `${count(index.size)} × ${index.dim}, trained on ${count(sample)}`],
    ['bytes', `${bytes(index.bytes)}, ${count(index.bytes / Math.max(1, index.size))} per vector`],
    ['recall', calibrated.length > 0 ? `may be asked for, k up to ${calibrated.at(-1)}` : 'not calibrated'],
    [
      'seconds',
      `${seconds(total)}: train ${seconds(took.train)}, add ${seconds(took.add)}, calibrate ${seconds(took.calibrate)}, save ${seconds(took.save)}`,
    ],
  ])
}
