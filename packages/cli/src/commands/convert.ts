import { type Command, Option } from 'commander'
import { type Dtype, type VectorFile, type WriteOptions, type Written, writeVectors } from 'fast-ivf/formats'
import { writeParquet } from 'fast-ivf/parquet'
import type { Context, Run } from '../context.js'
import { UsageError, withFlags } from '../errors.js'
import { refuseToReplace } from '../output.js'
import { count, seconds } from '../text.js'
import { counted, inputFormats, outputFormats, ownFormat, withVectors } from '../vectors.js'

const dtypes = [
  'float32',
  'float64',
  'float16',
  'uint8',
  'int8',
  'uint16',
  'int16',
  'uint32',
  'int32',
  'uint64',
  'int64',
  'bool',
] as const satisfies readonly Dtype[]

interface ConvertOptions {
  from?: string
  to?: string
  dtype?: Dtype
  member?: string
  force?: true
}

interface ConvertReport {
  input: { path: string; format: string; dtype: Dtype; count: number; dim: number }
  output: { path: string } & Written
  seconds: number
}

/** `convert A B`: one file of vectors into another, batch by batch. */
export function addConvert(program: Command, run: Run): void {
  program
    .command('convert')
    .description('write the vectors of A into B, as its extension says; a batch at a time')
    .argument('<A>', `a path or URL: ${inputFormats.join(', ')}`)
    .argument('<B>', `a path: ${outputFormats.join(', ')}; replaced only once everything is written`)
    .addOption(
      new Option('--from <format>', 'format of A, where its name and content do not tell').choices(inputFormats),
    )
    .addOption(new Option('--to <format>', 'format of B, where its name does not tell').choices(outputFormats))
    .addOption(new Option('--dtype <dtype>', "how B stores a number (default: A's way, if B can)").choices(dtypes))
    .option('--member <name>', 'which array of an npz archive A, dataset of an HDF5 file or column of a Parquet file')
    .option('--force', 'replace B if it is there')
    .addHelpText('after', '\nExample:\n  fast-ivf convert base.fvecs base.npy')
    .action(async (from: string, to: string, options: ConvertOptions) => {
      await run((context) => convert(from, to, options, context), showConvert)
    })
}

async function convert(from: string, to: string, options: ConvertOptions, context: Context): Promise<ConvertReport> {
  refuseToReplace(to, options.force)
  const start = performance.now()
  const { from: format, member } = options
  return withVectors(from, { format, member, flags: { format: '--from', member: '--member' } }, async (file) => {
    const { dtype, dim } = file
    const written = await withFlags({ format: '--to' }, () => write(to, file, options, context))
    return {
      input: { path: from, format: file.format, dtype, count: file.count, dim },
      output: { path: to, ...written },
      seconds: (performance.now() - start) / 1000,
    }
  })
}

async function write(to: string, file: VectorFile, options: ConvertOptions, context: Context): Promise<Written> {
  const { count: rows, dim, dtype } = file
  const { signal } = context
  const batches = counted(file, 'convert', context)
  const own = ownFormat(to, options.to)
  if (own === 'hdf5') throw new UsageError(`HDF5 is not written; B must be one of ${outputFormats.join(', ')}`)
  if (own === 'parquet') {
    const chosen = options.dtype ?? (dtype === 'float64' ? dtype : 'float32')
    if (chosen !== 'float32' && chosen !== 'float64') {
      throw new UsageError(`--dtype ${chosen} is not written to Parquet; float32 and float64 are`)
    }
    return writeParquet(to, { vectors: batches, ...(dim > 0 && { dim }) }, { dtype: chosen, signal })
  }
  const settings: WriteOptions = { count: rows, dim, signal }
  if (options.to) settings.format = options.to
  if (options.dtype) settings.dtype = options.dtype
  else if (keepsAll(options.to ?? to)) settings.dtype = dtype
  return writeVectors(to, batches, settings)
}

/** npy and npz have every dtype; arrays as they are read do not tell float16, bool and 64-bit integers. */
function keepsAll(name: string): boolean {
  return /(^|\.)np[yz]$/i.test(name)
}

function showConvert({ output, seconds: took }: ConvertReport): string {
  return `${output.path}: ${count(output.count)} × ${output.dim}, ${count(output.bytes)} bytes in ${seconds(took)}`
}
