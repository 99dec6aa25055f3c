import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openVectors, toBytes, type Vectors, writeVectors } from '../../src/formats/index.js'
import { contents, expectError, readBytes } from './files.js'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'formats-'))
})
afterAll(() => rm(folder, { recursive: true }))

const three = (): Vectors => ({ data: Float32Array.of(1, 2, 3, 4, 5, 6), dims: [3, 2] })

async function* batches(...parts: Vectors[]): AsyncGenerator<Vectors> {
  yield* parts
}

/** A stream that keeps what it gets. */
function collector(): { stream: WritableStream<Uint8Array>; state: { bytes: number[]; end: string } } {
  const state = { bytes: [] as number[], end: '' }
  const stream = new WritableStream<Uint8Array>({
    write: (chunk) => void state.bytes.push(...chunk),
    close() {
      state.end = 'closed'
    },
    abort() {
      state.end = 'aborted'
    },
  })
  return { stream, state }
}

test.each(['npy', 'npz', 'fvecs', 'fbin', 'jsonl'])(
  'a %s path, a stream and an array get the same bytes',
  async (format) => {
    const path = join(folder, `same.${format}`)
    const written = await writeVectors(path, batches(three(), [[7, 8]], new Float32Array([9, 10])), {
      dtype: 'float32',
      dim: 2,
    })
    const bytes = new Uint8Array(await readFile(path))
    expect(written).toEqual({ count: 5, dim: 2, bytes: bytes.length })
    expect(await readBytes(bytes, format)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    const parts = (): AsyncGenerator<Vectors> => batches(three(), [Float32Array.of(7, 8), Float32Array.of(9, 10)])
    expect(await toBytes(parts(), { format, dtype: 'float32' })).toEqual(bytes)
    const { stream, state } = collector()
    await writeVectors(stream, parts(), { format, dtype: 'float32', count: 5 })
    expect([Uint8Array.from(state.bytes), state.end]).toEqual([bytes, 'closed'])
    expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([])
  },
)

test.each(['npy', 'npz', 'fbin'])('%s to a stream needs the count, unless the vectors tell it', async (format) => {
  const first = collector()
  await expectError(writeVectors(first.stream, batches(three()), { format }), 'ERR_ARGUMENT', /give \{ count \}/)
  expect(first.state.end).toBe('aborted')
  const second = collector()
  await writeVectors(second.stream, three(), { format })
  expect(await readBytes(Uint8Array.from(second.state.bytes), format)).toEqual([1, 2, 3, 4, 5, 6])
  const third = collector()
  await expectError(
    writeVectors(third.stream, batches(three()), { format, count: 4 }),
    'ERR_ARGUMENT',
    /count is 4, but 3 rows/,
  )
})

test('a failure leaves the old file and nothing beside it', async () => {
  const home = await mkdtemp(join(folder, 'old-'))
  const path = join(home, 'x.npy')
  await writeFile(path, 'old')
  async function* failing(): AsyncGenerator<Vectors> {
    yield three()
    throw new Error('the producer failed')
  }
  await expect(writeVectors(path, failing())).rejects.toThrow('the producer failed')
  const ragged = batches(three(), { data: Float32Array.of(1, 2, 3), dims: [1, 3] })
  await expectError(writeVectors(path, ragged), 'ERR_DIM', /row 3 has dim 3, the rows before have 2/)
  const signal = AbortSignal.abort(new Error('enough'))
  await expect(writeVectors(path, three(), { signal })).rejects.toThrow('enough')
  expect(await readdir(home)).toEqual(['x.npy'])
  expect(await readFile(path, 'utf8')).toBe('old')
  await writeVectors(path, three())
  expect(await readBytes(await readFile(path), 'npy')).toEqual([1, 2, 3, 4, 5, 6])
})

test('a link stays a link, and the file it points to is replaced', async () => {
  const target = join(folder, 'target.npy')
  await writeFile(target, 'old')
  await symlink(target, join(folder, 'link.npy'))
  await writeVectors(join(folder, 'link.npy'), three())
  expect(await readBytes(await readFile(target), 'npy')).toHaveLength(6)
})

test('a path that cannot be written is refused', async () => {
  await expectError(writeVectors(join(folder, 'no', 'x.npy'), three()), 'ERR_NOT_FOUND', /x\.npy is not there/)
  await mkdir(join(folder, 'dir.npy'))
  await expectError(writeVectors(join(folder, 'dir.npy'), three()), 'ERR_ARGUMENT', /a folder/)
  await expectError(writeVectors(new URL('http://localhost/x.npy'), three()), 'ERR_UNSUPPORTED', /WritableStream/)
  await expectError(
    writeVectors(join(folder, 'x.what'), three()),
    'ERR_ARGUMENT',
    /no extension of a known format.*npy, npz/,
  )
  await expectError(writeVectors(7 as never, three(), { format: 'npy' }), 'ERR_ARGUMENT', /the target is 7/)
})

test.each([
  [
    { data: Int32Array.of(1, 2, 3, 300), dims: [2, 2] },
    'bvecs',
    undefined,
    'ERR_ARGUMENT',
    /row 1, column 1 holds 300; uint8 holds integers from 0 to 255/,
  ],
  [[[1, 2.5]], 'npy', 'int32', 'ERR_ARGUMENT', /row 0, column 1 holds 2.5/],
  [[[1, Number.NaN]], 'npy', 'int64', 'ERR_NOT_FINITE', /row 0, column 1 holds NaN/],
  [[[1], [2 ** 53]], 'npy', 'int64', 'ERR_ARGUMENT', /row 1, column 0/],
  [[[1e300]], 'fvecs', undefined, 'ERR_ARGUMENT', /float32 holds numbers up to 3.4e38/],
  [[[65520]], 'npy', 'float16', 'ERR_ARGUMENT', /65504/],
  [{ data: Int32Array.of(16777217), dims: [1, 1] }, 'fbin', undefined, 'ERR_ARGUMENT', /integers: exactly/],
  [[[1], [Number.POSITIVE_INFINITY]], 'jsonl', undefined, 'ERR_NOT_FINITE', /row 1 holds Infinity/],
  [[[2]], 'npy', 'bool', 'ERR_ARGUMENT', /bool holds 0 and 1/],
  [[[1]], 'fvecs', 'uint8', 'ERR_ARGUMENT', /dtype is 'uint8'/],
  [[[1, 2], [3]], 'npy', undefined, 'ERR_DIM', /row 1 has 1 numbers, row 0 has 2/],
  [[[]], 'npy', undefined, 'ERR_DIM', /row 0/],
  [[['a']], 'npy', undefined, 'ERR_DIM', /row 0/],
  [[[1], ['a']], 'npy', undefined, 'ERR_ARGUMENT', /row 1 is Array/],
  [[], 'npy', undefined, 'ERR_EMPTY', /give the option dim/],
  [new Float32Array(4), 'npy', undefined, 'ERR_DIM', /option dim/],
  [{ data: new Float32Array(5), dims: [2, 3] }, 'npy', undefined, 'ERR_DIM', /5 numbers, which is not 2 × 3/],
  [{ data: new BigInt64Array(1), dims: [1, 1] }, 'npy', undefined, 'ERR_ARGUMENT', /BigInt64Array/],
  ['text', 'npy', undefined, 'ERR_ARGUMENT', /'text'/],
  [null, 'npy', undefined, 'ERR_ARGUMENT', /null/],
] as const)('vectors that cannot be written as they are: %#', async (vectors, format, dtype, code, message) => {
  const options = dtype ? { format, dtype } : { format }
  await expectError(toBytes(vectors as unknown as Vectors, options), code, message)
})

test('floats round to shorter floats, and keep NaN and Infinity', async () => {
  const odd = [[0.1, Number.NaN, Number.NEGATIVE_INFINITY, 1 / 3]]
  const bytes = await toBytes(odd, { format: 'npy', dtype: 'float32' })
  expect(await readBytes(bytes, 'npy')).toEqual((odd[0] as number[]).map(Math.fround))
})

test("the dtype is the vectors' own where the format has it", async () => {
  const dtypes = []
  for (const data of [new Uint8Array(2), new Int16Array(2), new Float32Array(2), new Float64Array(2)]) {
    dtypes.push((await openVectors(await toBytes({ data, dims: [1, 2] }, { format: 'npy' }))).dtype)
  }
  expect(dtypes).toEqual(['uint8', 'int16', 'float32', 'float64'])
})

test('a file without rows needs its dim, and a format that can say it', async () => {
  for (const format of ['npy', 'npz', 'fbin']) {
    const bytes = await toBytes([], { format, dim: 7 })
    expect(await contents(await openVectors(bytes, { format }))).toEqual({ dims: [0, 7], numbers: [] })
    const none = await toBytes(batches(), { format, dim: 7 })
    expect((await openVectors(none, { format })).dim).toBe(7)
  }
  await expectError(toBytes([], { format: 'fvecs', dim: 7 }), 'ERR_EMPTY', /write npy/)
})

test('an array larger than a block is written whole', async () => {
  const data = Float32Array.from({ length: 3_000_000 }, (_, i) => i % 1000)
  const bytes = await toBytes({ data, dims: [30_000, 100] }, { format: 'npy' })
  const read = (await (await openVectors(bytes)).readAll()).data
  expect(
    Buffer.compare(new Uint8Array(read.buffer, read.byteOffset, read.byteLength), new Uint8Array(data.buffer)),
  ).toBe(0)
})
