import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import h5wasm from 'h5wasm'
import { describe, expect, test, vi } from 'vitest'
import { IvfError } from '../../src/errors.js'
import { annBenchmarks, openHdf5 } from '../../src/hdf5.js'
import { exactSearch } from '../../src/index.js'
import { contents, expectError, fixture } from './files.js'

const path = fixture('hdf5/annbench_300.hdf5')
const bytes = new Uint8Array(await readFile(path))

/** The bytes of an HDF5 file that h5wasm writes. */
async function written(fill: (file: InstanceType<typeof h5wasm.File>) => void): Promise<Uint8Array> {
  const { FS } = await h5wasm.ready
  const file = new h5wasm.File('/written', 'w')
  fill(file)
  file.close()
  return FS.readFile('/written').slice()
}

const small = await written((file) => {
  const floats = Float32Array.from({ length: 12 }, (_, i) => i / 2)
  file.create_dataset({ name: 'floats', data: floats, shape: [4, 3] })
  file.create_dataset({ name: 'zipped', data: floats, shape: [4, 3], chunks: [2, 3], compression: 9 })
  file.create_dataset({ name: 'doubles', data: new Float64Array(floats), shape: [4, 3] })
  file.create_dataset({ name: 'bytes', data: Uint8Array.of(1, 2, 250, 4), shape: [2, 2] })
  file.create_dataset({ name: 'one', data: Int16Array.of(-1, 2, 3) })
  file.create_dataset({ name: 'cube', data: floats, shape: [2, 2, 3] })
  file.create_dataset({ name: 'words', data: ['a', 'bc'] })
  file.create_dataset({ name: 'wide', data: BigInt64Array.of(1n, -(2n ** 40n)), shape: [2, 1] })
  file.create_dataset({ name: 'wider', data: BigInt64Array.of(1n, 2n ** 60n), shape: [2, 1] })
  file.create_group('deep').create_dataset({ name: 'rows', data: floats, shape: [6, 2] })
  file.create_soft_link('/nowhere', 'broken')
  file.create_soft_link('/floats', 'linked')
})

describe('an ann-benchmarks file', () => {
  test('gives vectors, queries, the truth and its metric, which agree', async () => {
    const { train, test: queries, neighbors, distances, metric, close } = await annBenchmarks(path)
    expect([train, queries, neighbors, distances].map(({ count, dim, dtype }) => [count, dim, dtype])).toEqual([
      [300, 128, 'float32'],
      [10, 128, 'float32'],
      [10, 20, 'int32'],
      [10, 20, 'float32'],
    ])
    expect(metric).toBe('l2')
    const { ids } = await exactSearch(await train.readAll(), await queries.readAll(), { k: 20, metric, threads: 0 })
    expect([...ids]).toEqual([...(await neighbors.readAll()).data])
    await close()
  })

  test.each([
    ['angular', 'cosine'],
    ['dot', 'ip'],
    ['euclidean', 'l2'],
  ])('of the distance %s is of the metric %s', async (distance, metric) => {
    const file = await written((made) => {
      for (const name of ['train', 'test', 'neighbors', 'distances']) {
        made.create_dataset({ name, data: Float32Array.of(1, 2), shape: [1, 2] })
      }
      made.create_attribute('distance', distance)
    })
    expect((await annBenchmarks(file)).metric).toBe(metric)
  })

  test('of another distance, or without one of its parts, is refused by name', async () => {
    const parts = (...names: string[]) =>
      written((made) => {
        for (const name of names) made.create_dataset({ name, data: Float32Array.of(1, 2), shape: [1, 2] })
        if (names.length !== 4) return
        made.create_attribute('distance', 'hamming')
      })
    await expectError(annBenchmarks(await parts('train')), 'ERR_FORMAT', /no dataset 'test' \('train' \(1 × 2\)\)/)
    const whole = await parts('train', 'test', 'neighbors', 'distances')
    await expectError(annBenchmarks(whole), 'ERR_UNSUPPORTED', /the distance 'hamming'; angular, euclidean and dot/)
    await expectError(
      annBenchmarks(await parts('train', 'test', 'neighbors', 'distances', 'x')),
      'ERR_FORMAT',
      /no attr/,
    )
  })
})

test('datasets are listed with shape and dtype, in groups too', async () => {
  const file = await openHdf5(small)
  expect(
    Object.fromEntries(file.datasets.map(({ name, shape, dtype }) => [name, [...shape, dtype].join(' ')])),
  ).toEqual({
    floats: '4 3 float32',
    zipped: '4 3 float32',
    doubles: '4 3 float64',
    bytes: '2 2 uint8',
    one: '3 int16',
    cube: '2 2 3 float32',
    words: '2 other',
    wide: '2 1 int64',
    wider: '2 1 int64',
    'deep/rows': '6 2 float32',
    ...(file.datasets.some(({ name }) => name === 'linked') && { linked: '4 3 float32' }),
  })
  await file.close()
})

