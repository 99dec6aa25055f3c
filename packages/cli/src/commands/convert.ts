import { lstatSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Command, Option } from 'commander'
import { type Dtype, formatNames, type WriteOptions, type Written, writeVectors } from 'fast-ivf/formats'
import type { Context, Run } from '../context.js'
import { withFlags } from '../errors.js'
import { count, seconds } from '../text.js'
import { counted, withVectors } from '../vectors.js'

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
    .argument('<A>', `a path or URL: ${formatNames.join(', ')}`)
    .argument('<B>', 'a path; replaced only once everything is written')
    .addOption(
      new Option('--from <format>', 'format of A, where its name and content do not tell').choices(formatNames),
    )
    .addOption(new Option('--to <format>', 'format of B, where its name does not tell').choices(formatNames))
    .addOption(new Option('--dtype <dtype>', "how B stores a number (default: A's way, if B can)").choices(dtypes))
    .option('--member <name>', 'which array of an npz archive A')
    .option('--force', 'replace B if it is there')
    .action(async (from: string, to: string, options: ConvertOptions) => {
      await run((context) => convert(from, to, options, context), showConvert)
    })
}

async function convert(from: string, to: string, options: ConvertOptions, context: Context): Promise<ConvertReport> {
  if (!options.force && isThere(to)) throw new Error(`${to} is there already; give --force to replace it`)
  const start = performance.now()
  const { from: format, member } = options
  return withVectors(from, { format, member, flags: { format: '--from', member: '--member' } }, async (file) => {
    const { dtype, dim } = file
    const settings: WriteOptions = { count: file.count, dim, signal: context.signal }
    if (options.to) settings.format = options.to
    if (options.dtype) settings.dtype = options.dtype
    else if (keepsAll(options.to ?? to)) settings.dtype = dtype
    const written = await withFlags({ format: '--to' }, () =>
      writeVectors(to, counted(file, 'convert', context), settings),
    )
    return {
      input: { path: from, format: file.format, dtype, count: file.count, dim },
      output: { path: to, ...written },
      seconds: (performance.now() - start) / 1000,
    }
  })
}

/** npy and npz have every dtype; arrays as they are read do not tell float16, bool and 64-bit integers. */
function keepsAll(name: string): boolean {
  return /(^|\.)np[yz]$/i.test(name)
}

/** Also a link that leads nowhere: writing would replace it. */
function isThere(path: string): boolean {
  const local = /^file:/i.test(path) ? fileURLToPath(path) : path
  return lstatSync(local, { throwIfNoEntry: false }) !== undefined
}

function showConvert({ output, seconds: took }: ConvertReport): string {
  return `${output.path}: ${count(output.count)} × ${output.dim}, ${count(output.bytes)} bytes in ${seconds(took)}`
}
