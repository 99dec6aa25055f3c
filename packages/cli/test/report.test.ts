import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { exactSearch } from 'fast-ivf'
import { beforeAll, expect, test } from 'vitest'
import { noteChanges } from '../src/report/measure-index.js'
import { defaultSpecs } from '../src/report/specs.js'
import { count } from '../src/text.js'
import { clumps, folder, json, run, runWith, write } from './harness.js'

const [ROWS, DIM, QUERIES, K] = [800, 16, 40, 5]
const at = folder()
const files = [at('base.fbin'), at('queries.npy')]
const small = ['--k', String(K), '--recall', '0.9', '--threads', '0', '--metric', 'l2']
const alone = ['--peers', 'none']
const specs = ['--spec', 'IVF4,Flat', 'IVF4,SQ4']

beforeAll(async () => {
  const [base, queries] = [clumps(ROWS, DIM, 3), clumps(QUERIES, DIM, 4)]
  await write(at('base.fbin'), base, DIM)
  await write(at('queries.npy'), queries, DIM)
  const { ids } = await exactSearch(base, queries, { k: K, metric: 'l2', dim: DIM })
  await write(at('truth.ibin'), Int32Array.from(ids), K)
  await write(at('wide.fbin'), new Float32Array(2 * DIM + 2).fill(1), DIM + 1)
  mkdirSync(at('folder'))
  writeFileSync(at('there.html'), 'mine')
})

