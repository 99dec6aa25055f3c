import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openVectors } from 'fast-ivf/formats'
import { openParquet } from 'fast-ivf/parquet'
import { expect, test } from 'vitest'
import { folder, json, run, runWith } from './harness.js'
import { build, DIM, opened, others, ROWS, vectorOf, vectors, writeFiles } from './indexes.js'

const at = folder()
const files = await writeFiles(at)
await build(files.base, at('rows.ivf'))
await build(files.base, at('named.ivf'), '--ids', files.names)
await build(files.base, at('codes.ivf'), '--spec', 'IVF8,SQ4', '--ids', files.names)

const faiss = (name: string): string =>
  fileURLToPath(new URL(`../../fast-ivf/test/files/faiss/${name}`, import.meta.url))
const fixtures = readdirSync(dirname(faiss('x'))).filter((name) => name.endsWith('.faiss'))

const linesOf = (path: string): string[] => readFileSync(path, 'utf8').trimEnd().split('\n')

async function read(path: string): Promise<{ data: Float32Array; dims: number[] }> {
  const file = await openVectors(path)
  const { data, dims } = await file.readAll()
  await file.close()
  return { data: Float32Array.from(data), dims }
}

test.each(['npy', 'npz', 'fvecs', 'fbin', 'jsonl'])(
  'the vectors are exported to %s, in their order',
  async (format) => {
    const report = await json('export', at('rows.ivf'), '-o', at(`out.${format}`))
    expect(report).toEqual({
      index: at('rows.ivf'),
      output: { path: at(`out.${format}`), count: ROWS, dim: DIM, bytes: readFileSync(at(`out.${format}`)).length },
      seconds: expect.any(Number),
    })
    expect(await read(at(`out.${format}`))).toEqual({ data: vectors, dims: [ROWS, DIM] })
    expect(existsSync(at('out.ids.txt'))).toBe(false)
  },
)

test('ids are written beside, one a line, where they are not 0, 1, 2 …; build reads them again', async () => {
  const { ids } = await json('export', at('named.ivf'), '-o', at('named.npy'))
  expect(ids).toBe(at('named.ids.txt'))
  expect(linesOf(ids).sort()).toEqual(linesOf(files.names).sort())
  await build(at('named.npy'), at('again.ivf'), '--ids', ids)
  expect(await opened(at('again.ivf'), (index) => index.get('№ 17'))).toEqual(vectorOf(17))
  await run('remove', at('rows.ivf'), '2', '-o', at('less.ivf'))
  const less = await json('export', at('less.ivf'), '-o', at('less.fvecs'))
  expect(readFileSync(less.ids, 'utf8').split('\n').slice(0, 4)).toEqual(['0', '1', '3', '4'])
  expect((await read(at('less.fvecs'))).data.slice(2 * DIM, 3 * DIM)).toEqual(vectorOf(3))
})

test('Parquet holds the ids too', async () => {
  expect((await json('export', at('named.ivf'), '-o', at('named.parquet'))).ids).toBeUndefined()
  const file = await openParquet(at('named.parquet'), { id: 'id' })
  const found = new Map<unknown, Float32Array>()
  for await (const { ids = [], vectors: own } of file.batches()) {
    ids.forEach((id, i) => {
      found.set(id, own.slice(i * DIM, (i + 1) * DIM))
    })
  }
  expect(found).toEqual(new Map(Array.from({ length: ROWS }, (_, i) => [`№ ${i}`, vectorOf(i).slice()])))
  await file.close()
  await build(at('named.parquet'), at('again.ivf'), '--ids', 'id')
  expect(await opened(at('again.ivf'), (index) => index.get('№ 3'))).toEqual(vectorOf(3))
})

test('of an index of codes the vectors kept beside them are exported', async () => {
  const { ids } = await json('export', at('codes.ivf'), '-o', at('codes.npy'))
  const { data } = await read(at('codes.npy'))
  const names = linesOf(ids)
  expect(names.length).toBe(ROWS)
  for (const [i, name] of names.entries()) {
    expect(data.slice(i * DIM, (i + 1) * DIM)).toEqual(vectorOf(Number(name.slice(2))).slice())
  }
})

