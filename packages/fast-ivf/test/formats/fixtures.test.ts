import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { listMembers, openVectors, toBytes } from '../../src/formats/index.js'
import { contents, expectError, fixture, json } from './files.js'

interface Expected {
  dtype?: string
  shape: [number, number]
  sum: number
  first: number[]
  last: number[]
}

describe.each(['npy', 'vecs'])('files in %s', async (folder) => {
  const expected = Object.entries(await json<Record<string, Expected>>(`${folder}/expected.json`))
  test.each(expected)('%s is read as NumPy reads it', async (name, { dtype, shape, sum, first, last }) => {
    const file = await openVectors(fixture(`${folder}/${name}`))
    expect([file.count, file.dim]).toEqual(shape)
    if (dtype) expect(file.dtype).toBe(dtype)
    const { dims, numbers } = await contents(file)
    expect(dims).toEqual(shape)
    expect(numbers).toHaveLength(shape[0] * shape[1])
    expect(numbers.slice(0, first.length)).toEqual(first)
    expect(numbers.slice(numbers.length - last.length)).toEqual(last)
    expect(numbers.reduce((total, value) => total + value, 0)).toBeCloseTo(sum, 6)
  })
})

test('every half-precision number is read, and written, bit by bit as NumPy does', async () => {
  const file = await openVectors(fixture('npy/numpy_halves.npy'))
  const batch = await file.readAll()
  const bytes = await readFile(fixture('npy/numpy_halves.npy'))
  const bits = new Uint16Array(new Uint8Array(bytes).slice(128).buffer)
  const again = new Uint16Array((await toBytes(batch, { format: 'npy', dtype: 'float16' })).slice(128).buffer)
  for (let i = 0; i < bits.length; i++) {
    const nan = ((bits[i] as number) & 0x7fff) > 0x7c00
    if (nan) expect(batch.data[i]).toBeNaN()
    else expect(again[i]).toBe(bits[i])
  }
  await file.close()
})

test.each(['npy_f4', 'npy_f8', 'npy_u1', 'npy_empty', 'numpy_le_i2', 'numpy_le_u2', 'numpy_i1', 'glove100_100'])(
  '%s.npy is written byte by byte as NumPy writes it',
  async (name) => {
    const path = fixture(`npy/${name}.npy`)
    const file = await openVectors(path)
    const again = await toBytes(file.batches({ rows: 7 }), { format: 'npy', dim: file.dim, dtype: file.dtype })
    expect(Buffer.compare(again, await readFile(path))).toBe(0)
    await file.close()
  },
)

test.each(['siftsmall_query.fvecs', 'siftsmall_groundtruth.ivecs', 'sift400.bvecs'])(
  '%s is written byte by byte as it was',
  async (name) => {
    const path = fixture(`vecs/${name}`)
    const file = await openVectors(path)
    const again = await toBytes(file.batches({ rows: 7 }), { format: file.format })
    expect(Buffer.compare(again, await readFile(path))).toBe(0)
    await file.close()
  },
)

test.each(['npz_plain.npz', 'npz_deflate.npz'])('%s holds the arrays of npy_f4 and npy_i8', async (name) => {
  const path = fixture(`npy/${name}`)
  expect(await listMembers(path)).toEqual(['base', 'ids'])
  for (const [member, twin] of [
    ['base', 'npy_f4.npy'],
    ['ids.npy', 'npy_i8.npy'],
  ] as const) {
    const file = await openVectors(path, { member })
    expect(file.format).toBe('npz')
    const twinFile = await openVectors(fixture(`npy/${twin}`))
    expect(await contents(file)).toEqual(await contents(twinFile))
  }
})

test('deflated rows can be read in any order', async () => {
  const file = await openVectors(fixture('npy/npz_deflate.npz'), { member: 'base' })
  const all = (await file.readAll()).data
  const batches: number[][] = []
  for await (const { data } of file.batches({ rows: 9 })) batches.push(Array.from(data))
  expect(batches.flat()).toEqual(Array.from(all))
  const both = await Promise.all(
    [40, 3].map(async (from) => {
      for await (const { data } of file.batches({ from, rows: 2 })) return Array.from(data)
      return []
    }),
  )
  expect(both).toEqual([40, 3].map((from) => Array.from(all.slice(from * 16, (from + 2) * 16))))
  await file.close()
})

test('an archive of several arrays asks which one, and says which there are', async () => {
  const path = fixture('npy/npz_plain.npz')
  await expectError(openVectors(path), 'ERR_ARGUMENT', /2 arrays \('base', 'ids'\).*member/)
  await expectError(openVectors(path, { member: 'nothing' }), 'ERR_NOT_FOUND', /no array 'nothing'.*'base', 'ids'/)
  await expectError(openVectors(fixture('npy/numpy_empty.npz')), 'ERR_FORMAT', /0 arrays/)
})

test('arrays of three dimensions are refused with the way to save them', async () => {
  await expectError(
    openVectors(fixture('npy/npy_f4_3d.npy')),
    'ERR_FORMAT',
    /\(50, 4, 4\).*reshape\(len\(array\), -1\)/,
  )
})
