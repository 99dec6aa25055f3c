import { type Command, Option } from 'commander'
import { describeIndex } from 'fast-ivf'
import { integer } from '../arguments.js'
import type { Context, Run } from '../context.js'
import { withEntries } from '../entries.js'
import { UsageError } from '../errors.js'
import { type ChangeOptions, saveIndex, targetOf, threadsOf, withIndex } from '../index-file.js'
import { bytes, count } from '../text.js'
import { inputFormats } from '../vectors.js'

interface AddOptions extends ChangeOptions {
  ids?: string
  upsert?: true
  format?: string
  member?: string
}

interface AddReport {
  index: string
  added: number
  /** Of these in place of others. */
  replaced: number
  size: number
  bytes: number
}

/** `add`: more vectors into an index. */
export function addAdd(program: Command, run: Run): void {
  program
    .command('add')
    .description('add vectors to an index, a batch at a time; its file is replaced once all are there')
    .argument('<index>', 'the file of an index')
    .argument('<vectors>', `a path or URL: ${inputFormats.join(', ')}`)
    .option('--ids <file|column>', 'ids: a file of text, one a line, or a column of a Parquet file')
    .option('--upsert', 'replace the vectors of ids that are there already')
    .option('-o, --output <file>', 'leave the index as it is, and write the new one here')
    .option('--threads <n>', 'worker threads (default: one per core)', integer(0, 1024))
    .addOption(
      new Option('--format <format>', 'of the vectors, where name and content do not tell').choices(inputFormats),
    )
    .option('--member <name>', 'which array of an npz archive, dataset of an HDF5 file or column of a Parquet file')
    .addHelpText('after', '\nExample:\n  fast-ivf add base.ivf more.fbin --ids more.txt --upsert')
    .action(async (path: string, vectors: string, options: AddOptions) => {
      if (options.upsert && options.ids === undefined) {
        throw new UsageError('--upsert replaces the vectors of ids; give them as --ids <file|column>')
      }
      const target = targetOf(path, options)
      await run((context) => add(path, vectors, target, options, context), showAdd)
    })
}

async function add(
  path: string,
  vectors: string,
  target: string,
  { ids, upsert, format, member, ...options }: AddOptions,
  context: Context,
): Promise<AddReport> {
  const { ids: kind } = await describeIndex(path)
  // Of an index without ids of its own any kind may be given, and the library says whether it fits.
  const asked = { format, member, ...(ids !== undefined && { ids }), kind: kind === 'rows' ? undefined : kind }
  return withEntries(vectors, asked, context, (entries) =>
    withIndex(path, threadsOf(options), context, async (index) => {
      const before = index.size
      const { signal } = context
      await entries.into((batches, own) =>
        own && upsert
          ? index.upsert(batches, { ids: own, signal })
          : index.add(batches, { signal, ...(own && { ids: own }) }),
      )
      const added = entries.file.count
      const size = await saveIndex(index, target, context)
      return { index: target, added, replaced: before + added - index.size, size: index.size, bytes: size }
    }),
  )
}

function showAdd({ index, added, replaced, size, bytes: saved }: AddReport): string {
  const of = replaced > 0 ? `, ${count(replaced)} in place of others` : ''
  return `${index}: ${count(added)} added${of}; ${count(size)} vectors, ${bytes(saved)}`
}
