import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { FastIVF, type Id, IvfIndex, openIndex, type Progress } from '../../src/index.js'
import { inEngine } from '../ivf-index/plain.js'
import { refusal } from '../refusal.js'
import { opening, systemError, withFileSystem } from '../storage/file-system.js'
import { DIM, expectSame, lived, NLIST, vectors } from './indexes.js'

const { index, engine } = await inEngine(() => lived('string', { spec: `IVF${NLIST},SQ4`, metric: 'l2' }))
const bytes = await index.toBytes()
const held = engine.bytes
let folder = ''
let path = ''
const old = 'what was there before'
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fast-ivf-saved-'))
  path = join(folder, 'x.safetensors')
})
afterEach(async () => {
  // Nothing is left beside the file, and nothing in memory.
  expect((await readdir(folder)).filter((name) => name !== 'x.safetensors')).toEqual([])
  expect(engine.bytes).toBe(held)
})
afterAll(async () => {
  await index.close()
  await rm(folder, { recursive: true })
})

const sameBytes = (found: Uint8Array): void => expect(Buffer.compare(found, bytes)).toBe(0)

describe('the same bytes go to', () => {
  test.each([true, false])('a path, in place of the file that was there; sync %s', async (sync) => {
    await writeFile(path, old)
    await index.save(path, { sync })
    sameBytes(await readFile(path))
    await index.save(pathToFileURL(path), { sync })
    sameBytes(await readFile(path))
    const opened = await openIndex<Id>(path, { threads: 0 })
    await opened.save(path, { sync })
    sameBytes(await readFile(path))
    await expectSame(opened, index)
    await opened.close()
  })

  test('a WritableStream, which is closed then, however slow it is', async () => {
    const chunks: Uint8Array[] = []
    let closed = 0
    const target = new WritableStream<Uint8Array>({
      async write(chunk) {
        await new Promise(setImmediate)
        chunks.push(chunk)
      },
      close: () => void closed++,
    })
    await index.save(target)
    sameBytes(Buffer.concat(chunks))
    expect(closed).toBe(1)
  })

  test('readers of toStream', async () => {
    sameBytes(new Uint8Array(await new Response(index.toStream()).arrayBuffer()))
    const [one, two] = index.toStream().tee()
    for (const stream of [one, two]) sameBytes(new Uint8Array(await new Response(stream).arrayBuffer()))
  })

  test('many at once', async () => {
    for (const found of await Promise.all(Array.from({ length: 5 }, () => index.toBytes()))) sameBytes(found)
  })
})

test('progress is told up to the end, in the same steps wherever it goes', async () => {
  const steps = async (save: (onProgress: (progress: Progress) => void) => Promise<unknown>): Promise<Progress[]> => {
    const told: Progress[] = []
    await save((progress) => told.push({ ...progress }))
    return told
  }
  const told = await steps((onProgress) => index.save(path, { onProgress }))
  expect(told.map(({ done }) => done)).toEqual(told.map((_, i) => i + 1))
  expect(told.at(-1)).toEqual({ phase: 'save', done: told.length, total: told.length })
  expect(await steps((onProgress) => index.toBytes({ onProgress }))).toEqual(told)
  const opened = await steps(async (onProgress) => (await openIndex(bytes, { threads: 0, onProgress })).close())
  expect(opened.at(-1)).toMatchObject({ phase: 'open' })
  for (const { done, total } of opened) expect(done).toBeLessThanOrEqual(total)
})

describe('the old file stays, and nothing beside it,', () => {
  const checkOld = async (): Promise<void> => expect(await readFile(path, 'utf8')).toBe(old)

  test('when the caller gives up, whenever that is', async () => {
    await writeFile(path, old)
    const reason = new Error('enough')
    let steps = 0
    await index.toBytes({ onProgress: () => void steps++ })
    for (let at = 0; at < steps; at++) {
      const controller = new AbortController()
      if (at === 0) controller.abort(reason)
      const onProgress = ({ done }: Progress): void => {
        if (done === at) controller.abort(reason)
      }
      await expect(index.save(path, { signal: controller.signal, onProgress })).rejects.toBe(reason)
      await expect(index.toBytes({ signal: controller.signal })).rejects.toBe(reason)
      await checkOld()
    }
  })

  test('when the caller is told of progress and throws', async () => {
    await writeFile(path, old)
    const onProgress = (): void => {
      throw new RangeError('mine')
    }
    await expect(index.save(path, { onProgress })).rejects.toThrow('mine')
    await checkOld()
  })

  test.each([0, 1])('when the system fails at write %i', async (at) => {
    await writeFile(path, old)
    let writes = 0
    const failing = opening((handle) => ({
      async write(...part) {
        if (writes++ === at) throw systemError('ENOSPC')
        return handle.write(...part)
      },
      async sync() {
        if (at === 1) throw systemError('EIO')
      },
    }))
    await withFileSystem(failing, async () => {
      await expect(index.save(path)).rejects.toThrow(/refused/)
    })
    await checkOld()
  })

  test('when the new one cannot take its place', async () => {
    await writeFile(path, old)
    const rename = async (): Promise<void> => {
      throw systemError('EXDEV')
    }
    await withFileSystem({ rename }, async () => {
      await expect(index.save(path)).rejects.toThrow(/EXDEV/)
    })
    await checkOld()
  })
})