test('a page has every picture and the numbers of its run, which --json tells, and loads nothing', async () => {
  const out = at('page.html')
  const report = await json('report', ...files, at('truth.ibin'), ...small, ...alone, ...specs, '--out', out)
  const page = readFileSync(out, 'utf8')
  expect(report.page).toEqual({ path: out, bytes: Buffer.byteLength(page) })
  expect(report.set).toMatchObject({ name: 'base.fbin', count: ROWS, dim: DIM, queries: QUERIES, metric: 'l2', k: K })
  expect(report.indexes.map((index: { spec: string }) => index.spec)).toEqual(['IVF4,Flat', 'IVF4,SQ4'])
  for (const { spec, points, asked, cellSizes, convergence, bytesPerVector, peakBytes } of report.indexes) {
    expect(points.map((point: { nprobe: number }) => point.nprobe)[0]).toBe(1)
    expect(points.at(-1).recall).toBeGreaterThan(0.95)
    for (const { qps, recall, alone } of points) {
      expect(page).toContain(`<td>${spec}</td>`)
      expect(page).toContain(`<td>${recall.toFixed(4)}</td>`)
      expect(page).toContain(`<td>${count(qps)}</td>`)
      expect(page).toContain(`<td>${alone.p99.toFixed(3)}</td>`)
    }
    expect(asked).toHaveLength(1)
    const [{ target, delivered, certified, lower, fixed }] = asked
    expect(target).toBe(0.9)
    expect(delivered).toBeGreaterThan(0.8)
    expect(lower).toBeLessThanOrEqual(certified)
    expect(fixed.recall).toBeGreaterThanOrEqual(delivered)
    expect(page).toContain(`<td>${delivered.toFixed(3).replace(/^0/, '')}</td>`)
    expect(cellSizes.reduce((sum: number, size: number) => sum + size, 0)).toBe(ROWS)
    expect(convergence.length).toBeGreaterThan(3)
    expect(page).toContain(`<td>${count(bytesPerVector)}</td>`)
    expect(peakBytes).toBeGreaterThan(0)
  }
  expect(report.scores.errorAfter).toBeLessThanOrEqual(report.scores.errorBefore * 1.5)
  expect(report.scores.before).toHaveLength(report.scores.after.length)
  // speed 1, asked 2, convergence 2, cells 2, scores 2, costs 3
  expect(page.match(/<svg/g)).toHaveLength(12)
  expect(page.match(/<h2/g)).toHaveLength(7)
  expect(page).not.toMatch(/https?:|NaN|undefined|Infinity|(?:src|href)=|<script|<link|@import|url\(/)
  expect(page).toContain('prefers-color-scheme: dark')
  const { cpu, node, version, runtime } = report.place
  for (const told of [cpu, `Node ${node}`, `fast-ivf ${version}`, `${runtime.simd} SIMD`]) expect(page).toContain(told)
  expect(page).not.toContain(at(''))
})

test('without files vectors are made up; queries are taken out of them; faiss is asked, or said to be absent', async () => {
  const out = at('made-up.html')
  const { code, out: told, err } = await run('report', '--limit', '400', ...small, '--spec', 'IVF4,SQ1', '--out', out)
  expect([code, err]).toEqual([0, expect.not.stringContaining('fast-ivf:')])
  expect(told).toMatch(/^page +.*made-up\.html, /m)
  expect(told).toMatch(/^vectors +made-up vectors: 360 × 96, l2; 40 queries, made up by chance/m)
  expect(told).toMatch(/^faiss +(\d+\.\d+\.\d+|not compared: )/m)
  expect(told).toMatch(/^IVF4,SQ1 +\.90 /m)
  expect(readFileSync(out, 'utf8')).toMatch(/faiss \d+\.\d+\.\d+ was asked the same|faiss is not compared/)
})

test.each([
  [['--out', 'folder'], 2, 'a folder; name a file in it; see fast-ivf report --help'],
  [['--out', 'nowhere.d/page.html'], 2, "there is no folder '"],
  [['--out', 'there.html'], 1, 'there.html is there already; give --force to replace it'],
  [['--recall', '1.5'], 2, 'a number from 0.5 to 1'],
  [['--peers', 'annoy'], 2, 'Allowed choices are faiss, none'],
  [['--metric', 'cos'], 2, 'Allowed choices are cosine, ip, l2'],
  [['--spec', 'IVF8,SQ4', 'IVF8,SQ3'], 1, 'SQ3'],
  [['--spec', 'IVF8,SQ4', 'IVF2000s,SQ4'], 1, '2000'],
])('%j is refused before anything is measured', async (args, wanted, message) => {
  const named = args.map((arg) => (/^(folder|nowhere|there)/.test(arg) ? at(arg) : arg))
  const { code, out, err } = await run('report', ...files, ...alone, '--out', at('new.html'), ...named)
  expect(err).toContain(message)
  expect(err).toMatch(/^fast-ivf: .*\n$/)
  expect([code, out]).toEqual([wanted, ''])
  expect(readFileSync(at('there.html'), 'utf8')).toBe('mine')
  expect(() => readFileSync(at('new.html'))).toThrow('ENOENT')
})

test.each([
  [['nothing.npy'], 'ERR_NOT_FOUND'],
  [['base.fbin', 'wide.fbin'], 'ERR_DIM'],
  [['base.fbin', 'queries.npy', 'wide.fbin'], 'ERR_FORMAT'],
])('files that do not do, %j, have codes', async (names, code) => {
  const outcome = await run('report', ...names.map(at), ...alone, '--out', at('new.html'), '--json')
  expect(outcome.code).toBe(1)
  expect(JSON.parse(outcome.out).error.code).toBe(code)
})

test('an error of a process that measures is told with its code, and the index it was of', async () => {
  const data = clumps(40, DIM, 5).fill(Number.NaN, DIM, DIM + 1)
  await write(at('nan.fbin'), data, DIM)
  const args = [at('nan.fbin'), at('queries.npy'), at('small.ibin')]
  await write(at('small.ibin'), new Int32Array(QUERIES * K), K)
  const outcome = await run(
    'report',
    ...args,
    ...small,
    ...alone,
    '--spec',
    'IVF4,Flat',
    '--out',
    at('new.html'),
    '--json',
  )
  expect(outcome.code).toBe(1)
  const { code, message } = JSON.parse(outcome.out).error
  expect([code, message]).toEqual(['ERR_NOT_FINITE', expect.stringContaining('IVF4,Flat: ')])
})

test('an abort ends it with exit code 130, and nothing is written', async () => {
  const aborting = new AbortController()
  setTimeout(() => aborting.abort(), 300)
  const args = ['report', ...files, ...small, ...alone, '--out', at('new.html')]
  const { code, err } = await runWith({ signal: aborting.signal }, ...args)
  expect([code, err]).toEqual([130, 'fast-ivf: interrupted\n'])
  expect(() => readFileSync(at('new.html'))).toThrow('ENOENT')
})

test('without --spec the cells are a power of two near 4 √n, and subvectors divide the dim', () => {
  expect(defaultSpecs(50_000, 96)).toEqual([
    ...['IVF1024,Flat', 'IVF1024,SQ8', 'IVF1024,SQ4', 'IVF1024s,SQ4', 'IVF1024,SQ1', 'IVF1024,PQ24x4,R16'],
  ])
  expect(defaultSpecs(290_000, 256)).toContain('IVF2048,PQ64x4,R16')
  expect(defaultSpecs(100, 3)).toEqual(['IVF32,Flat', 'IVF32,SQ8', 'IVF32,SQ4', 'IVF32s,SQ4', 'IVF32,SQ1'])
  expect(defaultSpecs(3, 1)[0]).toBe('IVF2,Flat')
})

test('of several k-means one after another the first is followed: that of the cells', () => {
  const changes: number[] = []
  const note = noteChanges(changes)
  const steps = (deltas: number[]): void =>
    deltas.forEach((delta, i) => note({ phase: 'train', done: i + 1, total: deltas.length, delta }))
  steps([1, 0.5, 0.2])
  note({ phase: 'assign', done: 1, total: 2 })
  steps([0.9, 0.8, 0.7, 0.6, 0.5])
  expect(changes).toEqual([1, 0.5, 0.2])
})