test('rows come as what they are, compressed or not, by slices and whole', async () => {
  const file = await openHdf5(small)
  const floats = Array.from({ length: 12 }, (_, i) => i / 2)
  for (const [name, numbers] of Object.entries({
    floats,
    zipped: floats,
    doubles: floats,
    bytes: [1, 2, 250, 4],
    one: [-1, 2, 3],
    wide: [1, -(2 ** 40)],
    'deep/rows': floats,
    '/deep/rows': floats,
  })) {
    const vectors = file.vectors(name)
    expect((await contents(vectors)).numbers).toEqual(numbers)
    const slices: number[] = []
    for await (const { data } of file.vectors(name).batches({ rows: 1, from: vectors.count > 1 ? 1 : 0 })) {
      slices.push(...data)
    }
    expect(slices).toEqual(numbers.slice(vectors.count > 1 ? vectors.dim : 0))
  }
  expect((await file.vectors('floats').readAll()).data).toBeInstanceOf(Float32Array)
  expect((await file.vectors('doubles').readAll()).data).toBeInstanceOf(Float64Array)
  await file.close()
})

test('the same rows come from a path, a URL of it, bytes, a Blob and a ByteSource, side by side', async () => {
  const source = { size: bytes.length, read: async (a: number, b: number) => bytes.slice(a, b), close: vi.fn() }
  const inputs = [path, new URL(`file://${path}`), bytes, bytes.buffer as ArrayBuffer, new Blob([bytes]), source]
  const files = await Promise.all(inputs.map((input) => openHdf5(input)))
  const all = await Promise.all(files.map((file) => file.vectors('train').readAll()))
  for (const { dims, data } of all) {
    expect(dims).toEqual([300, 128])
    expect(data).toEqual(all[0]?.data)
  }
  await Promise.all(files.map((file) => file.close()))
  expect(source.close).not.toHaveBeenCalled()
})

test('more rows than go through at once are put together', async () => {
  const data = Float32Array.from({ length: 5 * 2 ** 20 }, (_, i) => i)
  const file = await openHdf5(
    await written((made) => made.create_dataset({ name: 'x', data, shape: [5 * 2 ** 10, 1024] })),
  )
  const all = (await file.vectors('x').readAll()).data
  expect(all.length === data.length && all.every((value, i) => value === i)).toBe(true)
  await file.close()
})

test('what is no rows of numbers is refused by name', async () => {
  const file = await openHdf5(small, { name: 'a.h5' })
  const open = async (name: string) => file.vectors(name).readAll()
  await expectError(open('cube'), 'ERR_FORMAT', /a\.h5 has the shape \(2, 2, 3\) in 'cube'; rows × dim/)
  await expectError(open('words'), 'ERR_FORMAT', /'words'/)
  await expectError(open('none'), 'ERR_NOT_FOUND', /a\.h5 holds no dataset 'none'; it holds .*'floats' \(4 × 3\)/)
  await expectError(open('wider'), 'ERR_FORMAT', /row 1 holds an int64 of about/)
  const floats = file.vectors('floats')
  await file.close()
  await file.close()
  await expectError(floats.readAll(), 'ERR_CLOSED', /a\.h5 was closed/)
})

describe('a damaged file', () => {
  const printed = vi.spyOn(console, 'error')
  const read = async (damaged: Uint8Array): Promise<unknown> => {
    const file = await openHdf5(damaged)
    try {
      for (const { name, dtype, shape } of file.datasets) {
        if (dtype !== 'other' && shape.length < 3) await file.vectors(name).readAll()
      }
    } finally {
      await file.close()
    }
    return undefined
  }

  test('is told from one that is missing and one of another kind', async () => {
    await expectError(openHdf5(fixture('npy/npy_f4.npy')), 'ERR_FORMAT', /npy_f4\.npy is no HDF5 file/)
    await expectError(openHdf5('none.h5'), 'ERR_NOT_FOUND', /none\.h5 is not there/)
    await expectError(openHdf5(new Uint8Array(0)), 'ERR_FORMAT', /the file is no HDF5 file/)
  })

  test('cut anywhere is refused, with the cause and without a word printed', async () => {
    for (let length = 8; length < small.length; length += 997) {
      const error = await read(small.slice(0, length)).catch((thrown: unknown) => thrown)
      expect(error, `cut at ${length}`).toMatchObject({ code: 'ERR_FORMAT', cause: expect.any(Error) })
      expect((error as Error).message).toMatch(/cannot be read as HDF5: .{5,}; was it/)
    }
    expect(printed).not.toHaveBeenCalled()
  })

  test('cut and at a path is refused too', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fast-ivf-hdf5-'))
    await writeFile(join(folder, 'cut.h5'), small.subarray(0, 5000))
    await expectError(openHdf5(join(folder, 'cut.h5')), 'ERR_FORMAT', /cut\.h5 cannot be read as HDF5: truncated file/)
    await rm(folder, { recursive: true })
    expect(printed).not.toHaveBeenCalled()
  })

  test('with a changed byte leads to an error of ours or to numbers', async () => {
    for (let at = 0; at < small.length; at += 13) {
      const changed = small.slice()
      changed[at] = (changed[at] as number) ^ 0xff
      const error = await read(changed).catch((thrown: unknown) => thrown)
      if (error !== undefined) expect(error, `byte ${at}`).toBeInstanceOf(IvfError)
    }
    expect(printed).not.toHaveBeenCalled()
    expect(await read(small).catch((error: unknown) => (error as { code: string }).code)).toBe('ERR_FORMAT') // 'wider'
  })
})

test('without h5wasm the error names it and how to install it', async () => {
  vi.resetModules()
  vi.doMock('h5wasm', () => {
    throw new Error("Cannot find package 'h5wasm'")
  })
  const fresh = await import('../../src/hdf5.js')
  const error: unknown = await fresh.openHdf5(bytes).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'ERR_UNSUPPORTED', message: expect.stringContaining('npm install h5wasm') })
  vi.doUnmock('h5wasm')
})
