import { truncateSync, writeFileSync } from 'node:fs'
import { writeVectors } from 'fast-ivf/formats'
import { expect, test } from 'vitest'
import { archive, folder, json, run, write } from './harness.js'

const at = folder()

test('info tells format, size, first values and norms', async () => {
  const path = await write(at('a.fbin'), Float32Array.of(3, 4, 0, 0, 6, 8, 0, 1), 2)
  expect(await json('info', path)).toEqual({
    path,
    format: 'fbin',
    dtype: 'float32',
    count: 4,
    dim: 2,
    bytes: 8 + 32,
    first: [3, 4],
    sample: { rows: 4, nan: 0, infinite: 0, zeroRows: 1, norms: { min: 0, median: 1, max: 10 } },
  })
  const { out } = await run('info', path)
  expect(out).toMatch(/^dtype +float32$/m)
  expect(out).toMatch(/^norms +min 0, median 1, max 10 in all rows$/m)
})

test('info counts NaN and infinite numbers, and leaves their rows out of the norms', async () => {
  const path = await write(at('b.npy'), Float32Array.of(Number.NaN, Number.NaN, 1, 0, Number.POSITIVE_INFINITY, 0), 2)
  const { sample } = await json('info', path)
  expect(sample).toEqual({ rows: 3, nan: 2, infinite: 1, zeroRows: 0, norms: { min: 1, median: 1, max: 1 } })
  expect((await run('info', path)).out).toMatch(/^NaN +2 in all rows, and 1 infinite$/m)
})

test('a sample has as many rows as asked for, from the first to the last', async () => {
  const norms = Float32Array.from({ length: 1000 }, (_, i) => i + 1)
  const path = await write(at('c.fvecs'), norms, 1)
  for (const rows of [1, 7, 16, 100, 999, 1000, 5000]) {
    const { sample } = await json('info', path, '--sample', String(rows))
    expect(sample.rows).toBe(Math.min(rows, 1000))
    expect(sample.norms.min).toBe(1)
    if (rows > 1) expect(sample.norms.max).toBe(1000)
  }
  expect((await run('info', path, '--sample', '100')).out).toContain('in a sample of 100 rows')
})

test('a file without rows has no norms', async () => {
  await writeVectors(at('empty.npy'), [], { dim: 3 })
  const { out, code } = await run('info', at('empty.npy'))
  expect(out).toMatch(/^vectors +0$/m)
  expect(out).toMatch(/^norms +none$/m)
  expect(code).toBe(0)
})

test('an archive of several arrays needs --member', async () => {
  const without = await run('info', archive)
  expect(without.code).toBe(2)
  expect(without.err).toContain("holds 2 arrays ('base', 'ids'); one is needed: name it as --member base; see")
  expect(await json('info', archive, '--member', 'base')).toMatchObject({ format: 'npz', count: 50, dim: 16 })
  expect((await run('info', archive, '--member', 'x')).code).toBe(1)
})

test('a damaged, foreign or missing file is one line, exit code 1', async () => {
  const cut = await write(at('cut.fbin'), new Float32Array(64), 8)
  truncateSync(cut, 100)
  writeFileSync(at('text.txt'), 'these are no vectors')
  for (const path of [cut, at('text.txt'), at('missing.npy'), at('.')]) {
    const { code, out, err } = await run('info', path)
    expect([code, out]).toEqual([1, ''])
    expect(err).toMatch(/^fast-ivf: .*\n$/)
    expect(err).toContain(path)
  }
  expect((await run('info', at('text.txt'))).err).toContain('name it as --format')
  expect((await run('info', at('text.txt'), '--format', 'fbin')).code).toBe(1)
})
