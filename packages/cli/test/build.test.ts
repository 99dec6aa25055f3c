import { existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { writeParquet } from 'fast-ivf/parquet'
import { expect, test } from 'vitest'
import { placesOf } from '../src/sample.js'
import { folder, json, run, runWith, write } from './harness.js'
import { build, DIM, opened, ROWS, vectorOf, vectors, writeFiles } from './indexes.js'

const at = folder()
const files = await writeFiles(at)

test('build makes an index of all vectors, and tells spec, size, bytes and seconds', async () => {
  const report = await build(files.base, at('a.ivf'), '--spec', 'IVF8,SQ4', '--keep', 'f16')
  expect(report).toEqual({
    input: { path: files.base, format: 'npy', dtype: 'float32', count: ROWS, dim: DIM },
    index: {
      ...{ path: at('a.ivf'), spec: 'IVF8,SQ4', metric: 'l2', keep: 'f16', dim: DIM, size: ROWS },
      bytes: statSync(at('a.ivf')).size,
    },
    sample: ROWS,
    calibrated: expect.any(Array),
    seconds: {
      train: expect.any(Number),
      add: expect.any(Number),
      calibrate: expect.any(Number),
      save: expect.any(Number),
    },
  })
  await opened(at('a.ivf'), async (index) => {
    const found = await index.search(vectors, { k: 1, nprobe: 8 })
    expect(Array.from(found.ids).filter((id, i) => id === i).length).toBeGreaterThan(ROWS * 0.99)
  })
  const text = await run('build', files.base, '-o', at('b.ivf'), '--spec', 'Flat', '--threads', '0')
  expect(text.out).toMatch(/^vectors +600 × 12, trained on 600$/m)
})

test('a spec is chosen when none is given', async () => {
  const { index } = await json('build', files.base, '-o', at('default.ivf'), '--threads', '0')
  expect(index).toMatchObject({ metric: 'cosine', size: ROWS, spec: expect.any(String) })
})

test('the same file, spec and seed give the same bytes', async () => {
  for (const name of ['one.ivf', 'two.ivf']) await build(files.base, at(name), '--sample', '300', '--seed', '7')
  await build(files.base, at('three.ivf'), '--sample', '300', '--seed', '8')
  expect(readFileSync(at('one.ivf')).equals(readFileSync(at('two.ivf')))).toBe(true)
  expect(readFileSync(at('one.ivf')).equals(readFileSync(at('three.ivf')))).toBe(false)
})

test('it is trained on a sample, and all vectors are added', async () => {
  const some = await build(files.base, at('sample.ivf'), '--sample', '100')
  const first = await build(files.base, at('first.ivf'), '--sample', '100', '--sample-first')
  for (const report of [some, first]) expect(report).toMatchObject({ sample: 100, index: { size: ROWS } })
  const own = await build(await write(at('head.npy'), vectors.subarray(0, 100 * DIM), DIM), at('head.ivf'))
  expect(own.sample).toBe(100)
  const centroids = (name: string): Promise<Float32Array> => opened(at(name), async (index) => index.centroids)
  expect(await centroids('first.ivf')).toEqual(await centroids('head.ivf'))
  expect(await centroids('sample.ivf')).not.toEqual(await centroids('head.ivf'))
})

test('a sample has as many rows as wanted, from all parts of the file, never beyond its end', () => {
  for (const [count, rows] of [
    [10, 10],
    [10, 50],
    [1000, 999],
    [1000, 257],
    [100_000, 1000],
    [12_345, 7],
  ] as const) {
    const places = placesOf(count, rows, 3)
    expect(places.reduce((sum, { from, to }) => sum + to - from, 0)).toBe(Math.min(rows, count))
    for (const { from, to } of places) expect([from >= 0, to > from, to <= count]).toEqual([true, true, true])
    if (rows < count) expect(places.length).toBe(Math.min(256, rows))
    expect(placesOf(count, rows, 3)).toEqual(places)
  }
})

test('ids come from a file of text: numbers where all lines are, else text', async () => {
  const named = await build(files.base, at('named.ivf'), '--ids', files.names)
  expect(named.index.size).toBe(ROWS)
  expect(await opened(at('named.ivf'), (index) => index.get('№ 17'))).toEqual(vectorOf(17))
  const numbers = Array.from({ length: ROWS }, (_, i) => 3 * i + 1)
  writeFileSync(at('numbers.txt'), numbers.join('\r\n'))
  await build(files.base, at('numbered.ivf'), '--ids', at('numbers.txt'))
  expect(await opened(at('numbered.ivf'), (index) => index.get(4))).toEqual(vectorOf(1))
  for (const [type, id] of [
    ['string', '4'],
    ['bigint', 4n],
  ] as const) {
    await build(files.base, at('typed.ivf'), '--ids', at('numbers.txt'), '--id-type', type)
    expect(await opened(at('typed.ivf'), (index) => index.get(id))).toEqual(vectorOf(1))
  }
  writeFileSync(at('long.txt'), numbers.map((one) => `${one}000000000000000`).join('\n'))
  await build(files.base, at('long.ivf'), '--ids', at('long.txt'))
  expect(await opened(at('long.ivf'), (index) => index.get(4000000000000000n))).toEqual(vectorOf(1))
})

test('ids come from a column of a Parquet file', async () => {
  const [ids, path] = [Array.from({ length: ROWS }, (_, i) => `p${i}`), at('base.parquet')]
  await writeParquet(path, { vectors: { data: vectors, dims: [ROWS, DIM] }, ids })
  await build(path, at('parquet.ivf'), '--ids', 'id')
  expect(await opened(at('parquet.ivf'), (index) => index.get('p77'))).toEqual(vectorOf(77))
  await build(path, at('parquet.ivf'), '--ids', files.names)
  expect(await opened(at('parquet.ivf'), (index) => index.get('№ 5'))).toEqual(vectorOf(5))
  const { code, err } = await run('build', path, '-o', at('x.ivf'), '--ids', 'name')
  expect([code, err]).toEqual([
    1,
    `fast-ivf: name is not there; it was sought as a column of ${path}, which has vector, id, or as a file\n`,
  ])
})

test('when it fails, nothing is written, and an index that is there stays', async () => {
  writeFileSync(at('few.txt'), 'a\nb\n')
  writeFileSync(at('twice.txt'), 'a\n'.repeat(ROWS))
  const twice = at('twice.parquet')
  await writeParquet(twice, { vectors: { data: vectors, dims: [ROWS, DIM] }, ids: new Array(ROWS).fill('a') })
  const nan = vectors.slice()
  nan[500 * DIM] = Number.NaN
  const [bad, cut] = [await write(at('nan.npy'), nan, DIM), await write(at('cut.fvecs'), vectors, DIM)]
  truncateSync(cut, 1000)
  const before = readdirSync(dirname(bad)).sort()
  for (const [args, message] of [
    [[files.base, '--ids', at('few.txt')], `holds 2 ids, ${files.base} 600 vectors; give one for each`],
    [[files.base, '--ids', at('twice.txt')], "ids[1] is 'a', which is given before"],
    [[twice, '--ids', 'id'], `${twice}, from row 0 on: ids[1] is 'a'`],
    [[bad, '--sample', '20', '--sample-first'], 'row 500 of vectors'],
    [[bad], 'NaN'],
    [[cut], 'cut'],
    [[at('missing.npy')], 'missing.npy is not there'],
    [[files.base, '--spec', 'IVF8,SQ5'], 'SQ5'],
    [[files.base, '--spec', 'IVF5000,Flat'], '5000'],
  ] as const) {
    const spec = args.includes('--spec' as never) ? [] : ['--spec', 'IVF4,Flat']
    const { code, out, err } = await run('build', ...args, ...spec, '-o', at('failed.ivf'), '--threads', '0')
    expect([code, out], err).toEqual([1, ''])
    expect(err).toMatch(/^fast-ivf: .*\n$/)
    expect(err).toContain(message)
  }
  const there = await run('build', files.base, '-o', files.names)
  expect(there.err).toBe(`fast-ivf: ${files.names} is there already; give --force to replace it\n`)
  expect(readdirSync(dirname(bad)).sort()).toEqual(before)
})

test('stopped, it writes nothing', async () => {
  const signal = AbortSignal.abort()
  const outcome = await runWith({ signal }, 'build', files.base, '-o', at('stopped.ivf'), '--spec', 'IVF8,SQ4')
  expect(outcome).toEqual({ code: 130, out: '', err: 'fast-ivf: interrupted\n' })
  expect(existsSync(at('stopped.ivf'))).toBe(false)
})

test('what it builds knows how a recall is had', async () => {
  const { calibrated } = await json('build', files.base, '-o', at('known.ivf'), '--spec', 'IVF8,SQ4', '--threads', '0')
  expect(calibrated).toEqual([10, 100])
  const { out } = await run('info', at('known.ivf'))
  expect(out).toMatch(/recall +may be asked for, k up to 100/)
  const { code, err } = await run('search', at('known.ivf'), files.more, '--recall', '0.9')
  expect(code).toBe(0)
  expect(err).not.toMatch('calibrated here')
})
