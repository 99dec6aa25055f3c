import type { Command } from 'commander'
import type { Metric } from 'fast-ivf'
import { integer } from '../arguments.js'
import type { Context, Run } from '../context.js'
import { saveIndex, threadsOf } from '../index-file.js'
import { refuseToReplace } from '../output.js'
import { bytes, count, seconds } from '../text.js'

interface ImportOptions {
  output: string
  bigint?: true
  threads?: number
  force?: true
}

interface ImportReport {
  input: string
  index: { path: string; spec: string; metric: Metric; dim: number; nlist: number; nprobe: number; size: number }
  bytes: number
  seconds: number
}

/** `import`: a file of faiss becomes an index. */
export function addImport(program: Command, run: Run): void {
  program
    .command('import')
    .description('make an index of a file that faiss has written, which answers as faiss does')
    .argument('<faiss file>', 'a path or URL')
    .requiredOption('-o, --output <file>', 'the file of the index')
    .option('--bigint', 'ids beyond 2^53, as bigints')
    .option('--threads <n>', 'worker threads (default: one per core)', integer(0, 1024))
    .option('--force', 'replace the file of the index if it is there')
    .addHelpText('after', '\nExample:\n  fast-ivf import base.faiss -o base.ivf')
    .action(async (path: string, options: ImportOptions) => {
      await run((context) => importFile(path, options, context), showImport)
    })
}

async function importFile(path: string, options: ImportOptions, context: Context): Promise<ImportReport> {
  refuseToReplace(options.output, options.force)
  const { signal, progress } = context
  const start = performance.now()
  const { importFaiss } = await import('fast-ivf/faiss')
  const onProgress = (step: { phase: string; done: number; total: number }): void =>
    progress.update({ ...step, phase: 'import' })
  const index = await importFaiss(path, {
    ...threadsOf(options),
    bigint: options.bigint === true,
    ...{ signal, onProgress },
  })
  try {
    const saved = await saveIndex(index, options.output, context)
    const { spec, metric, dim, nlist, nprobe, size } = index
    return {
      input: path,
      index: { path: options.output, spec, metric, dim, nlist, nprobe, size },
      bytes: saved,
      seconds: (performance.now() - start) / 1000,
    }
  } finally {
    await index.close()
  }
}

function showImport({ index, bytes: saved, seconds: took }: ImportReport): string {
  const { path, spec, metric, dim, size } = index
  return `${path}: ${spec}, ${metric}; ${count(size)} × ${dim}, ${bytes(saved)} in ${seconds(took)}`
}
