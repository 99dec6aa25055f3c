/** Files of vectors and indexes for tests of the commands. */

import { writeFileSync } from 'node:fs'
import { type AnyIndex, type Id, openIndex } from 'fast-ivf'
import { clumps, json, write } from './harness.js'

export const [ROWS, DIM] = [600, 12]
export const vectors: Float32Array = clumps(ROWS, DIM, 41)
export const others: Float32Array = clumps(40, DIM, 42)

/** The i-th vector. */
export function vectorOf(i: number): Float32Array {
  return vectors.subarray(i * DIM, (i + 1) * DIM)
}

export interface Files {
  base: string
  more: string
  /** An id a line, for `base`. */
  names: string
  moreNames: string
}

export async function writeFiles(at: (name: string) => string): Promise<Files> {
  const [names, moreNames] = [at('names.txt'), at('more.txt')]
  writeFileSync(names, Array.from({ length: ROWS }, (_, i) => `№ ${i}\n`).join(''))
  writeFileSync(moreNames, Array.from({ length: 40 }, (_, i) => `№ ${ROWS - 10 + i}\n`).join(''))
  const [base, more] = [await write(at('base.npy'), vectors, DIM), await write(at('more.fbin'), others, DIM)]
  return { base, more, names, moreNames }
}

/** Builds an index of exact vectors by squared distance, in 8 cells, unless told otherwise; nothing is calibrated. */
// biome-ignore lint/suspicious/noExplicitAny: a test says itself what it expects of the document
export function build(base: string, output: string, ...more: string[]): Promise<any> {
  const settings = ['--metric', 'l2', '--threads', '0', '--force', '--no-calibrate']
  const spec = more.includes('--spec') ? [] : ['--spec', 'IVF8,Flat']
  return json('build', base, '-o', output, ...settings, ...spec, ...more)
}

/** Does something with an open index. */
export async function opened<T>(path: string, use: (index: AnyIndex<Id>) => Promise<T>): Promise<T> {
  const index = await openIndex<Id>(path, { threads: 0 })
  try {
    return await use(index)
  } finally {
    await index.close()
  }
}
