import type { Command } from 'commander'
import { verifyIndex } from 'fast-ivf'
import { integer } from '../arguments.js'
import type { Context, Run } from '../context.js'
import { threadsOf } from '../index-file.js'
import { count, seconds } from '../text.js'

interface VerifyReport {
  index: string
  ok: boolean
  size: number
  damaged: string[]
  seconds: number
}

/** Damaged parts that are told one by one. */
const MOST_TOLD = 20

/** `verify`: is a file of an index what was written? */
export function addVerify(program: Command, run: Run): void {
  program
    .command('verify')
    .description('compare all of an index with its checksums, a piece at a time, so that it may be larger than memory')
    .argument('<index>', 'the file of an index, a path or URL')
    .option('--threads <n>', 'worker threads (default: one per core)', integer(0, 1024))
    .addHelpText('after', '\nExit code 1 when a part is damaged.\n\nExample:\n  fast-ivf verify base.ivf')
    .action(async (path: string, options: { threads?: number }) => {
      const { ok, damaged } = await run((context) => verify(path, options, context), showVerify)
      if (!ok) {
        const parts = `${damaged.length} ${damaged.length === 1 ? 'part' : 'parts'}`
        throw new Error(`${path} is damaged in ${parts}; restore it from a copy, or build it again`)
      }
    })
}

async function verify(
  path: string,
  options: { threads?: number },
  { signal, progress }: Context,
): Promise<VerifyReport> {
  const start = performance.now()
  const onProgress = (step: { done: number; total: number }): void => progress.update({ ...step, phase: 'verify' })
  const { size, damaged } = await verifyIndex(path, { ...threadsOf(options), signal, onProgress })
  return { index: path, ok: damaged.length === 0, size, damaged, seconds: (performance.now() - start) / 1000 }
}

function showVerify({ index, ok, size, damaged, seconds: took }: VerifyReport): string {
  if (ok) return `${index}: ${count(size)} vectors, all as they were written; ${seconds(took)}`
  const more = damaged.length - MOST_TOLD
  const told = damaged.slice(0, MOST_TOLD).map((part) => `damaged: ${part}`)
  return [...told, ...(more > 0 ? [`and ${count(more)} more parts`] : [])].join('\n')
}
