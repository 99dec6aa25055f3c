import { type Command, Option } from 'commander'
import { type AnyIndex, describeIndex, type Entries, type Id, type IndexDescription } from 'fast-ivf'
import { type VectorBatch, writeVectors } from 'fast-ivf/formats'
import { writeParquet } from 'fast-ivf/parquet'
import { integer } from '../arguments.js'
import type { Context, Run } from '../context.js'
import { UsageError } from '../errors.js'
import { idLines } from '../ids.js'
import { threadsOf, withIndex } from '../index-file.js'
import { refuseToReplace, sizeOfFile, writeText } from '../output.js'
import { bytes, count, seconds } from '../text.js'
import { outputFormats, ownFormat } from '../vectors.js'

interface ExportOptions {
  output: string
  as?: 'flat' | 'sq8'
  nprobe?: number
  threads?: number
  force?: true
}

interface ExportReport {
  index: string
  output: { path: string; count: number; dim: number; bytes: number }
  /** Where the ids are, when the output has no place for them. */
  ids?: string
  seconds: number
}

const EXTENSIONS = ['faiss', ...outputFormats, 'pq', 'ndjson']

/** `export`: the vectors of an index into a file, or all of it into one of faiss. */
export function addExport(program: Command, run: Run): void {
  program
    .command('export')
    .description('write what an index holds as a faiss file, or its vectors as a file of those, as the extension says')
    .argument('<index>', 'the file of an index, a path or URL')
    .requiredOption('-o, --output <file>', `.${EXTENSIONS.join(', .')}`)
    .addOption(
      new Option('--as <kind>', 'how faiss is to store the vectors (default: as they are)').choices(['flat', 'sq8']),
    )
    .option('--nprobe <n>', "cells that faiss is to visit (default: the index's own)", integer(1))
    .option('--threads <n>', 'worker threads (default: one per core)', integer(0, 1024))
    .option('--force', 'replace the output if it is there')
    .addHelpText(
      'after',
      '\nVectors are as they are stored: of length 1 for cosine, rounded where only codes are kept. They come\nin the order in which they were added. Where the format has no place for ids, these are in a file beside it, one a\nline (base.npy, base.ids.txt), unless they are 0, 1, 2 …\n\nExamples:\n  fast-ivf export base.ivf -o base.faiss\n  fast-ivf export base.ivf -o base.parquet',
    )
    .action(async (path: string, options: ExportOptions) => {
      const [, extension = ''] = /\.([^./\\]*)$/.exec(options.output) ?? []
      if (!EXTENSIONS.includes(extension.toLowerCase())) {
        throw new UsageError(`'${options.output}' has no extension of a format; give one of .${EXTENSIONS.join(', .')}`)
      }
      const given = options.as ? '--as' : options.nprobe ? '--nprobe' : undefined
      if (given && !isFaiss(options.output)) throw new UsageError(`${given} is of faiss files; give -o <file>.faiss`)
      await run((context) => exportFile(path, options, context), showExport)
    })
}

async function exportFile(path: string, options: ExportOptions, context: Context): Promise<ExportReport> {
  const { output, force } = options
  refuseToReplace(output, force)
  const start = performance.now()
  const { ids: kind } = await describeIndex(path)
  return withIndex(path, threadsOf(options), context, async (index) => {
    const ids = await write(index, kind, options, context)
    const { size, dim } = index
    return {
      index: path,
      output: { path: output, count: size, dim, bytes: await sizeOfFile(output) },
      ...(ids !== undefined && { ids }),
      seconds: (performance.now() - start) / 1000,
    }
  })
}

/** Returns where the ids are, if beside. */
async function write(
  index: AnyIndex<Id>,
  kind: IndexDescription['ids'],
  options: ExportOptions,
  context: Context,
): Promise<string | undefined> {
  const { output, force } = options
  const { signal } = context
  const { dim, size } = index
  if (isFaiss(output)) return writeFaiss(index, kind, options, context)
  if (ownFormat(output, undefined) === 'parquet') {
    // The file's columns are told before its rows.
    const ids: Id[] = []
    for await (const batch of followed(index, 'read the ids', context)) for (const id of batch.ids) ids.push(id)
    const vectors = vectorsOf(followed(index, 'export', context))
    await writeParquet(output, { vectors, dim, ids: ids as string[] }, { signal })
    return undefined
  }
  const beside = idsBeside(output)
  const parts: string[] = []
  const named = { needed: false, next: 0 }
  const entries = followed(index, 'export', context)
  await writeVectors(output, vectorsOf(entries, keepIds), { count: size, dim, signal })
  if (!named.needed) return undefined
  await writeText(beside, parts)
  return beside

  function keepIds(ids: readonly Id[]): void {
    parts.push(idLines(ids))
    for (const id of ids) {
      if (named.needed || id === named.next++) continue
      refuseToReplace(beside, force)
      named.needed = true
    }
  }
}

/** faiss knows no ids of text: it gets the numbers of their lines. */
async function writeFaiss(
  index: AnyIndex<Id>,
  kind: IndexDescription['ids'],
  { output, as, nprobe, force }: ExportOptions,
  context: Context,
): Promise<string | undefined> {
  const { signal, progress } = context
  const { exportFaiss } = await import('fast-ivf/faiss')
  const onProgress = (step: { phase: string; done: number; total: number }): void =>
    progress.update({ ...step, phase: 'export' })
  const beside = idsBeside(output)
  const named = kind === 'string'
  if (named) {
    refuseToReplace(beside, force)
    // An id that fits no line is found before anything is written.
    for await (const { ids } of followed(index, 'read the ids', context)) idLines(ids)
  }
  const texts: string[] = []
  await exportFaiss(index, output, {
    ...{ signal, onProgress },
    ...(as && { as }),
    ...(nprobe !== undefined && { nprobe }),
    ...(named && {
      onIds(ids: Id[]) {
        texts.push(idLines(ids))
      },
    }),
  })
  if (!named) return undefined
  await writeText(beside, texts)
  return beside
}

function isFaiss(path: string): boolean {
  return /\.faiss$/i.test(path)
}

/** base.npy → base.ids.txt */
function idsBeside(path: string): string {
  return path.replace(/\.[^./\\]*$/, '.ids.txt')
}

async function* followed(
  index: AnyIndex<Id>,
  phase: string,
  { signal, progress }: Context,
): AsyncGenerator<Entries<Id>> {
  let done = 0
  for await (const batch of index.entries({ signal })) {
    yield batch
    done += batch.count
    progress.update({ phase, done, total: index.size })
  }
}

async function* vectorsOf(
  entries: AsyncIterable<Entries<Id>>,
  each?: (ids: readonly Id[]) => void,
): AsyncGenerator<VectorBatch> {
  for await (const { ids, vectors, dim, count: rows } of entries) {
    each?.(ids)
    yield { data: vectors, dims: [rows, dim] }
  }
}

function showExport({ output, ids, seconds: took }: ExportReport): string {
  const beside = ids === undefined ? '' : `, ids in ${ids}`
  return `${output.path}: ${count(output.count)} × ${output.dim}, ${bytes(output.bytes)} in ${seconds(took)}${beside}`
}
