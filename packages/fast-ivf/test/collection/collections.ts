import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect } from 'vitest'
import { Collection, type CollectionOptions, type ItemId } from '../../src/collection/index.js'

export type Note = { readonly version: number; readonly even?: boolean; readonly text?: string }

/** A folder of this test file's own, gone afterwards; every call is another path in it. */
export function folders(): () => string {
  const root = mkdtempSync(join(tmpdir(), 'fast-ivf-collection-'))
  afterAll(() => rmSync(root, { recursive: true }))
  let made = 0
  return () => join(root, `${made++}`)
}

export function open<I extends ItemId = string>(
  at: string,
  options: CollectionOptions = {},
): Promise<Collection<Note, I>> {
  return Collection.open<Note, I>(at, { threads: 0, ...options })
}

/** The vector of a version: no two are alike. */
export function vectorOf(version: number, dim = 4): Float32Array {
  return Float32Array.from({ length: dim }, (_, i) => Math.fround(Math.sin(version * 12.9898 + i * 78.233) * 10))
}

export function noteOf(version: number): Note {
  return { version, even: version % 2 === 0, text: `text ${version} é`.repeat(1 + (version % 3)) }
}

/** What should be there: the version of each id. */
export type Versions<I extends ItemId = string> = Map<I, number>

/** Expects the collection to hold just this, by ids, by similarity and by filter. Its metric is l2. */
export async function expectHolds<I extends ItemId>(docs: Collection<Note, I>, versions: Versions<I>): Promise<void> {
  expect(docs.size).toBe(versions.size)
  for (const [id, version] of versions) {
    expect(await docs.get(id)).toEqual({ id, vector: vectorOf(version, docs.dim), metadata: noteOf(version) })
  }
  const all = { k: versions.size + 1, nprobe: 1 << 20 }
  const found = (await docs.search(vectorOf(0.5, docs.dim), all)).of(0)
  expect(new Map(found.map(({ id, metadata }) => [id, metadata?.version]))).toEqual(versions)
  const even = (await docs.search(vectorOf(0.5, docs.dim), { ...all, filter: { even: true } })).of(0)
  const wanted = [...versions].filter(([, version]) => version % 2 === 0)
  expect(new Map(even.map(({ id, metadata }) => [id, metadata?.version]))).toEqual(new Map(wanted))
}
