import { existsSync, readdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { pathToFileURL } from 'node:url'
import { openVectors } from 'fast-ivf/formats'
import { expect, test } from 'vitest'
import { archive, clumps, folder, json, run, write } from './harness.js'

const at = folder()

async function read(path: string): Promise<{ dtype: string; dims: number[]; data: number[] }> {
  const file = await openVectors(path)
  const { data, dims } = await file.readAll()
  await file.close()
  return { dtype: file.dtype, dims, data: [...data] }
}

test.each(['npy', 'npz', 'fvecs', 'fbin', 'jsonl'])('floats survive a way through %s', async (format) => {
  const from = await write(at(`floats-${format}.npy`), clumps(300, 12, 5), 12)
  const report = await json('convert', from, at(`floats.${format}`))
  expect(report.input).toEqual({ path: from, format: 'npy', dtype: 'float32', count: 300, dim: 12 })
  expect(report.output).toMatchObject({ path: at(`floats.${format}`), count: 300, dim: 12 })
  expect(report.output.bytes).toBe(readFileSync(report.output.path).length)
  const back = at(`back-${format}.npy`)
  expect(await run('convert', report.output.path, back, '--dtype', 'float32')).toMatchObject({ code: 0, err: '' })
  expect(readFileSync(back).equals(readFileSync(from))).toBe(true)
})

test.each(['ivecs', 'ibin', 'bvecs', 'u8bin', 'i8bin', 'npy'])(
  'small integers survive a way through %s',
  async (format) => {
    const from = await write(
      at(`ints-${format}.npy`),
      Int32Array.from({ length: 60 }, (_, i) => i),
      6,
    )
    expect(await run('convert', from, at(`ints.${format}`))).toMatchObject({ code: 0, err: '' })
    const { dims, data } = await read(at(`ints.${format}`))
    expect([dims, data]).toEqual([[10, 6], Array.from({ length: 60 }, (_, i) => i)])
  },
)

test('npy and npz keep what the file held, also where arrays do not tell it', async () => {
  const from = await write(at('plain.npy'), Float32Array.of(0, 1, 1, 0), 2)
  for (const dtype of ['float16', 'int64', 'bool']) {
    expect((await run('convert', from, at(`${dtype}.npy`), '--dtype', dtype)).code).toBe(0)
    expect((await run('convert', at(`${dtype}.npy`), at(`${dtype}.npz`))).code).toBe(0)
    expect(await read(at(`${dtype}.npz`))).toEqual({ dtype, dims: [2, 2], data: [0, 1, 1, 0] })
  }
})

test('--dtype says how numbers are stored; what would not survive it is refused and nothing written', async () => {
  const from = await write(at('halves.npy'), Float32Array.of(0.5, 1, 2, 3), 2)
  expect((await run('convert', from, at('f2.npy'), '--dtype', 'float16')).code).toBe(0)
  expect(await read(at('f2.npy'))).toEqual({ dtype: 'float16', dims: [2, 2], data: [0.5, 1, 2, 3] })
  const { code, err } = await run('convert', from, at('u1.npy'), '--dtype', 'uint8')
  expect(code).toBe(1)
  expect(err).toContain('row 0, column 0 holds 0.5; uint8 holds integers')
  expect(existsSync(at('u1.npy'))).toBe(false)
})

test('a file that is there stays, unless --force', async () => {
  const from = await write(at('new.npy'), clumps(4, 3, 1), 3)
  writeFileSync(at('old.fbin'), 'old')
  const { code, err } = await run('convert', from, at('old.fbin'))
  expect([code, err]).toEqual([1, `fast-ivf: ${at('old.fbin')} is there already; give --force to replace it\n`])
  expect(readFileSync(at('old.fbin'), 'utf8')).toBe('old')
  expect((await run('convert', from, at('old.fbin'), '--force')).code).toBe(0)
  expect((await read(at('old.fbin'))).dims).toEqual([4, 3])
  symlinkSync(at('nowhere.npy'), at('dangling.npy'))
  for (const there of [at('dangling.npy'), pathToFileURL(at('old.fbin')).href]) {
    expect((await run('convert', from, there)).err).toContain('is there already')
  }
})

test('a file may be converted onto itself', async () => {
  const path = await write(at('self.npy'), Float32Array.of(1, 2, 3, 4), 2)
  expect((await run('convert', path, path, '--force', '--dtype', 'float64')).code).toBe(0)
  expect(await read(path)).toEqual({ dtype: 'float64', dims: [2, 2], data: [1, 2, 3, 4] })
})

test('formats may be named where extensions do not tell', async () => {
  const from = await write(at('named.npy'), clumps(4, 3, 1), 3)
  const without = await run('convert', from, at('vectors'))
  expect(without.code).toBe(2)
  expect(without.err).toContain('give --to <format>, one of npy, npz')
  expect((await run('convert', from, at('vectors'), '--to', 'fbin')).code).toBe(0)
  expect((await run('convert', at('vectors'), at('x.npy'))).err).toContain('name it as --from')
  expect((await run('convert', at('vectors'), at('x.npy'), '--from', 'fbin')).code).toBe(0)
  expect(readFileSync(at('x.npy')).equals(readFileSync(from))).toBe(true)
})

test('one array of an archive', async () => {
  expect((await run('convert', archive, at('base.fbin'), '--member', 'base')).code).toBe(0)
  expect((await read(at('base.fbin'))).dims).toEqual([50, 16])
})

test('when it fails, neither B nor a part of it is left', async () => {
  const cut = await write(at('cut.fvecs'), clumps(10, 4, 2), 4)
  truncateSync(cut, 190)
  const lines = at('lines.jsonl')
  writeFileSync(lines, '[1, 2]\n[3, 4]\n[5, "six"]\n')
  const before = readdirSync(dirname(cut))
  for (const from of [cut, lines, at('none.npy')]) {
    const { code, out, err } = await run('convert', from, at('failed.npy'))
    expect([code, out]).toEqual([1, ''])
    expect(err).toMatch(/^fast-ivf: .*\n$/)
  }
  expect((await run('convert', at('named.npy'), at('no-folder/b.npy'))).code).toBe(1)
  expect(readdirSync(dirname(cut))).toEqual(before)
})
