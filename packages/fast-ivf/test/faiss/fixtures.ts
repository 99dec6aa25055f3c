import { readdirSync, readFileSync } from 'node:fs'
import { expect } from 'vitest'
import type { FaissIndex } from '../../src/faiss/description.js'
import { readFaiss } from '../../src/faiss/read.js'
import { evaluate } from './evaluate.js'

/** What faiss answered: nq × k of distances and ids. */
export interface Answers {
  readonly D: number[][]
  readonly I: number[][]
}

const folder = new URL('../files/faiss/', import.meta.url)

export const fixtureUrl = (name: string): URL => new URL(`${name}.faiss`, folder)

export const fixtureBytes = (name: string): Uint8Array => new Uint8Array(readFileSync(fixtureUrl(name)))

/** Names of fixtures that begin so, without their extension. */
export const fixtureNames = (start: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.startsWith(start) && name.endsWith('.faiss'))
    .map((name) => name.slice(0, -6))
    .sort()

export const fixtureJson = <T>(name: string): T => JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as T

/** The index of these bytes; it needs no closing. */
export async function parse(bytes: Uint8Array): Promise<FaissIndex> {
  return (await readFaiss(bytes)).index
}

/** Asserts that a plain search finds these answers: the same ids but for ties, and the same distances. */
export async function expectAnswers(index: FaissIndex, queries: Float32Array, { D, I }: Answers): Promise<void> {
  for (let row = 0; row < D.length; row++) {
    const k = D[row]!.length
    const found = await evaluate(index, queries.slice(row * index.dim, (row + 1) * index.dim), k)
    const distances = new Map(found.map(({ id, distance }) => [id, distance]))
    for (let i = 0; i < k; i++) {
      const wanted = D[row]![i]!
      if (I[row]![i] === -1) {
        expect(found.length).toBeLessThanOrEqual(i)
        continue
      }
      const tolerance = 1e-4 * Math.max(1, Math.abs(wanted))
      expect(Math.abs(found[i]!.distance - wanted), `query ${row}, rank ${i}`).toBeLessThan(tolerance)
      const own = distances.get(BigInt(I[row]![i]!))
      expect(own, `query ${row}, id ${I[row]![i]}`).toBeDefined()
      expect(Math.abs(own! - wanted), `query ${row}, id ${I[row]![i]}`).toBeLessThan(tolerance)
    }
  }
}
