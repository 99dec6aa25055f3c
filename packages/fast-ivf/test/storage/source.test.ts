import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ByteSource, openSource, readInto, type SourceInput } from '../../src/storage/source.js'
import { expectError } from '../formats/files.js'
import { opening, withFileSystem } from './file-system.js'

const bytes: Uint8Array<ArrayBuffer> = Uint8Array.from({ length: 5000 }, (_, i) => i * 7)
let folder = ''
let path = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'source-'))
  path = join(folder, 'bytes')
  await writeFile(path, bytes)
})
afterAll(() => rm(folder, { recursive: true }))

const plain: ByteSource = { size: 5000, read: async (from, to) => bytes.slice(from, to), close: async () => {} }
const inputs: [string, () => SourceInput][] = [
  ['a path', () => path],
  ['an array', () => bytes],
  ['a Blob', () => new Blob([bytes])],
  ['a source that cannot', () => plain],
]
const rooms: [string, () => ArrayBufferLike][] = [
  ['an array', () => new ArrayBuffer(65536)],
  ['memory', () => new WebAssembly.Memory({ initial: 1 }).buffer],
  ['shared memory', () => new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true }).buffer],
]

describe.each(inputs)('readInto from %s', (_, input) => {
  test.each(rooms)('fills a part of %s and nothing beside', async (_, make) => {
    const source = await openSource(input())
    const room = new Uint8Array(make()).fill(0xee)
    await readInto(source, 3, room.subarray(11, 4008))
    expect([...room.subarray(11, 4008)]).toEqual([...bytes.subarray(3, 4000)])
    expect([...room.subarray(0, 11), ...room.subarray(4008)].every((byte) => byte === 0xee)).toBe(true)
    await readInto(source, 5000, room.subarray(0, 0))
    await source.close()
  })

  test('refuses what is past the end', async () => {
    const source = await openSource(input())
    await expectError(
      readInto(source, 4000, new Uint8Array(1001)),
      'ERR_FORMAT',
      /ended at byte 5000, needed up to 5001/,
    )
    await source.close()
    await source.close()
  })
})

test('a file that is cut while it is read says so', async () => {
  const cut = join(folder, 'cut')
  await writeFile(cut, bytes)
  const source = await openSource(cut)
  await truncate(cut, 100)
  await expectError(readInto(source, 0, new Uint8Array(5000)), 'ERR_FORMAT', /cut ended at byte 100, needed up to 5000/)
  await source.close()
})

test('short reads of the system are put together', async () => {
  await withFileSystem(
    opening((handle) => ({ read: (into, at, length, from) => handle.read(into, at, Math.min(length, 999), from) })),
    async () => {
      const source = await openSource(path)
      const into = new Uint8Array(4500)
      await readInto(source, 100, into)
      expect(into).toEqual(bytes.subarray(100, 4600))
      await source.close()
    },
  )
})

test('memory that grows while it is filled is an error', async () => {
  const memory = new WebAssembly.Memory({ initial: 1 })
  await withFileSystem(
    opening(() => ({
      async read(_into, _at, length) {
        memory.grow(1)
        return { bytesRead: length }
      },
    })),
    async () => {
      const source = await openSource(path)
      const filling = readInto(source, 0, new Uint8Array(memory.buffer, 0, 5000))
      await expectError(filling, 'ERR_DETACHED', /5000 bytes of .* lost its memory/)
      await source.close()
    },
  )
})