test('what is there stays, also the file of ids; when it fails, nothing is written', async () => {
  writeFileSync(at('there.npy'), 'old')
  writeFileSync(at('beside.ids.txt'), 'old')
  writeFileSync(at('odd.txt'), Array.from({ length: ROWS }, (_, i) => `line ${i}\u0000\r${i}`).join('\n'))
  const before = readdirSync(dirname(at('x'))).sort()
  for (const [args, message] of [
    [[at('named.ivf'), '-o', at('there.npy')], 'there.npy is there already; give --force'],
    [[at('named.ivf'), '-o', at('beside.npy')], 'beside.ids.txt is there already; give --force'],
    [[at('named.ivf'), '-o', at('x.bvecs')], 'uint8'],
    [[at('missing.ivf'), '-o', at('x.npy')], 'missing.ivf is not there'],
    [[files.base, '-o', at('x.npy')], files.base],
    [[at('named.ivf'), '-o', at('no-folder/x.npy')], 'no-folder'],
  ] as const) {
    const { code, out, err } = await run('export', ...args)
    expect([code, out], err).toEqual([1, ''])
    expect(err).toMatch(/^fast-ivf: .*\n$/)
    expect(err).toContain(message)
  }
  const stopped = await runWith({ signal: AbortSignal.abort() }, 'export', at('named.ivf'), '-o', at('x.npy'))
  expect(stopped.code).toBe(130)
  expect(readdirSync(dirname(at('x'))).sort()).toEqual(before)
  await build(files.base, at('odd.ivf'), '--ids', at('odd.txt'))
  const odd = await run('export', at('odd.ivf'), '-o', at('odd.npy'))
  expect([odd.code, odd.err]).toEqual([1, expect.stringContaining('does not fit a line of text; export to .parquet')])
  expect(existsSync(at('odd.npy'))).toBe(false)
})

test('a faiss file becomes an index, which info and search know', async () => {
  const name = fixtures.find((each) => /ivf.*flat/i.test(each)) ?? (fixtures[0] as string)
  const told = await json('info', faiss(name))
  expect(told).toMatchObject({ format: 'faiss', metric: expect.stringMatching(/^(l2|ip|cosine)$/) })
  const report = await json('import', faiss(name), '-o', at('imported.ivf'))
  const { spec, metric, dim, size } = told
  expect(report.index).toMatchObject({ path: at('imported.ivf'), spec, metric, dim, size })
  expect(await json('info', at('imported.ivf'))).toMatchObject({
    format: 'index',
    spec,
    metric,
    dim,
    size,
    ids: expect.any(String),
  })
  const query = JSON.stringify(Array.from({ length: dim }, (_, i) => Math.sin(i)))
  expect((await run('search', at('imported.ivf'), query, '-k', '3')).out.trimEnd().split('\n').length).toBe(3)
  expect((await run('import', faiss(name), '-o', at('imported.ivf'))).err).toContain('give --force to replace it')
})

test('a file that is none of faiss is refused, and nothing is written', async () => {
  for (const path of [files.base, at('rows.ivf'), at('missing.faiss')]) {
    const { code, out, err } = await run('import', path, '-o', at('none.ivf'))
    expect([code, out]).toEqual([1, ''])
    expect(err).toMatch(/^fast-ivf: .*\n$/)
    expect(err).toContain(path)
  }
  expect(existsSync(at('none.ivf'))).toBe(false)
})

test('an index goes to faiss and comes back with the same answers', async () => {
  await json('export', at('rows.ivf'), '-o', at('out.faiss'))
  await json('import', at('out.faiss'), '-o', at('back.ivf'))
  const answers = async (path: string): Promise<unknown> =>
    opened(path, async (index) => Array.from((await index.search(others, { k: 5, nprobe: 8 })).ids))
  expect(await answers(at('back.ivf'))).toEqual(await answers(at('rows.ivf')))
})

test('ids of text are lines of a file beside that of faiss, whose ids are the numbers of the lines', async () => {
  const { ids } = await json('export', at('named.ivf'), '-o', at('lines.faiss'), '--nprobe', '5')
  expect(linesOf(ids).sort()).toEqual(linesOf(files.names).sort())
  expect((await json('import', at('lines.faiss'), '-o', at('lines.ivf'))).index).toMatchObject({
    size: ROWS,
    nprobe: 5,
  })
  const names = linesOf(ids)
  for (const i of [0, 17, 599]) {
    expect(await opened(at('lines.ivf'), (index) => index.get(names.indexOf(`№ ${i}`)))).toEqual(vectorOf(i))
  }
})

test('codes that faiss does not have are exported as asked for', async () => {
  await json('export', at('codes.ivf'), '-o', at('flat.faiss'), '--as', 'flat')
  expect((await json('info', at('flat.faiss'))).spec).toContain('Flat')
  const { code, err } = await run('export', at('codes.ivf'), '-o', at('flat.npy'), '--as', 'flat')
  expect([code, err]).toEqual([2, expect.stringContaining('--as is of faiss files; give -o <file>.faiss')])
})
