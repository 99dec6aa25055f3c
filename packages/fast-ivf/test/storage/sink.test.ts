import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { memorySink, openSink } from '../../src/storage/sink.js'
import { expectError } from '../formats/files.js'
import { opening, systemError, withFileSystem } from './file-system.js'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sink-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** Writes 'new' to the path and tells which files and folders were synced. */
async function replace(
  path: string,
  sync?: boolean,
  refuse?: { code: string; when: 'open' | 'sync' },
): Promise<string[]> {
  const synced: string[] = []
  const files = opening((handle, opened) => ({
    async sync() {
      if (refuse?.when === 'sync' && isFolder(opened)) throw systemError(refuse.code)
      await handle.sync()
      synced.push(isFolder(opened) ? opened : 'the file')
    },
  }))
  const open: typeof files.open = async (opened, flags) => {
    if (refuse?.when === 'open' && isFolder(opened)) throw systemError(refuse.code)
    return (files.open as NonNullable<typeof files.open>)(opened, flags)
  }
  await withFileSystem({ open }, async () => {
    const sink = await openSink(path, sync === undefined ? {} : { sync })
    await sink.write(new TextEncoder().encode('new'))
    await sink.finish()
  })
  return synced
}

const isFolder = (path: string): boolean => path.endsWith('/') || path === '.'

describe('a path', () => {
  test('is synced, and then the folder that holds its name', async () => {
    const path = join(folder, 'a')
    await writeFile(path, 'old')
    expect(await replace(path)).toEqual(['the file', `${folder}/`])
    expect(await replace(path, true)).toEqual(['the file', `${folder}/`])
    expect(await readFile(path, 'utf8')).toBe('new')
    const near = relative(process.cwd(), path)
    expect((await replace(near))[0]).toBe('the file')
  })

  test('is not synced by request, and replaced all the same', async () => {
    const path = join(folder, 'b')
    expect(await replace(path, false)).toEqual([])
    expect(await readFile(path, 'utf8')).toBe('new')
  })

  test.each(['EISDIR', 'EPERM', 'EACCES', 'EINVAL'])('is written where folders answer %s', async (code) => {
    for (const when of ['open', 'sync'] as const) {
      const path = join(folder, `${code}-${when}`)
      expect(await replace(path, true, { code, when })).toEqual(['the file'])
      expect(await readFile(path, 'utf8')).toBe('new')
    }
  })

  test('tells of a folder that could not be written', async () => {
    await expect(replace(join(folder, 'c'), true, { code: 'EIO', when: 'sync' })).rejects.toThrow('EIO')
  })

  test('holds what it held until the end, and after a failure', async () => {
    const path = join(folder, 'd')
    await writeFile(path, 'old')
    const sink = await openSink(path)
    await sink.write(new Uint8Array(3_000_000))
    await sink.patch?.(1, Uint8Array.of(7))
    expect(await readFile(path, 'utf8')).toBe('old')
    await sink.abort('enough')
    expect(await readFile(path, 'utf8')).toBe('old')
    expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })

  test('takes bytes of shared memory, and patches', async () => {
    const path = join(folder, 'e')
    const { buffer } = new WebAssembly.Memory({ initial: 30, maximum: 30, shared: true })
    const bytes = new Uint8Array(buffer).fill(5)
    const sink = await openSink(path)
    await sink.write(bytes.subarray(1, 4))
    await sink.write(bytes)
    await sink.patch?.(2, Uint8Array.of(9, 9))
    await sink.finish()
    const expected = new Uint8Array(bytes.length + 3).fill(5)
    expected.fill(9, 2, 4)
    expect((await readFile(path)).equals(expected)).toBe(true)
  })
})

test('a sink of memory joins what it was given and patches it', async () => {
  const sink = memorySink()
  await sink.write(Uint8Array.of(1, 2))
  await sink.write(Uint8Array.of(3))
  await sink.patch?.(1, Uint8Array.of(8, 9))
  expect([...sink.bytes()]).toEqual([1, 8, 9])
})

test('what is no target is named', async () => {
  await expectError(openSink(new URL('https://x.y/z')), 'ERR_UNSUPPORTED', /cannot be written to/)
  await expectError(openSink(3 as never), 'ERR_ARGUMENT', /the target is 3/)
})
