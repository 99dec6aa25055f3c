import type { Command } from 'commander'
import { describeIndex } from 'fast-ivf'
import { integer } from '../arguments.js'
import type { Context, Run } from '../context.js'
import { type ChangeOptions, saveIndex, targetOf, threadsOf, withIndex } from '../index-file.js'
import { bytes, count } from '../text.js'

interface CompactReport {
  index: string
  size: number
  /** Removed vectors that took room. */
  removed: number
  segments: { before: number; after: number }
  bytes: { before: number; after: number }
}

/** `compact`: an index without the room of what was removed. */
export function addCompact(program: Command, run: Run): void {
  program
    .command('compact')
    .description('bring all vectors of an index together, without the room of removed ones')
    .argument('<index>', 'the file of an index')
    .option('-o, --output <file>', 'leave the index as it is, and write the new one here')
    .option('--threads <n>', 'worker threads (default: one per core)', integer(0, 1024))
    .addHelpText('after', '\nExample:\n  fast-ivf compact base.ivf')
    .action(async (path: string, options: ChangeOptions) => {
      const target = targetOf(path, options)
      await run((context) => compact(path, target, options, context), showCompact)
    })
}

async function compact(path: string, target: string, options: ChangeOptions, context: Context): Promise<CompactReport> {
  const { signal, progress } = context
  const before = await describeIndex(path)
  return withIndex(path, threadsOf(options), context, async (index) => {
    await index.compact({ signal, onProgress: (step) => progress.update(step) })
    const saved = await saveIndex(index, target, context)
    return {
      index: target,
      size: index.size,
      removed: before.removed,
      segments: { before: before.segments, after: index.size > 0 ? 1 : 0 },
      bytes: { before: before.bytes.total, after: saved },
    }
  })
}

function showCompact({ index, size, removed, segments, bytes: taken }: CompactReport): string {
  const gone = removed > 0 ? `, ${count(removed)} removed ones gone` : ''
  return `${index}: ${count(size)} vectors${gone}; segments ${segments.before} → ${segments.after}, ${bytes(taken.before)} → ${bytes(taken.after)}`
}
