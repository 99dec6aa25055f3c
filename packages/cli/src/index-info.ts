/** What does a file of an index tell, ours or one of faiss? */

import { open } from 'node:fs/promises'
import { describeIndex, type IndexDescription, type Metric } from 'fast-ivf'
import type { Context } from './context.js'
import { isRemote, localPath, sizeOfFile } from './output.js'
import { median, percentile } from './statistics.js'
import { bytes, count, facts } from './text.js'

/** What an index tells of itself. */
export interface IndexInfo extends Omit<IndexDescription, 'cellSizes'> {
  path: string
  format: 'index'
  /** Sizes of the cells, removed vectors that still take room included. */
  cells: { count: number; empty: number; min: number; median: number; max: number }
}

/** What a faiss file holds, as far as it is had as an index. */
export interface FaissInfo {
  path: string
  format: 'faiss'
  spec: string
  metric: Metric
  dim: number
  size: number
  nlist: number
  nprobe: number
  /** The vectors that are kept beside the codes. */
  keep: string
  /** Size of the file; absent where it is no file. */
  bytes?: number
}

/** Which of the three a file is: by its name, else, where it is at hand, by how it begins. */
export async function kindOf(path: string): Promise<'index' | 'faiss' | 'vectors'> {
  const name = isRemote(path) ? (path.split(/[?#]/)[0] as string) : path
  if (/\.(ivf|safetensors)$/i.test(name)) return 'index'
  if (/\.faiss$/i.test(name)) return 'faiss'
  if (isRemote(path)) return 'vectors'
  const head = await firstBytes(path)
  // A length of 64 bits and JSON; four letters.
  if (head[8] === 0x7b && head[9] === 0x22 && head[6] === 0 && head[7] === 0) return 'index'
  return /^I[xwvBH][A-Za-z0-9]{2}/.test(String.fromCharCode(...head.subarray(0, 4))) ? 'faiss' : 'vectors'
}

/** Reads the header and where cells are, nothing else. */
export async function indexInfo(path: string): Promise<IndexInfo> {
  const { cellSizes, ...told } = await describeIndex(path)
  return {
    ...{ path, format: 'index' },
    ...told,
    cells: {
      count: cellSizes.length,
      empty: cellSizes.filter((size) => size === 0).length,
      min: percentile(cellSizes, 0),
      median: median(cellSizes),
      max: percentile(cellSizes, 1),
    },
  }
}

/** Reads all of the file: only so can be told that it is had as an index. */
export async function faissInfo(path: string, { signal, progress }: Context): Promise<FaissInfo> {
  const { importFaiss } = await import('fast-ivf/faiss')
  const onProgress = (step: { done: number; total: number }): void => progress.update({ ...step, phase: 'read' })
  const index = await importFaiss(path, { bigint: true, signal, onProgress })
  try {
    const { spec, metric, dim, size, nlist, nprobe, keep } = index
    const told = isRemote(path) ? {} : { bytes: await sizeOfFile(path) }
    return { path, format: 'faiss', spec, metric, dim, size, nlist, nprobe, keep, ...told }
  } finally {
    await index.close()
  }
}

/** The report for people. */
export function showIndex({ path, cells, bytes: taken, ...told }: IndexInfo): string {
  const { total, ...parts } = taken
  const ids = told.ids === 'rows' ? 'row numbers' : `${told.ids}s`
  const gone = told.removed > 0 ? `, and ${count(told.removed)} removed that take room until compact` : ''
  return facts([
    ['file', path],
    ['format', `index, ${told.class}`],
    ['spec', told.spec ?? `${told.projection ? `${told.projection}, ` : ''}${told.codes}`],
    ['metric', told.metric],
    ['vectors', `${count(told.size)}${gone}`],
    ['dim', count(told.dim)],
    ['ids', ids],
    ['originals', told.keep],
    [
      'cells',
      `${count(cells.count)}: min ${count(cells.min)}, median ${count(cells.median)}, max ${count(cells.max)}, ${count(cells.empty)} empty`,
    ],
    ['segments', count(told.segments)],
    ['recall', told.calibrated ? `may be asked for, k up to ${told.calibrated.k.at(-1)}` : 'not calibrated'],
    ['bytes', bytes(total)],
    ...Object.entries(parts).map(([name, size]) => [`  ${name}`, bytes(size)] as const),
  ])
}

/** The report for people. */
export function showFaiss({ path, spec, metric, size, dim, keep, nlist, nprobe, bytes: taken }: FaissInfo): string {
  return facts([
    ['file', path],
    ['format', 'faiss'],
    ['spec', `${spec}, as fast-ivf import makes it`],
    ['metric', metric],
    ['vectors', count(size)],
    ['dim', count(dim)],
    ['originals', keep],
    ['cells', `${count(nlist)}, nprobe ${nprobe}`],
    ['bytes', taken === undefined ? 'unknown' : count(taken)],
  ])
}

/** Up to 16 bytes; none where there is no file to read: who opens it says why. */
async function firstBytes(path: string): Promise<Uint8Array> {
  const head = new Uint8Array(16)
  const file = await open(localPath(path)).catch(() => undefined)
  if (!file) return head
  try {
    await file.read(head, 0, 16, 0).catch(() => undefined)
    return head
  } finally {
    await file.close()
  }
}
