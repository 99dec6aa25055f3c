import { stat } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import type { Dtype, VectorBatch, VectorFile } from 'fast-ivf/formats'
import { integer } from '../arguments.js'
import type { Context, Run } from '../context.js'
import { faissInfo, indexInfo, kindOf, showFaiss, showIndex } from '../index-info.js'
import { median, percentile } from '../statistics.js'
import { count, facts, short } from '../text.js'
import { inputFormats, withVectors } from '../vectors.js'

const FIRST_VALUES = 8
const BLOCKS = 16 // places of the file that a sample comes from

interface InfoOptions {
  format?: string
  member?: string
  sample: number
}

interface InfoReport {
  path: string
  format: string
  dtype: Dtype
  count: number
  dim: number
  /** Size of the file; absent where it is no file. */
  bytes?: number
  /** The first row's first values. */
  first: number[]
  sample: Sample
}

interface Sample {
  rows: number
  /** Of the rows whose numbers are all finite; absent if there are none. */
  norms?: { min: number; median: number; max: number }
  nan: number
  infinite: number
  zeroRows: number
}

/** `info FILE`: what is in a file of vectors, or in an index. */
export function addInfo(program: Command, run: Run): void {
  program
    .command('info')
    .description('tell what a file of vectors, an index or a faiss file holds; the vectors of an index are not read')
    .argument('<file>', `a path or URL: an index (.ivf, .safetensors), .faiss, ${inputFormats.join(', ')}`)
    .addOption(new Option('--format <format>', 'where its name and content do not tell').choices(inputFormats))
    .option('--member <name>', 'which array of an npz archive, dataset of an HDF5 file or column of a Parquet file')
    .option('--sample <rows>', 'rows to look at for norms and NaN', integer(1), 1000)
    .addHelpText('after', '\nExamples:\n  fast-ivf info base.npy\n  fast-ivf info base.ivf --json')
    .action(async (path: string, options: InfoOptions) => {
      const kind = options.format === undefined && options.member === undefined ? await kindOf(path) : 'vectors'
      if (kind === 'index') await run(() => indexInfo(path), showIndex)
      else if (kind === 'faiss') await run((context) => faissInfo(path, context), showFaiss)
      else await run((context) => info(path, options, context), showInfo)
    })
}

function info(path: string, options: InfoOptions, context: Context): Promise<InfoReport> {
  const flags = { format: '--format', member: '--member' }
  return withVectors(path, { ...options, flags }, async (file) => {
    const { format, dtype, dim } = file
    const size = await stat(path).catch(() => undefined)
    const first: number[] = []
    for await (const { data } of file.batches({ to: Math.min(1, file.count) }))
      first.push(...data.subarray(0, FIRST_VALUES))
    return {
      path,
      format,
      dtype,
      count: file.count,
      dim,
      ...(size && { bytes: size.size }),
      first,
      sample: await lookAt(sampled(file, options.sample), Math.min(options.sample, file.count), context),
    }
  })
}

/** About `rows` rows from places spread over the file. */
async function* sampled(file: VectorFile, rows: number): AsyncGenerator<VectorBatch> {
  if (rows >= file.count) return yield* file.batches()
  const blocks = Math.min(BLOCKS, rows)
  for (let i = 0; i < blocks; i++) {
    const size = Math.floor(((i + 1) * rows) / blocks) - Math.floor((i * rows) / blocks)
    const from = blocks === 1 ? 0 : Math.floor((i * (file.count - size)) / (blocks - 1))
    yield* file.batches({ from, to: from + size })
  }
}

async function lookAt(batches: AsyncIterable<VectorBatch>, total: number, context: Context): Promise<Sample> {
  const norms: number[] = []
  const sample: Sample = { rows: 0, nan: 0, infinite: 0, zeroRows: 0 }
  for await (const { data, dims } of batches) {
    context.signal.throwIfAborted()
    const [rows, dim] = dims
    for (let row = 0; row < rows; row++) {
      let sum = 0
      for (let i = row * dim; i < (row + 1) * dim; i++) {
        const value = data[i] as number
        sum += value * value
        if (Number.isNaN(value)) sample.nan++
        else if (!Number.isFinite(value)) sample.infinite++
      }
      if (sum === 0) sample.zeroRows++
      if (Number.isFinite(sum)) norms.push(Math.sqrt(sum))
    }
    sample.rows += rows
    context.progress.update({ phase: 'sample', done: sample.rows, total })
  }
  if (norms.length === 0) return sample
  return { ...sample, norms: { min: percentile(norms, 0), median: median(norms), max: percentile(norms, 1) } }
}

function showInfo({ path, format, dtype, count: rows, dim, bytes, first, sample }: InfoReport): string {
  const looked = sample.rows === rows ? 'in all rows' : `in a sample of ${count(sample.rows)} rows`
  const { norms } = sample
  return facts([
    ['file', path],
    ['format', format],
    ['dtype', dtype],
    ['vectors', count(rows)],
    ['dim', count(dim)],
    ['bytes', bytes === undefined ? 'unknown' : count(bytes)],
    ['first', `${first.map(short).join(' ')}${dim > first.length && first.length > 0 ? ' …' : ''}`],
    [
      'norms',
      norms ? `min ${short(norms.min)}, median ${short(norms.median)}, max ${short(norms.max)} ${looked}` : 'none',
    ],
    ['NaN', `${count(sample.nan)} ${looked}${sample.infinite ? `, and ${count(sample.infinite)} infinite` : ''}`],
    ['zero rows', `${count(sample.zeroRows)} ${looked}`],
  ])
}
