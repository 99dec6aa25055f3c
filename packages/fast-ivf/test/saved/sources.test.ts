import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Id, IvfIndex, openIndex } from '../../src/index.js'
import type { ByteSource } from '../../src/storage/source.js'
import { mixture } from '../mixture.js'
import { refusal } from '../refusal.js'
import { DIM, expectSame, lived, NLIST } from './indexes.js'

const index = await lived('string', { spec: `IVF${NLIST},SQ4`, metric: 'l2' })
const bytes = await index.toBytes()
const life = { threads: 0 }
let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fast-ivf-saved-'))
  await writeFile(join(folder, 'an index.safetensors'), bytes)
})
afterAll(async () => {
  await index.close()
  await rm(folder, { recursive: true })
})

/** A source that counts how often it is closed, and gives what it is asked for, or less. */
function counted(from: Uint8Array = bytes, less = 0): ByteSource & { closed: number } {
  return {
    size: from.length,
    closed: 0,
    async read(first, last) {
      return from.slice(first, Math.max(first, last - less))
    },
    async close() {
      this.closed++
    },
  }
}

describe('the same index comes from', () => {
  const file = () => join(folder, 'an index.safetensors')
  test.each<[string, () => Parameters<typeof openIndex>[0]]>([
    ['a path', file],
    ['a file: URL', () => pathToFileURL(file())],
    ['a file: URL as text', () => pathToFileURL(file()).href],
    ['a Uint8Array', () => bytes],
    ['a part of a larger array', () => new Uint8Array([7, ...bytes, 7]).subarray(1, bytes.length + 1)],
    ['a Node Buffer', () => Buffer.from(bytes)],
    ['an ArrayBuffer', () => bytes.slice().buffer],
    ['a Blob', () => new Blob([bytes.slice()])],
    ['a ByteSource', () => counted()],
  ])('%s', async (_, source) => {
    for (const open of [openIndex<Id>, IvfIndex.open<Id>]) {
      const opened = await open(source(), life)
      await expectSame(opened, index)
      await opened.close()
    }
  })
})

describe('a ByteSource is closed, once', () => {
  test('when all was read', async () => {
    const source = counted()
    const opened = await openIndex<Id>(source, life)
    expect(source.closed).toBe(1)
    await opened.close()
    expect(source.closed).toBe(1)
  })

  test.each<[string, () => ReturnType<typeof counted>]>([
    ['its header is not', () => counted(bytes.subarray(0, 100))],
    ['it is no index', () => counted(new TextEncoder().encode('no index, whatever else it may be'))],
    ['its end is missing', () => counted(bytes.subarray(0, bytes.length - 1))],
    ['its last part is damaged', () => counted(bytes.map((byte, i) => (i === bytes.length - 3 ? byte ^ 1 : byte)))],
    ['it gives less than it has', () => counted(bytes, 1)],
  ])('when it is refused: %s', async (_, make) => {
    for (const open of [openIndex, IvfIndex.open]) {
      const source = make()
      expect((await refusal(open(source, life))).code).toBe('ERR_FORMAT')
      expect(source.closed).toBe(1)
    }
  })

  test.each([0, 1, 3, 5, 8, 13])('when it fails itself, at read %i, or the caller gives up then', async (at) => {
    const failure = new Error('the line is dead')
    for (const aborts of [false, true]) {
      const source = counted()
      const controller = new AbortController()
      let reads = 0
      const { read } = source
      source.read = async (from, to) => {
        if (reads++ === at) {
          if (!aborts) throw failure
          controller.abort(failure)
        }
        return read(from, to)
      }
      const { signal } = controller
      const result: unknown = await openIndex<Id>(source, { ...life, signal }).catch((error: unknown) => error)
      // What was read last need not be waited for.
      if (reads > at + (aborts ? 1 : 0)) expect(result).toBe(failure)
      expect(source.closed).toBe(1)
      if (result instanceof IvfIndex) await result.close()
    }
  })

  test('when its class is another, or an option is wrong', async () => {
    const { FastIVF } = await import('../../src/index.js')
    for (const open of [() => FastIVF.open, () => (from: ByteSource) => openIndex(from, { threads: -1 })]) {
      const source = counted()
      await refusal(open()(source))
      expect(source.closed).toBe(1)
    }
  })
})

describe('over http', () => {
  let server: Server
  let origin = ''
  let ranges: number[] = []
  // Longer than what the first request brings.
  let far: IvfIndex
  let body: Buffer
  beforeAll(async () => {
    far = await IvfIndex.build(mixture(1200, DIM, 74), {
      calibrate: false,
      spec: `IVF${NLIST},Flat`,
      dim: DIM,
      ...life,
    })
    body = Buffer.from(await far.toBytes())
    server = createServer((request, response) => {
      const range = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '')
      if (request.url?.startsWith('/missing')) return void response.writeHead(404).end()
      if (!range || request.url?.startsWith('/whole')) return void response.writeHead(200).end(body)
      const part = body.subarray(Number(range[1]), Number(range[2]) + 1)
      ranges.push(part.length)
      const headers = { 'content-range': `bytes ${range[1]}-${Number(range[1]) + part.length - 1}/${body.length}` }
      if (request.url?.startsWith('/changes') && Number(range[1]) > 0)
        return void response.writeHead(206, headers).end(part.subarray(1))
      response.writeHead(206, headers).end(part)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(async () => {
    server.close()
    await far.close()
  })

  test.each(['range', 'whole'])(
    'the same index is read, by range or whole where the server does so: %s',
    async (kind) => {
      ranges = []
      for (const url of [`${origin}/${kind}/x.safetensors?token=1`, new URL(`${origin}/${kind}/x.safetensors`)]) {
        const opened = await openIndex<Id>(url, life)
        await expectSame(opened, far as IvfIndex<Id>)
        await opened.close()
      }
      if (kind === 'range')
        expect(ranges.reduce((sum, size) => sum + size)).toBeLessThan(2 * (body.length + 65536) + 65536)
    },
  )

  test('what is not there, and what sends less, is refused', async () => {
    expect((await refusal(openIndex(`${origin}/missing/x`, life))).code).toBe('ERR_NOT_FOUND')
    const error = await refusal(openIndex(`${origin}/changes/x.safetensors`, life))
    expect(error).toMatchObject({ code: 'ERR_FORMAT', message: expect.stringContaining('did the file change?') })
  })
})

test('bytes that the caller changes while they are opened are refused, or opened as they were', async () => {
  const own = bytes.slice()
  const opening = openIndex<Id>(own, life)
  own.fill(0, own.length >> 1)
  const result = await opening.catch((error: unknown) => error)
  expect(result).toMatchObject({ code: 'ERR_FORMAT' })
})
