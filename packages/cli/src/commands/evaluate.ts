import { type Command, Option } from 'commander'
import { integer, integers, number, numbers } from '../arguments.js'
import type { Run } from '../context.js'
import { UsageError } from '../errors.js'
import { evaluateFastIVF, type FastIVFSettings } from '../evaluate/fast-ivf.js'
import { showEvaluate } from '../evaluate/show.js'
import { showSpecs } from '../evaluate/show-specs.js'
import { evaluateSpecs, type SpecSettings } from '../evaluate/specs.js'
import { cellsOf, DEFAULT_EPSILON, hasCodes } from '../evaluate/sweep.js'

type EvaluateOptions = FastIVFSettings & Omit<SpecSettings, 'spec'> & { spec?: string[] }

/** `evaluate`: how good and how fast is an index of these vectors, for these queries? */
export function addEvaluate(program: Command, run: Run): void {
  program
    .command('evaluate')
    .description('build an index of B, search it for Q, and tell recall, speed and memory')
    .requiredOption('--base <file>', 'the vectors')
    .requiredOption('--queries <file>', 'vectors of the same dim')
    .option('--truth <file>', 'ids of the true nearest of each query (default: exact search, here and now)')
    .option('--spec <spec...>', "indexes to compare, like 'IVF1024,SQ4' 'IVF1024,PQ32x6,R8' (default: a FastIVF)")
    .addOption(new Option('--metric <metric>', 'what nearness means').choices(['cosine', 'ip', 'l2']).default('cosine'))
    .option('--nlist <n>', 'number of cells of the FastIVF (default: 4 √n)', integer(1))
    .option(
      '--nprobe <n,…>',
      'cells to visit: one line of the table each (default: 1,4,16,64 up to nlist)',
      integers(1),
    )
    .option(
      '--recall <r,…>',
      'recalls to ask for, in place of cells: calibrates, then one line of the table each',
      numbers(0.5, 1),
    )
    .option('--ratio-threshold <r>', 'skip cells much farther than the best; 0 visits all nprobe', number(0, 1), 0)
    .option(
      '--epsilon <e,…>',
      `rescore what may still win, e standard errors assumed: one line each (default: ${DEFAULT_EPSILON})`,
      numbers(0, 100),
    )
    .option('--rescore-factor <f,…>', 'rescore the best f × k instead: one line each', numbers(1, 65536))
    .option('--no-rescore', 'answer with estimates')
    .addOption(new Option('--keep <kind>', 'the vectors kept for rescoring').choices(['f32', 'f16', 'int8', 'none']))
    .option('--k <n>', 'answers per query', integer(1), 10)
    .option('--threads <n>', 'worker threads (default: one per core)', integer(0, 1024))
    .option('--revectorize', 'let V8 widen the kernels (Node 24 and newer, x64)')
    .option('--seed <n>', 'of the training', integer(0, 0xffffffff), 1)
    .option('--limit <rows>', 'use only the first rows of the base', integer(1))
    .option('--single <n>', 'queries to time one at a time', integer(0), 500)
    .addHelpText('after', '\nExample:\n  fast-ivf evaluate --base base.fbin --queries queries.fbin --spec IVF1024,SQ4')
    .action(async ({ spec: given, ...options }: EvaluateOptions) => {
      const spec = given?.flatMap((text) => text.split(/\s+/).filter(Boolean))
      if (spec) {
        checkSpecs({ ...options, spec })
        await run((context) => evaluateSpecs({ ...options, spec }, context), showSpecs)
      } else {
        checkFastIVF(options)
        await run((context) => evaluateFastIVF(options, context), showEvaluate)
      }
    })
}

function checkFastIVF({ nlist, nprobe, keep, epsilon, rescoreFactor, rescore }: EvaluateOptions): void {
  const needy = Object.entries({
    '--keep': keep,
    '--epsilon': epsilon,
    '--rescore-factor': rescoreFactor,
    '--no-rescore': rescore ? undefined : true,
  }).find(([, value]) => value !== undefined)
  if (needy) throw new UsageError(`${needy[0]} is of indexes with codes; name one, like --spec IVF1024,SQ4`)
  const over = nprobe?.find((n) => n > (nlist ?? Number.POSITIVE_INFINITY))
  if (over === undefined) return
  throw new UsageError(`nprobe ${over} is more than nlist ${nlist}; an index has nlist cells to visit`)
}

function checkSpecs({
  spec,
  nlist,
  nprobe,
  keep,
  epsilon,
  rescoreFactor,
  rescore,
  recall,
}: SpecSettings & FastIVFSettings): void {
  const sweep = epsilon ? '--epsilon' : rescoreFactor ? '--rescore-factor' : undefined
  if (nlist !== undefined) throw new UsageError('--nlist and --spec do not go together; a spec names its own cells')
  if (epsilon && rescoreFactor) {
    throw new UsageError('--epsilon and --rescore-factor are two ways to choose what is rescored; give one of them')
  }
  if (recall && !rescore) {
    throw new UsageError('--recall and --no-rescore do not go together; a recall says itself what is rescored')
  }
  if (sweep && !rescore) throw new UsageError(`${sweep} and --no-rescore do not go together`)
  if (keep && !spec.some(hasCodes))
    throw new UsageError('--keep is of specs with codes; Flat stores the vectors themselves')
  if (sweep && keep === 'none') throw new UsageError(`${sweep} needs originals to compare; --keep none keeps nothing`)
  const least = Math.min(...(nprobe ?? [1]))
  const small = spec.find((one) => least > (cellsOf(one) ?? Number.POSITIVE_INFINITY))
  if (small) throw new UsageError(`nprobe ${least} is more than the cells of ${small}; give a smaller one as well`)
}
