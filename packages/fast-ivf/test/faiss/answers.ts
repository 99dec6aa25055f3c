import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { type ExportOptions, exportFaiss } from '../../src/faiss.js'
import type { InvertedFile } from '../../src/inverted-file.js'
import type { IvfIndex, IvfIndexSearchOptions } from '../../src/ivf-index.js'
import type { Id } from '../../src/options.js'

/** What was found: nq × k of distances and ids, '-1' where there is none. */
export interface Told {
  readonly D: number[][]
  readonly I: string[][]
}

/** Asserts that a search finds what faiss found: the same ids but for ties, and the same distances. */
export async function expectFound<I extends Id>(
  index: IvfIndex<I>,
  from: Float32Array,
  { D, I }: { D: number[][]; I: (number | string)[][] },
  options: IvfIndexSearchOptions<I> = {},
): Promise<void> {
  const queries = from.subarray(0, D.length * index.dim)
  const k = D[0]!.length
  const found = await index.search(queries, { ...options, k })
  // Ids beyond the k-th may be tied with it.
  const more = await index.search(queries, { ...options, k: Math.max(k, index.size) })
  for (const [q, ids] of I.entries()) {
    const wanted = ids.map(String).filter((id) => id !== '-1')
    expect(found.counts[q], `answers of query ${q}`).toBe(wanted.length)
    const all = new Map(more.of(q).map(({ id, score }) => [String(id), score]))
    for (const [i, id] of wanted.entries()) {
      const distance = D[q]![i]!
      const tolerance = 1e-4 * Math.max(1, Math.abs(distance))
      expect(Math.abs(found.scores[q * k + i]! - distance), `query ${q}, rank ${i}`).toBeLessThan(tolerance)
      const own = all.get(id)
      expect(own, `query ${q}, id ${id}`).toBeDefined()
      expect(Math.abs(own! - distance), `query ${q}, id ${id}`).toBeLessThan(tolerance)
    }
  }
}

/** What an index finds, as faiss would tell it. */
export async function answersOf<I extends Id>(
  index: IvfIndex<I>,
  queries: Float32Array,
  options: IvfIndexSearchOptions<I> = {},
): Promise<Told> {
  const { k = 5 } = options
  const found = await index.search(queries, { ...options, k })
  const padded = <T>(list: T[], filler: T): T[] => [...list, ...Array<T>(k - list.length).fill(filler)]
  const each = Array.from({ length: found.nq }, (_, q) => found.of(q))
  return {
    D: each.map((list) =>
      padded(
        list.map(({ score }) => score),
        0,
      ),
    ),
    I: each.map((list) =>
      padded(
        list.map(({ id }) => String(id)),
        '-1',
      ),
    ),
  }
}

/** The file of an index. */
export async function exported<I extends Id>(index: InvertedFile<I>, options?: ExportOptions<I>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  const { bytes } = await exportFaiss(index, new WritableStream({ write: (chunk) => void chunks.push(chunk) }), options)
  const whole = new Uint8Array(Buffer.concat(chunks))
  expect(whole.length).toBe(bytes)
  return whole
}

const script = fileURLToPath(new URL('./search-faiss.py', import.meta.url))

/** A python with faiss, if there is one. */
export const python: string | undefined = ['python3', '/usr/bin/python3'].find(
  (each) => spawnSync(each, ['-c', 'import faiss'], { timeout: 60_000 }).status === 0,
)

/** What faiss finds in each file. */
export function faissAnswers(paths: string[], queries: Float32Array): Told[] {
  const input = JSON.stringify([...queries])
  const run = spawnSync(python!, [script, ...paths], { input, encoding: 'utf8', timeout: 60_000 })
  expect(run.stderr).toBe('')
  return run.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}