describe('a stream', () => {
  test('that fails ends the save with its own error', async () => {
    for (let at = 0; at < 12; at++) {
      let writes = 0
      const failure = new Error(`the line is dead ${at}`)
      const target = new WritableStream<Uint8Array>({
        write() {
          if (writes++ === at) throw failure
        },
      })
      await expect(index.save(target)).rejects.toBe(failure)
    }
  })

  test('is told why when the caller gives up', async () => {
    const controller = new AbortController()
    const reasons: unknown[] = []
    const target = new WritableStream<Uint8Array>({
      write: () => controller.abort(new Error('enough')),
      abort: (reason) => void reasons.push(reason),
    })
    await expect(index.save(target, { signal: controller.signal })).rejects.toThrow('enough')
    expect(reasons).toEqual([controller.signal.reason])
  })

  test('that another writes to is refused, and stays as it is', async () => {
    const target = new WritableStream<Uint8Array>()
    const writer = target.getWriter()
    await expect(index.save(target)).rejects.toThrow(/locked/)
    await writer.write(bytes)
  })

  test.each([0, 1, 2, 5, 10])(
    'of bytes that is cancelled after %i reads ends the save, and holds nothing',
    async (reads) => {
      const reader = index.toStream().getReader()
      for (let i = 0; i < reads; i++) expect((await reader.read()).done).toBe(false)
      await reader.cancel(new Error('no more'))
      // Closing would wait for a save in progress.
      const again = await lived('rows', { spec: 'Flat' })
      const other = again.toStream().getReader()
      for (let i = 0; i < reads; i++) await other.read()
      await other.cancel()
      await again.close()
      while (engine.bytes !== held) await new Promise(setImmediate)
    },
  )

  test('of bytes tells its reader what went wrong', async () => {
    const empty = new FastIVF(DIM, { nlist: NLIST, threads: 0 })
    expect((await refusal(new Response(empty.toStream()).arrayBuffer())).code).toBe('ERR_NOT_TRAINED')
    await empty.close()
    expect((await refusal(new Response(empty.toStream()).arrayBuffer())).code).toBe('ERR_CLOSED')
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(new Response(index.toStream({ signal })).arrayBuffer()).rejects.toThrow('enough')
  })
})

test.each<[string, unknown, string]>([
  ['a number', 7, 'ERR_ARGUMENT'],
  ['nothing', undefined, 'ERR_ARGUMENT'],
  ['an address', 'https://example.com/x', 'ERR_UNSUPPORTED'],
  ['a folder', tmpdir(), 'ERR_ARGUMENT'],
  ['a path in a folder that is not there', join(tmpdir(), 'no', 'such', 'folder'), 'ERR_NOT_FOUND'],
])('%s is no target', async (_, target, code) => {
  expect((await refusal(index.save(target as string))).code).toBe(code)
})

test('what is not trained, or closed, is not saved', async () => {
  await rm(path, { force: true })
  const empty = new FastIVF(DIM, { nlist: NLIST, threads: 0 })
  for (const code of ['ERR_NOT_TRAINED', 'ERR_CLOSED']) {
    expect((await refusal(empty.save(path))).code).toBe(code)
    expect((await refusal(empty.toBytes())).code).toBe(code)
    await empty.close()
  }
  expect(await readdir(folder)).toEqual([])
})

describe('memory', () => {
  test('is given back when a file is refused, wherever it is damaged, and when the caller gives up', async () => {
    for (const at of [0.2, 0.5, 0.7, 0.8, 0.9, 0.95, 0.999]) {
      const place = Math.floor(at * bytes.length)
      const changed = bytes.map((byte, i) => (i >= place && i < place + 80 ? byte ^ 0xff : byte))
      const { index: error, engine: own } = await inEngine(() => refusal(openIndex(changed, { threads: 0 })))
      expect(error.code).toBe('ERR_FORMAT')
      if (own) expect(own.bytes).toBe(0)
    }
    for (let at = 1; at < 4; at++) {
      const controller = new AbortController()
      let told = 0
      const onProgress = (): void => {
        if (++told === at) controller.abort(new Error('enough'))
      }
      const { signal } = controller
      const { index: error, engine: own } = await inEngine(() =>
        openIndex(bytes, { threads: 0, signal, onProgress }).catch((thrown: unknown) => thrown),
      )
      if (error instanceof IvfIndex) await error.close()
      else expect(error).toBe(signal.reason)
      if (!(error instanceof IvfIndex)) expect(own.bytes).toBe(0)
    }
  })

  test('of what is opened is what it takes, and all of it goes with the vectors', async () => {
    const { index: opened, engine: own } = await inEngine(() => openIndex<Id>(bytes, { threads: 0 }))
    expect(own.bytes).toBe(held)
    expect(opened.bytes).toBe(index.bytes)
    const { engine: bare } = await inEngine(() =>
      IvfIndex.train(vectors, { spec: `IVF${NLIST},SQ4`, metric: 'l2', dim: DIM, threads: 0 }),
    )
    const answers = await opened.search(vectors.subarray(0, DIM), { k: 1000, nprobe: NLIST })
    const ids = (answers.ids as Id[]).slice(0, answers.counts[0])
    expect(await opened.remove(ids)).toBe(opened.size === 0 ? ids.length : -1)
    await opened.compact()
    expect(own.bytes).toBe(bare.bytes)
    await opened.close()
  })
})
