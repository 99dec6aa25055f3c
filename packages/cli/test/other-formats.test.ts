import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { openVectors } from 'fast-ivf/formats'
import { openParquet } from 'fast-ivf/parquet'
import { File, ready } from 'h5wasm'
import { expect, test } from 'vitest'
import { clumps, folder, json, run, write } from './harness.js'

const at = folder()
const files = (name: string): string => fileURLToPath(new URL(`../../fast-ivf/test/files/${name}`, import.meta.url))
const annBenchmarks = files('hdf5/annbench_300.hdf5')
const music = files('parquet/tags.parquet')

test('info tells what an HDF5 file holds: of train, or of the dataset that --member names', async () => {
  expect(await json('info', annBenchmarks)).toMatchObject({ format: 'hdf5', dtype: 'float32', count: 300, dim: 128 })
  expect(await json('info', annBenchmarks, '--member', 'neighbors')).toMatchObject({
    dtype: 'int32',
    count: 10,
    dim: 20,
  })
  const missing = await run('info', annBenchmarks, '--member', 'base')
  expect([missing.code, missing.err]).toEqual([
    1,
    expect.stringContaining("holds no dataset 'base'; it holds 'distances'"),
  ])
})

test('a file of several datasets without train needs --member', async () => {
  const { FS } = await ready
  const file = new File('/two.h5', 'w')
  for (const name of ['a', 'b']) file.create_dataset({ name, data: Float32Array.of(1, 2), shape: [1, 2] })
  file.close()
  writeFileSync(at('two.h5'), FS.readFile('/two.h5'))
  const { code, err } = await run('info', at('two.h5'))
  expect([code, err]).toEqual([
    2,
    expect.stringContaining("holds 'a', 'b'; name one of them as --member <dataset>; see"),
  ])
  expect(await json('info', at('two.h5'), '--member', 'b')).toMatchObject({ count: 1, dim: 2 })
})

test('info tells what a Parquet file holds, and which column is meant', async () => {
  expect(await json('info', music, '--sample', '5')).toMatchObject({
    format: 'parquet',
    dtype: 'float64',
    count: 49,
    dim: 384,
  })
  const other = await run('info', music, '--member', 'track')
  expect([other.code, other.err]).toEqual([1, expect.stringContaining("the column 'track'")])
})

test('HDF5 and Parquet are converted to any other format, and are named where extensions do not tell', async () => {
  expect((await json('convert', annBenchmarks, at('train.fbin'))).input).toMatchObject({ format: 'hdf5', count: 300 })
  expect((await run('convert', annBenchmarks, at('test.npy'), '--member', 'test')).code).toBe(0)
  writeFileSync(at('bare'), readFileSync(music))
  expect((await json('convert', at('bare'), at('music.npy'), '--from', 'parquet')).output).toMatchObject({
    count: 49,
    dim: 384,
  })
  const npy = await openVectors(at('music.npy'))
  const parquet = await openParquet(music)
  expect(npy.dtype).toBe('float64')
  expect((await npy.readAll()).data).toEqual((await parquet.vectors.readAll()).data)
  await Promise.all([npy.close(), parquet.close()])
})

test.each([
  ['floats', clumps(300, 12, 5), []],
  ['doubles', new Float64Array(clumps(300, 12, 6)), []],
  ['integers', Int32Array.from({ length: 60 }, (_, i) => i), ['--dtype', 'float32']],
])('%s survive a way through Parquet', async (name, data, back) => {
  const dim = data.length === 60 ? 6 : 12
  const from = await write(at(`${name}.npy`), data, dim)
  const report = await json('convert', from, at(`${name}.parquet`))
  expect(report.output).toEqual({
    path: at(`${name}.parquet`),
    count: data.length / dim,
    dim,
    bytes: expect.any(Number),
  })
  expect(report.output.bytes).toBe(readFileSync(report.output.path).length)
  expect((await run('convert', at(`${name}.parquet`), at(`${name}-back.npy`), ...back)).code).toBe(0)
  const file = await openVectors(at(`${name}-back.npy`))
  expect(Array.from((await file.readAll()).data)).toEqual(Array.from(data))
  await file.close()
})

test('what is not written is refused before anything is', async () => {
  const from = await write(at('some.npy'), clumps(4, 3, 1), 3)
  for (const [to, args, message] of [
    ['b.h5', [], 'HDF5 is not written; B must be one of npy'],
    ['b.parquet', ['--dtype', 'uint8'], '--dtype uint8 is not written to Parquet; float32 and float64 are'],
    ['b.npy', ['--to', 'hdf5'], "argument 'hdf5' is invalid. Allowed choices are npy"],
  ] as const) {
    const { code, err } = await run('convert', from, at(to), ...args)
    expect([code, err]).toEqual([2, expect.stringContaining(message)])
    expect(existsSync(at(to))).toBe(false)
  }
})

test('evaluate takes the parts of an ann-benchmarks file, its truth included', async () => {
  const args = ['--queries', `${annBenchmarks}#test`, '--truth', `${annBenchmarks}#neighbors`, '--metric', 'l2']
  const settings = ['--nlist', '4', '--nprobe', '4', '--single', '0', '--threads', '0']
  const report = await json('evaluate', '--base', annBenchmarks, ...args, ...settings)
  expect(report.base).toMatchObject({ count: 300, dim: 128 })
  expect(report.results[0]).toMatchObject({ nprobe: 4, recall: 1 })
  const wrong = await run('evaluate', '--base', annBenchmarks, '--queries', `${annBenchmarks}#tests`)
  expect([wrong.code, wrong.err]).toEqual([1, expect.stringContaining("no dataset 'tests'")])
})

test('a damaged or foreign file is one line, exit code 1', async () => {
  writeFileSync(at('cut.hdf5'), readFileSync(annBenchmarks).subarray(0, 30000))
  writeFileSync(at('cut.parquet'), readFileSync(music).subarray(0, 30000))
  writeFileSync(at('text.h5'), 'no')
  for (const name of ['cut.hdf5', 'cut.parquet', 'text.h5', 'missing.pq', 'missing.h5']) {
    const { code, out, err } = await run('info', at(name))
    expect([code, out]).toEqual([1, ''])
    expect(err).toMatch(/^fast-ivf: [^\n]*\n$/)
    expect(err).toContain(at(name))
  }
})
