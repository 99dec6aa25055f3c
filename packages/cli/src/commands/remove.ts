import type { Command } from 'commander'
import { describeIndex, type Id } from 'fast-ivf'
import { integer } from '../arguments.js'
import type { Context, Run } from '../context.js'
import { UsageError } from '../errors.js'
import { parseIds, readIdFile } from '../ids.js'
import { type ChangeOptions, saveIndex, targetOf, threadsOf, withIndex } from '../index-file.js'
import { bytes, count } from '../text.js'

interface RemoveOptions extends ChangeOptions {
  idsFile?: string
}

interface RemoveReport {
  index: string
  removed: number
  /** Ids that were not there. */
  missing: number
  size: number
  bytes: number
}

/** `remove`: vectors of these ids out of an index. */
export function addRemove(program: Command, run: Run): void {
  program
    .command('remove')
    .description('remove the vectors of these ids; ids that are not there are counted and passed over')
    .argument('<index>', 'the file of an index')
    .argument('[ids...]', 'ids; after -- also those that begin with a hyphen')
    .option('--ids-file <file>', 'ids, one a line')
    .option('-o, --output <file>', 'leave the index as it is, and write the new one here')
    .option('--threads <n>', 'worker threads (default: one per core)', integer(0, 1024))
    .addHelpText('after', '\nExample:\n  fast-ivf remove base.ivf 17 23 --ids-file gone.txt')
    .action(async (path: string, ids: string[], options: RemoveOptions) => {
      if (ids.length === 0 && options.idsFile === undefined) {
        throw new UsageError('there are no ids to remove; name them, or give --ids-file <file>')
      }
      const target = targetOf(path, options)
      await run((context) => remove(path, ids, target, options, context), showRemove)
    })
}

async function remove(
  path: string,
  words: readonly string[],
  target: string,
  options: RemoveOptions,
  context: Context,
): Promise<RemoveReport> {
  const { ids: kind } = await describeIndex(path)
  const wanted = new Set<Id>(parseIds(words, kind, (i) => `id ${i + 1}`))
  if (options.idsFile !== undefined) for (const id of await readIdFile(options.idsFile, kind)) wanted.add(id)
  return withIndex(path, threadsOf(options), context, async (index) => {
    const removed = await index.remove(wanted, { signal: context.signal })
    const size = await saveIndex(index, target, context)
    return { index: target, removed, missing: wanted.size - removed, size: index.size, bytes: size }
  })
}

function showRemove({ index, removed, missing, size, bytes: saved }: RemoveReport): string {
  const others = missing > 0 ? `, ${count(missing)} were not there` : ''
  return `${index}: ${count(removed)} removed${others}; ${count(size)} vectors, ${bytes(saved)}`
}
