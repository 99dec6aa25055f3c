import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { type ColumnSource, parquetWriteBuffer } from 'hyparquet-writer'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { IvfError } from '../../src/errors.js'
import { openParquet, type ParquetBatch, type ParquetData, type ParquetFile, writeParquet } from '../../src/parquet.js'
import { expectError, fixture } from './files.js'

const music = fixture('parquet/tags.parquet')
let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fast-ivf-parquet-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function all(file: ParquetFile, options = {}): Promise<ParquetBatch[]> {
  const batches: ParquetBatch[] = []
  try {
    for await (const batch of file.batches(options)) batches.push(batch)
  } finally {
    await file.close()
  }
  return batches
}
const rowsOf = (batches: ParquetBatch[]): number[][] =>
  batches.flatMap(({ vectors, dim, count }) =>
    Array.from({ length: count }, (_, i) => Array.from(vectors.subarray(i * dim, (i + 1) * dim))),
  )
const idsOf = (batches: ParquetBatch[]): unknown[] => batches.flatMap(({ ids }) => ids as unknown[])
const metadataOf = (batches: ParquetBatch[]): unknown[] => batches.flatMap(({ metadata }) => metadata ?? [])

async function bytesOf(data: ParquetData, options = {}): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array<ArrayBuffer>[] = []
  const stream = new WritableStream({ write: (part: Uint8Array<ArrayBuffer>) => void parts.push(part) })
  await writeParquet(stream, data, options)
  return new Uint8Array(await new Blob(parts).arrayBuffer())
}

