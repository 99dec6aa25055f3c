import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { openVectors } from '../../src/formats/index.js'
import { contents, expectError, fixture } from './files.js'

const path = fixture('npy/npy_f4.npy')
const bytes = new Uint8Array(await readFile(path))
const wanted = await contents(await openVectors(path))

describe('the same vectors come from', () => {
  const buffer = bytes.buffer as ArrayBuffer
  test.each([
    ['a path', path],
    ['a file: URL', new URL(`file://${path}`)],
    ['a file: URL as text', `file://${path}`],
    ['an ArrayBuffer', buffer],
    ['a Uint8Array', bytes],
    ['a Node Buffer', Buffer.from(bytes)],
    ['a Blob', new Blob([buffer])],
    ['a File', new File([buffer], 'x.npy')],
    ['a data: URL', `data:application/octet-stream;base64,${Buffer.from(bytes).toString('base64')}`],
    [
      'a ByteSource',
      { size: bytes.length, read: async (a: number, b: number) => bytes.slice(a, b), close: async () => {} },
    ],
  ])('%s', async (_, input) => {
    expect(await contents(await openVectors(input))).toEqual(wanted)
  })
})

test('what is read belongs to the reader', async () => {
  const own = bytes.slice()
  const { data } = await (await openVectors(own)).readAll()
  data.fill(0)
  expect(own).toEqual(bytes)
})

test('the format comes from the option, the name or the content', async () => {
  const fvecs = await readFile(fixture('vecs/siftsmall_query.fvecs'))
  const file = new File([new Uint8Array(fvecs)], 'Queries.FVECS')
  expect((await openVectors(file)).format).toBe('fvecs')
  expect((await openVectors(fvecs, { name: 'a.fvecs' })).format).toBe('fvecs')
  expect((await openVectors(fvecs, { format: 'fvecs' })).format).toBe('fvecs')
  expect((await openVectors(new TextEncoder().encode(' [1,2]\n'))).format).toBe('jsonl')
  expect((await openVectors(await readFile(fixture('npy/npz_plain.npz')), { member: 'base' })).format).toBe('npz')
  await expectError(openVectors(fvecs), 'ERR_FORMAT', /the file is of no format.*one of npy, npz/)
  await expectError(openVectors(fvecs, { format: 'csv' }), 'ERR_ARGUMENT', /format is 'csv'/)
})

test('what cannot be opened is named', async () => {
  await expectError(openVectors('no/such.npy'), 'ERR_NOT_FOUND', /no\/such\.npy is not there/)
  await expectError(openVectors(fixture('npy')), 'ERR_FORMAT', /npy is a folder/)
  await expectError(openVectors(3 as never), 'ERR_ARGUMENT', /the source is 3/)
  await expectError(openVectors(undefined as never), 'ERR_ARGUMENT', /the source is undefined/)
})

test('rows are checked, and a closed file says so', async () => {
  const file = await openVectors(path)
  const read = (options: object): Promise<unknown> => (async () => file.batches(options))()
  await expectError(read({ to: 51 }), 'ERR_ARGUMENT', /to is 51; it must be an integer from 0 to 50/)
  await expectError(read({ from: 5, to: 4 }), 'ERR_ARGUMENT', /from is 5/)
  await expectError(read({ rows: 0 }), 'ERR_ARGUMENT', /rows is 0/)
  await file.close()
  await file.close()
  await expectError(file.readAll(), 'ERR_CLOSED', /was closed/)
})

describe('without a file system', () => {
  afterEach(() => vi.unstubAllGlobals())
  test('a path is refused with what to give instead', async () => {
    vi.stubGlobal('process', undefined)
    await expectError(openVectors('x.npy'), 'ERR_UNSUPPORTED', /no file system here; pass a URL/)
  })
})

describe('http', () => {
  let server: Server
  let origin = ''
  let requests = 0
  const large = new Uint8Array(300_000)
  large.set([0, 0, 0, 0])
  new DataView(large.buffer).setInt32(0, 2999, true)
  new DataView(large.buffer).setInt32(4, 25, true)

  beforeAll(async () => {
    const fbin = large.slice(0, 8 + 2999 * 25 * 4)
    fbin.set([7], fbin.length - 4)
    server = createServer((request, response) => {
      requests++
      const url = new URL(request.url ?? '', 'http://x')
      const body = url.pathname.endsWith('.npy') ? bytes : url.pathname.endsWith('none.fbin') ? new Uint8Array(0) : fbin
      const range = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '')
      if (url.pathname.startsWith('/missing')) return void response.writeHead(404).end()
      if (request.method === 'HEAD') return void response.writeHead(200, { 'content-length': body.length }).end()
      if (!range || url.pathname.startsWith('/whole')) return void response.writeHead(200).end(body)
      const from = Number(range[1])
      if (from >= body.length) return void response.writeHead(416, { 'content-range': `bytes */${body.length}` }).end()
      const part = body.subarray(from, Number(range[2]) + 1)
      const headers = { 'content-range': `bytes ${from}-${from + part.length - 1}/${body.length}` }
      response.writeHead(206, url.pathname.startsWith('/hidden') ? {} : headers).end(part)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => void server.close())

  test.each(['range', 'whole', 'hidden'])(
    'a file is read by range, or whole where the server does so: %s',
    async (kind) => {
      expect(await contents(await openVectors(`${origin}/${kind}/x.npy?token=1`))).toEqual(wanted)
      const file = await openVectors(new URL(`${origin}/${kind}/x.fbin`))
      expect([file.count, file.dim]).toEqual([2999, 25])
      requests = 0
      for await (const { data } of file.batches({ from: 2900 })) expect(data.at(-1)).toBe(Math.fround(7 * 2 ** -149))
      expect(requests).toBe(kind === 'whole' ? 0 : 1)
    },
  )

  test('what is not there, or empty, is named', async () => {
    await expectError(openVectors(`${origin}/missing/x.npy`), 'ERR_NOT_FOUND', /missing\/x\.npy answered 404/)
    await expectError(openVectors(`${origin}/range/none.fbin`), 'ERR_FORMAT', /has 0 bytes/)
    await expectError(openVectors('http://127.0.0.1:1/x.npy'), 'ERR_NOT_FOUND', /cannot be fetched/)
  })
})
