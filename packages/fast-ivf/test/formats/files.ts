import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { openVectors, type VectorFile } from '../../src/formats/index.js'

/** The path of a file in test/files. */
export const fixture = (name: string): string => fileURLToPath(new URL(`../files/${name}`, import.meta.url))

export const json = async <T>(name: string): Promise<T> => JSON.parse(await readFile(fixture(name), 'utf8')) as T

/** What a VectorFile holds, read whole, then closed. */
export async function contents(file: VectorFile): Promise<{ dims: [number, number]; numbers: number[] }> {
  const { data, dims } = await file.readAll()
  await file.close()
  return { dims, numbers: Array.from(data) }
}

/** Opens and reads bytes to the end, batch by batch. */
export async function readBytes(bytes: Uint8Array, format: string, member?: string): Promise<number[]> {
  const file = await openVectors(bytes, member === undefined ? { format } : { format, member })
  const numbers: number[] = []
  for await (const { data } of file.batches({ rows: 2 })) for (const value of data) numbers.push(value)
  await file.close()
  return numbers
}

export async function expectError(promise: Promise<unknown>, code: string, message: RegExp): Promise<void> {
  const error: unknown = await promise.then(
    () => 'nothing was thrown',
    (thrown: unknown) => thrown,
  )
  expect(error).toMatchObject({ name: 'IvfError', code })
  expect((error as Error).message).toMatch(message)
}
