import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Command, Option } from 'commander'
import { integer, numbers } from '../arguments.js'
import type { Context, Run } from '../context.js'
import { UsageError } from '../errors.js'
import { localPath, refuseToReplace, writeText } from '../output.js'
import type { Report, ReportOptions } from '../report/run.js'
import { showReport } from '../report/show.js'

/** What the command line says, beside its arguments. */
type Options = Omit<ReportOptions, 'base' | 'queries' | 'truth'> & { out: string; force?: true }

/** `report`: a page about what indexes of these vectors find, how fast, and at what cost. */
export function addReport(program: Command, run: Run): void {
  program
    .command('report')
    .description('measure indexes of B for the queries Q, and write a page with pictures')
    .argument('[B]', 'the vectors (default: made up by chance)')
    .argument('[Q]', 'vectors of the same dim (default: taken out of B)')
    .argument('[T]', 'ids of the true nearest of each query (default: exact search, here and now)')
    .option('-o, --out <file>', 'the page, one file of HTML', 'report.html')
    .option('--spec <spec...>', 'indexes to compare (default: exact vectors, scalar codes, product codes)')
    .addOption(new Option('--metric <metric>', 'what nearness means').choices(['cosine', 'ip', 'l2']).default('cosine'))
    .option('--recall <r,…>', 'recalls to ask for', numbers(0.5, 1), [0.8, 0.9, 0.95, 0.98, 0.99])
    .addOption(new Option('--keep <kind>', 'the vectors kept for rescoring').choices(['f32', 'f16', 'int8', 'none']))
    .addOption(new Option('--peers <which>', 'others to compare with').choices(['faiss', 'none']).default('faiss'))
    .option('--k <n>', 'answers per query', integer(1), 10)
    .option('--threads <n>', 'worker threads (default: one per core)', integer(0, 1024))
    .option('--revectorize', 'let V8 widen the kernels (Node 24 and newer, x64)')
    .option('--seed <n>', 'of the training', integer(0, 0xffffffff), 1)
    .option('--limit <rows>', 'use only the first rows of B', integer(1))
    .option('--force', 'replace the page if it is there')
    .addHelpText('after', '\nExample:\n  fast-ivf report base.fbin queries.fbin --spec IVF1024,SQ4 --out report.html')
    .action(async (base, queries, truth, { spec: given, out, force, recall, ...options }: Options) => {
      const spec = given?.flatMap((text) => text.split(/\s+/).filter(Boolean))
      checkOutput(out, force)
      const sorted = [...recall].sort((a, b) => a - b)
      const told = { ...options, recall: sorted, ...(spec && { spec }) }
      const files = { ...(base && { base }), ...(queries && { queries }), ...(truth && { truth }) }
      await run((context) => report({ ...told, ...files }, out, context), showReport)
    })
}

async function report(
  options: ReportOptions,
  out: string,
  context: Context,
): Promise<Report & { page: { path: string; bytes: number } }> {
  await needPictures()
  const { measureAll } = await import('../report/run.js')
  const { pageFor } = await import('../report/page.js')
  const measured = await measureAll(options, context)
  const page = pageFor(measured)
  await writeText(out, [page])
  return { page: { path: out, bytes: Buffer.byteLength(page) }, ...measured }
}

/** Before minutes of measuring. @throws UsageError, Error */
function checkOutput(out: string, force: true | undefined): void {
  const path = localPath(out)
  const there = statSync(path, { throwIfNoEntry: false })
  if (there?.isDirectory()) throw new UsageError(`--out is '${out}', a folder; name a file in it`)
  const folder = dirname(path)
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UsageError(`--out is '${out}', and there is no folder '${folder}'; make it first`)
  }
  refuseToReplace(out, force)
}

/** What draws is not installed with the command. @throws Error ERR_PEER */
async function needPictures(): Promise<void> {
  try {
    await import('@observablehq/plot')
    await import('linkedom')
  } catch (cause) {
    const message = 'pictures need two more packages: npm install @observablehq/plot@^0.6.17 linkedom@^0.18.12'
    throw Object.assign(new Error(message, { cause }), { code: 'ERR_PEER' })
  }
}
