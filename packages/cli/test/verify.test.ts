import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { folder, json, run, runWith } from './harness.js'
import { build, DIM, ROWS, writeFiles } from './indexes.js'

const at = folder()
const files = await writeFiles(at)
await build(files.base, at('a.ivf'), '--spec', 'IVF8,SQ4', '--ids', files.names)

test('verify says that a whole file is whole', async () => {
  expect(await json('verify', at('a.ivf'))).toEqual({
    index: at('a.ivf'),
    ok: true,
    size: ROWS,
    damaged: [],
    seconds: expect.any(Number),
  })
  const { out, err } = await run('verify', at('a.ivf'))
  expect([out, err]).toEqual([expect.stringMatching(/: 600 vectors, all as they were written; [\d.]+ s\n$/), ''])
})

test('it tells which parts are damaged, exit code 1', async () => {
  const bytes = readFileSync(at('a.ivf'))
  // Well within the vectors kept beside the codes, the largest part.
  const middle = Math.floor(bytes.length * 0.6)
  bytes[middle] = (bytes[middle] as number) ^ 255
  writeFileSync(at('damaged.ivf'), bytes)
  const { code, out, err } = await run('verify', at('damaged.ivf'))
  expect(code).toBe(1)
  expect(out).toMatch(/^damaged: the vectors kept beside the codes of cell \d of segment 0\n$/)
  expect(err).toBe(`fast-ivf: ${at('damaged.ivf')} is damaged in 1 part; restore it from a copy, or build it again\n`)
  const report = await run('verify', at('damaged.ivf'), '--json')
  expect([report.code, JSON.parse(report.out)]).toMatchObject([1, { ok: false, damaged: [expect.any(String)] }])
})

test('of many damaged parts it tells the first, and how many more there are', async () => {
  await build(files.base, at('many.ivf'), '--spec', 'IVF40,SQ4')
  const bytes = readFileSync(at('many.ivf'))
  bytes.fill(0x5a, Math.floor(bytes.length * 0.2), Math.floor(bytes.length * 0.8))
  writeFileSync(at('many.ivf'), bytes)
  const { out } = await run('verify', at('many.ivf'))
  const lines = out.trimEnd().split('\n')
  expect(lines.length).toBe(21)
  expect(lines.at(-1)).toMatch(/^and \d+ more parts$/)
})

test('what is no index, or ends early, is refused; stopped, it says so', async () => {
  writeFileSync(at('text.ivf'), 'no index, whatever else it may be')
  writeFileSync(at('cut.ivf'), readFileSync(at('a.ivf')))
  truncateSync(at('cut.ivf'), statSync(at('a.ivf')).size - 100)
  for (const path of [at('text.ivf'), at('cut.ivf'), at('missing.ivf'), files.base]) {
    const { code, out, err } = await run('verify', path)
    expect([code, out]).toEqual([1, ''])
    expect(err).toMatch(/^fast-ivf: .*\n$/)
    expect(err).toContain(path)
  }
  expect((await runWith({ signal: AbortSignal.abort() }, 'verify', at('a.ivf'))).code).toBe(130)
})

test('info tells what an index holds, by its name or by what is in it', async () => {
  await run('remove', at('a.ivf'), '№ 1', '№ 2', '-o', at('b.ivf'))
  const report = await json('info', at('b.ivf'))
  const { bytes, cells, ...told } = report
  expect(told).toEqual({
    ...{ path: at('b.ivf'), format: 'index', class: 'IvfIndex', spec: 'IVF8,SQ4', codes: 'SQ4', metric: 'l2' },
    ...{ dim: DIM, size: ROWS - 2, removed: 2, ids: 'string', keep: 'f32', segments: 1 },
  })
  expect(cells).toMatchObject({ count: 8, min: expect.any(Number), median: expect.any(Number) })
  expect(bytes.total).toBe(statSync(at('b.ivf')).size)
  const { out } = await run('info', at('b.ivf'))
  expect(out).toMatch(/^vectors +598, and 2 removed that take room until compact$/m)
  expect(out).toMatch(/^cells +8: min \d+, median \d+, max \d+, \d empty$/m)
  expect(out).toMatch(/^ids +strings$/m)
  writeFileSync(at('bare'), readFileSync(at('b.ivf')))
  expect(await json('info', at('bare'))).toEqual({ ...report, path: at('bare') })
})