/** A file as hyparquet-writer makes it: a column `v` of lists of the type, and others. */
function made(
  lists: unknown[],
  { type = 'FLOAT', others = [], ...options }: Record<string, unknown> & { others?: ColumnSource[] } = {},
): Uint8Array {
  const { encoding, ...rest } = options
  const schema = [
    { name: 'root', num_children: 1 + others.length },
    { name: 'v', repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', repetition_type: 'OPTIONAL', ...(typeof type === 'string' ? { type } : (type as object)) },
    ...others.map(({ name, type: other = 'INT64' }) => ({ name, type: other, repetition_type: 'OPTIONAL' })),
  ]
  const columnData = [{ name: 'v', data: lists, encoding }, ...others.map(({ name, data }) => ({ name, data }))]
  return new Uint8Array(parquetWriteBuffer({ schema, columnData, ...rest } as never))
}

describe('a file of columns of every kind', () => {
  test('is read whole: the only column of lists, and columns beside it', async () => {
    const file = await openParquet(music, { id: 'lastfm_url', metadata: ['artist', 'number_of_emotion_tags'] })
    expect([file.count, file.dim, file.vectors.dtype]).toEqual([49, 384, 'float64'])
    expect(file.columns.slice(3)).toEqual([
      { name: 'seeds', type: 'string' },
      { name: 'number_of_emotion_tags', type: 'int64' },
      ...['valence_tags', 'arousal_tags', 'dominance_tags'].map((name) => ({ name, type: 'double' })),
      ...['mbid', 'spotify_id', 'genre', 'text'].map((name) => ({ name, type: 'string' })),
      { name: 'embedding', type: 'list<double>' },
    ])
    const raw = await readFile(music)
    const buffer = raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.length) as ArrayBuffer
    const twin = await parquetReadObjects({ file: buffer })
    const exact = await file.vectors.readAll()
    expect(exact.dims).toEqual([49, 384])
    expect(Array.from(exact.data)).toEqual(twin.flatMap(({ embedding }) => embedding))
    const batches = await all(file, { rows: 10 })
    expect(batches.map(({ count }) => count)).toEqual([10, 10, 10, 10, 9])
    expect(rowsOf(batches)).toEqual(twin.map(({ embedding }) => Array.from(Float32Array.from(embedding))))
    expect(metadataOf(batches)[7]).toEqual({
      artist: twin[7]?.artist,
      number_of_emotion_tags: Number(twin[7]?.number_of_emotion_tags),
    })
    expect(idsOf(batches)).toEqual(twin.map(({ lastfm_url }) => lastfm_url))
  }, 20_000)

  test('is read by ranges over HTTP, a page at a time', async () => {
    const raw = await readFile(music)
    let sent = 0
    const server = createServer((request, response) => {
      const [from = 0, to = 0] = (/(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? []).slice(1).map(Number)
      const part = raw.subarray(from, to + 1)
      sent += part.length
      response.writeHead(206, { 'content-range': `bytes ${from}-${to}/${raw.length}` }).end(part)
    })
    await new Promise<void>((resolve) => server.listen(0, resolve))
    const local = await openParquet(music)
    const file = await openParquet(`http://localhost:${(server.address() as AddressInfo).port}/music.parquet`)
    expect((await file.vectors.readAll()).data).toEqual((await local.vectors.readAll()).data)
    await local.close()
    expect(sent).toBeGreaterThan(raw.length)
    server.close()
  })
})

describe('rows come the same', () => {
  const lists = Array.from({ length: 300 }, (_, i) => [i, i + 0.5, -i])
  test.each([
    ['in one row group', {}],
    ['in many row groups', { rowGroupSize: 7 }],
    ['in small pages', { pageSize: 100 }],
    ['in small pages of many groups', { pageSize: 40, rowGroupSize: 11 }],
    ['without compression', { codec: 'UNCOMPRESSED' }],
    ['plain', { encoding: 'PLAIN' }],
    ['with bytes apart', { encoding: 'BYTE_STREAM_SPLIT' }],
    ['as doubles', { type: 'DOUBLE' }],
    ['as doubles with bytes apart', { type: 'DOUBLE', encoding: 'BYTE_STREAM_SPLIT', pageSize: 300 }],
    ['as halves', { type: { type: 'FIXED_LEN_BYTE_ARRAY', type_length: 2, logical_type: { type: 'FLOAT16' } } }],
  ])('%s, whole, in batches of any size and from anywhere', async (_, options) => {
    const bytes = made(lists, options)
    expect(rowsOf(await all(await openParquet(bytes)))).toEqual(lists)
    const file = await openParquet(bytes)
    expect(Array.from((await file.vectors.readAll()).data)).toEqual(lists.flat())
    const check = fc.asyncProperty(fc.nat(300), fc.nat(300), fc.integer({ min: 1, max: 40 }), async (a, b, rows) => {
      const [from, to] = [Math.min(a, b), Math.max(a, b)]
      const found: number[] = []
      for await (const { data, dims } of file.vectors.batches({ from, to, rows })) {
        expect(dims[0]).toBeLessThanOrEqual(rows)
        found.push(...data)
      }
      expect(found).toEqual(lists.slice(from, to).flat())
    })
    await fc.assert(check, { numRuns: 12, seed: 5 })
    await file.close()
  })

  test('where all values are few, by a dictionary', async () => {
    const few = Array.from({ length: 5000 }, (_, i) => [i % 3, 1, i % 7 === 0 ? 0.25 : 2])
    expect(rowsOf(await all(await openParquet(made(few))))).toEqual(few)
    const same = Array.from({ length: 100 }, () => [1, 1])
    expect(rowsOf(await all(await openParquet(made(same))))).toEqual(same)
  })

  test('by a codec that is given; without it the error says where to get it', async () => {
    const { gzipSync } = await import('node:zlib')
    const bytes = made(lists, { codec: 'GZIP', compressors: { GZIP: (input: Uint8Array) => gzipSync(input) } })
    await expectError(
      openParquet(bytes),
      'ERR_UNSUPPORTED',
      /compressed by GZIP; give \{ compressors \} of .*-compressors/,
    )
    const given = compressors as Record<string, (input: Uint8Array, size: number) => Uint8Array>
    expect(rowsOf(await all(await openParquet(bytes, { compressors: given })))).toEqual(lists)
  })
})

describe('what is written', () => {
  const vectors = Float32Array.from({ length: 40 * 6 }, (_, i) => Math.fround(Math.sin(i)))
  const metadata = Array.from({ length: 40 }, (_, i) => ({
    title: i % 5 === 0 ? null : `title ${i}`,
    year: 1980 + i,
    price: i / 4,
    sold: i % 2 === 0,
    at: new Date(86400000 * i),
    tags: i % 3 === 0 ? ['a', { b: i }] : { c: null },
    ...(i > 20 && { late: 2n ** 60n + BigInt(i) }),
  }))

  test('comes back as it was, by ids, typed metadata and vectors', async () => {
    const path = join(folder, 'all.parquet')
    const written = await writeParquet(path, { vectors, dim: 6, ids: metadata.map((_, i) => `id-${i}`), metadata })
    expect(written).toEqual({ count: 40, dim: 6, bytes: (await readFile(path)).length })
    const names = ['title', 'year', 'price', 'sold', 'at', 'tags', 'late']
    const file = await openParquet(path, { id: 'id', metadata: names })
    expect(file.columns.map(({ type }) => type)).toEqual([
      'list<float>',
      'string',
      'string',
      'int64',
      'double',
      'boolean',
      'timestamp_millis',
      'json',
      'int64',
    ])
    const batches = await all(file, { rows: 7 })
    expect(Array.from(vectors)).toEqual(rowsOf(batches).flat())
    expect(idsOf(batches)).toEqual(metadata.map((_, i) => `id-${i}`))
    expect(metadataOf(batches)).toEqual(
      metadata.map((row) => ({ late: null, ...row })).map(({ late, ...row }) => ({ ...row, late })),
    )
  })

  test('is read by hyparquet alone', async () => {
    const bytes = await bytesOf({ vectors, dim: 6, ids: Array.from({ length: 40 }, (_, i) => i) })
    const rows = await parquetReadObjects({ file: bytes.buffer })
    expect(rows.map(({ id }) => id)).toEqual(Array.from({ length: 40 }, (_, i) => BigInt(i)))
    expect(rows.flatMap(({ vector }) => vector)).toEqual(Array.from(vectors))
  })

  test('comes back whatever its rows and dim are', async () => {
    const row = (dim: number) => fc.array(fc.float({ noNaN: true }), { minLength: dim, maxLength: dim })
    const table = fc.integer({ min: 1, max: 9 }).chain((dim) => fc.array(row(dim), { minLength: 1, maxLength: 30 }))
    const check = fc.asyncProperty(table, async (rows) => {
      expect(rowsOf(await all(await openParquet(await bytesOf({ vectors: rows }))))).toEqual(rows)
    })
    await fc.assert(check, { numRuns: 60, seed: 2 })
  })

  test('may come in batches of any size, and be aborted', async () => {
    async function* batches(): AsyncGenerator<number[][]> {
      for (let i = 0; i < 50; i++) yield Array.from({ length: (i * 7) % 5 }, (_, k) => [i, k])
    }
    const wanted: number[][] = []
    for await (const batch of batches()) wanted.push(...batch)
    expect(rowsOf(await all(await openParquet(await bytesOf({ vectors: batches() }))))).toEqual(wanted)
    const path = join(folder, 'aborted.parquet')
    await writeFile(path, 'old')
    const aborting = new AbortController()
    async function* slow(): AsyncGenerator<number[][]> {
      yield [[1]]
      aborting.abort(new Error('enough'))
      yield [[2]]
    }
    await expect(writeParquet(path, { vectors: slow() }, { signal: aborting.signal })).rejects.toThrow('enough')
    expect(await readFile(path, 'utf8')).toBe('old')
  })

  test('has several row groups where it is large, and columns called as asked', async () => {
    const many = Float32Array.from({ length: 5 * 2 ** 19 }, (_, i) => i % 1000)
    const bytes = await bytesOf(
      { vectors: many, dim: 512, ids: new Int32Array(5 * 2 ** 10).map((_, i) => i) },
      { columns: { vectors: 'emb', id: 'key' } },
    )
    const file = await openParquet(bytes, { vectors: 'emb', id: 'key' })
    const batches = await all(file, { from: 4000, to: 4200 })
    expect(batches.map(({ count }) => count)).toEqual([96, 104])
    expect(idsOf(batches)).toEqual(Array.from({ length: 200 }, (_, i) => 4000 + i))
    expect(batches[0]?.vectors[0]).toBe((4000 * 512) % 1000)
  })

  test('may be doubles, or nothing at all', async () => {
    const doubles = await openParquet(await bytesOf({ vectors: [[Math.PI, 1e300]] }, { dtype: 'float64' }))
    expect(Array.from((await doubles.vectors.readAll()).data)).toEqual([Math.PI, 1e300])
    const empty = await openParquet(await bytesOf({ vectors: [], dim: 3 }))
    expect([empty.count, await all(empty)]).toEqual([0, []])
    await expectError(bytesOf({ vectors: [] }), 'ERR_EMPTY', /no vectors to write; give their dim/)
  })

  test.each([
    ['fewer ids than vectors', { ids: [1] }, 'ERR_ARGUMENT', /2 vectors or more and 1 values of 'id'/],
    ['more metadata than vectors', { metadata: [{ a: 1 }, {}, {}] }, 'ERR_ARGUMENT', /2 vectors and 3 values of 'a'/],
    ['ids that are no integers', { ids: [1, 1.5] }, 'ERR_ID', /the id of row 1 is 1.5/],
    ['ids of several kinds', { ids: ['a', 2] as never }, 'ERR_ID', /the id of row 1 is 2; it must be text/],
    ['ids of more than 64 bits', { ids: [1n, 2n ** 63n] }, 'ERR_ID', /row 1/],
    ['metadata called as the vectors', { metadata: [{ vector: 1 }, {}] }, 'ERR_ARGUMENT', /two columns .* 'vector'/],
    ['metadata that is no object', { metadata: [{}, null] as never }, 'ERR_ARGUMENT', /metadata of row 1 is null/],
    [
      'metadata that JSON cannot tell',
      { metadata: [{ a: [1n] }, {}] },
      'ERR_ARGUMENT',
      /'a' of row 0 is Array, which JSON/,
    ],
    ['numbers that floats do not hold', { vectors: [[1e39], [1]] }, 'ERR_ARGUMENT', /row 0, column 0 holds 1e\+39/],
    ['rows of unequal length', { vectors: [[1, 2], [3]] }, 'ERR_DIM', /row 1 has 1 numbers/],
  ])('%s are refused, and the old file stays', async (_, data, code, message) => {
    const path = join(folder, 'kept.parquet')
    await writeFile(path, 'old')
    await expectError(writeParquet(path, { vectors: [[1], [2]], ...data } as ParquetData), code, message)
    expect(await readFile(path, 'utf8')).toBe('old')
  })
})

describe('ids and columns', () => {
  const lists = [[1], [2], [3]]
  const withIds = (data: unknown[], type = 'INT64', options = {}) =>
    made(lists, { others: [{ name: 'k', data, type } as ColumnSource], ...options })

  test('integers are numbers where all of the file are safe, else bigints in every batch', async () => {
    expect(idsOf(await all(await openParquet(withIds([1n, 2n, -3n]), { id: 'k' })))).toEqual([1, 2, -3])
    const wide = withIds([1n, 2n, 2n ** 60n], 'INT64', { rowGroupSize: 1 })
    expect(idsOf(await all(await openParquet(wide, { id: 'k' })))).toEqual([1n, 2n, 2n ** 60n])
    const untold = withIds([1n, 2n, 2n ** 60n], 'INT64', { statistics: false })
    expect(idsOf(await all(await openParquet(untold, { id: 'k' })))).toEqual([1n, 2n, 2n ** 60n])
  })

  test('an id that is null, or no id, is refused with its row', async () => {
    const read = async (file: Uint8Array) => all(await openParquet(file, { id: 'k', name: 'x' }), { rows: 2 })
    await expectError(read(withIds([1n, 2n, null])), 'ERR_ID', /row 2 has the id null in the column 'k'/)
    await expectError(read(withIds([true, false, true], 'BOOLEAN')), 'ERR_ID', /row 0 has the id boolean/)
  })

  test.each([
    ['null', [[1, 2], null, [5, 6]], /row 1 of the column 'v' of x is null or empty/],
    ['empty', [[1, 2], [3, 4], []], /row 2 of the column 'v' of x is null or empty/],
    [
      'with a null',
      [
        [1, 2],
        [3, 4],
        [5, null],
      ],
      /row 2 of the column 'v' of x holds a null/,
    ],
    ['shorter', [[1, 2], [3, 4], [5]], /row 2 of the column 'v' of x holds 1 numbers, the rows before 2/],
    [
      'longer',
      [
        [1, 2],
        [3, 4, 5],
        [5, 6],
      ],
      /row 1 of the column 'v' of x holds 3 numbers, the rows before 2/,
    ],
  ])('a row that is %s is refused by its number, whatever the groups', async (_, rows, message) => {
    for (const options of [{}, { rowGroupSize: 1 }, { pageSize: 8 }, { rowGroupSize: 2 }]) {
      const read = async () => (await openParquet(made(rows, options), { name: 'x' })).vectors.readAll()
      await expectError(read(), 'ERR_DIM', message)
    }
  })

  test('a column that is not there, or holds no vectors, or one of several, is told', async () => {
    const two = new Uint8Array(
      parquetWriteBuffer({
        schema: [
          { name: 'root', num_children: 3 },
          ...['a', 'b'].flatMap((name) => [
            { name, repetition_type: 'REQUIRED' as const, num_children: 1, converted_type: 'LIST' as const },
            { name: 'list', repetition_type: 'REPEATED' as const, num_children: 1 },
            { name: 'element', type: 'FLOAT' as const, repetition_type: 'REQUIRED' as const },
          ]),
          { name: 'n', type: 'INT32', repetition_type: 'REQUIRED' },
        ],
        columnData: [...['a', 'b'].map((name) => ({ name, data: [[1, 2]] })), { name: 'n', data: Int32Array.of(1) }],
      }),
    )
    await expectError(
      openParquet(two, { name: 'x' }),
      'ERR_ARGUMENT',
      /2 columns of lists of floats \('a', 'b'\); name one as \{ vectors: 'a' \}/,
    )
    expect((await openParquet(two, { vectors: 'b' })).dim).toBe(2)
    await expectError(openParquet(two, { vectors: 'c' }), 'ERR_NOT_FOUND', /no column 'c'; it has 'a', 'b', 'n'/)
    await expectError(
      openParquet(two, { vectors: 'n' }),
      'ERR_ARGUMENT',
      /'n' of the file is of the type int32; list<float>/,
    )
    await expectError(openParquet(two, { vectors: 'a', metadata: ['m'] }), 'ERR_NOT_FOUND', /no column 'm'/)
    const none = new Uint8Array(parquetWriteBuffer({ columnData: [{ name: 'n', data: Int32Array.of(1) }] }))
    await expectError(openParquet(none), 'ERR_FORMAT', /no column of lists of floats; its columns are 'n' \(int32\)/)
  })
})

describe('a file', () => {
  test('that is closed says so; a ByteSource stays its owner’s to close', async () => {
    const raw = new Uint8Array(await readFile(music))
    const source = { size: raw.length, read: async (a: number, b: number) => raw.slice(a, b), close: vi.fn() }
    const file = await openParquet(source)
    await file.vectors.close()
    await expectError(file.vectors.readAll(), 'ERR_CLOSED', /was closed/)
    await file.close()
    await expectError(all(file), 'ERR_CLOSED', /was closed/)
    expect(source.close).not.toHaveBeenCalled()
    await expectError(all(await openParquet(music), { rows: 0 }), 'ERR_ARGUMENT', /rows is 0/)
    await expect(all(await openParquet(music), { signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow('no')
  })

  const read = async (bytes: Uint8Array): Promise<unknown> => {
    const file = await openParquet(bytes, { id: 'k', metadata: ['m'] })
    return all(file)
  }
  const others = [
    { name: 'k', data: [1n, 2n, 3n, 4n] },
    { name: 'm', data: [1.5, 2.5, 3.5, null], type: 'DOUBLE' },
  ] as ColumnSource[]
  const lists = [
    [1, 2, 3],
    [4, 5, 6],
    [7, 8, 9],
    [10, 11, 12],
  ]

  test('cut anywhere is refused', async () => {
    const bytes = made(lists, { others })
    for (let length = 0; length < bytes.length; length++) {
      const error = await read(bytes.slice(0, length)).catch((thrown: unknown) => thrown)
      expect(error, `cut at ${length}`).toMatchObject({ name: 'IvfError', code: 'ERR_FORMAT' })
    }
  })

  test.each([
    ['compressed', {}],
    ['plain', { codec: 'UNCOMPRESSED', encoding: 'PLAIN' }],
  ])('with a changed byte (%s) leads to an error of ours or to rows', async (_, options) => {
    const bytes = made(lists, { others, rowGroupSize: 3, ...options })
    for (let at = 0; at < bytes.length; at++) {
      for (const flip of [1, 0x80, 0xff]) {
        const changed = bytes.slice()
        changed[at] = (changed[at] as number) ^ flip
        const result = await read(changed).catch((error: unknown) => error)
        if (!Array.isArray(result)) expect(result, `byte ${at} ^ ${flip}`).toBeInstanceOf(IvfError)
      }
    }
  })

  test('of another kind, or missing, is told', async () => {
    await expectError(
      openParquet(fixture('npy/npy_f4.npy')),
      'ERR_FORMAT',
      /npy_f4\.npy cannot be read as Parquet: .*PAR1/,
    )
    await expectError(openParquet('none.parquet'), 'ERR_NOT_FOUND', /none\.parquet is not there/)
    await expectError(openParquet(new Uint8Array(0)), 'ERR_FORMAT', /the file cannot be read as Parquet/)
  })
})

test('without the packages the errors name them and how to install them', async () => {
  vi.resetModules()
  for (const name of ['hyparquet', 'hyparquet-writer']) {
    vi.doMock(name, () => {
      throw new Error(`Cannot find package '${name}'`)
    })
  }
  const fresh = await import('../../src/parquet.js')
  const failed = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error)
  expect(await failed(fresh.openParquet(music))).toMatchObject({
    code: 'ERR_UNSUPPORTED',
    message: expect.stringMatching(/npm install hyparquet$/),
  })
  expect(await failed(fresh.writeParquet(join(folder, 'x.parquet'), { vectors: [[1]] }))).toMatchObject({
    code: 'ERR_UNSUPPORTED',
    message: expect.stringMatching(/npm install hyparquet-writer$/),
  })
  vi.doUnmock('hyparquet')
  vi.doUnmock('hyparquet-writer')
})
