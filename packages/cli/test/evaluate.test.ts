import { exactSearch } from 'fast-ivf'
import { writeVectors } from 'fast-ivf/formats'
import { beforeAll, expect, test } from 'vitest'
import { main } from '../src/main.js'
import { Captured, clumps, folder, json, run, write } from './harness.js'

const [ROWS, DIM, QUERIES, NLIST] = [2000, 16, 50, 20]
const at = folder()
const base = clumps(ROWS, DIM, 3)
const queries = clumps(QUERIES, DIM, 4)
const files = ['--base', at('base.fbin'), '--queries', at('queries.npy')]
const small = [...files, '--nlist', String(NLIST), '--single', '20', '--threads', '0']

beforeAll(async () => {
  await write(at('base.fbin'), base, DIM)
  await write(at('queries.npy'), queries, DIM)
  const { ids } = await exactSearch(base, queries, { k: 20, metric: 'l2', dim: DIM })
  await write(at('truth.ibin'), Int32Array.from(ids), 20)
  await write(at('truth.npy'), ids, 20)
})

test('visiting every cell finds everything, whatever the metric', async () => {
  for (const metric of ['cosine', 'ip', 'l2']) {
    const nprobe = `1,${NLIST}`
    const report = await json('evaluate', ...small, '--metric', metric, '--nprobe', nprobe, '--ratio-threshold', '0')
    expect(report.results.map((row: { nprobe: number }) => row.nprobe)).toEqual([1, NLIST])
    expect(report.results[1]).toMatchObject({ recall: 1, recall1: 1, vectorsPerQuery: ROWS, cellsPerQuery: NLIST })
    expect(report.results[0].recall).toBeLessThan(1)
    expect(report.truth).toEqual({ source: 'exact search', k: 10, seconds: expect.any(Number) })
  }
})

test('the report holds what was asked, what was built and what it cost', async () => {
  const report = await json('evaluate', ...small, '--metric', 'l2', '--nprobe', '4', '--seed', '7', '--k', '5')
  expect(report).toMatchObject({
    base: { path: at('base.fbin'), count: ROWS, dim: DIM, dtype: 'float32' },
    queries: { path: at('queries.npy'), count: QUERIES },
    truth: { k: 5 },
    settings: { metric: 'l2', nlist: NLIST, k: 5, seed: 7, ratioThreshold: 0, singles: 20 },
    runtime: { threads: 0, revectorized: false },
  })
  expect(report.bytesPerVector).toBeCloseTo(report.indexBytes / ROWS)
  expect(report.bytesPerVector).toBeGreaterThan(DIM * 4)
  expect(report.build.trainSeconds).toBeGreaterThan(0)
  expect(report.build.addSeconds).toBeGreaterThan(0)
  const [{ qps, singleMs }] = report.results
  expect(qps).toBeGreaterThan(0)
  expect(singleMs.p50).toBeLessThanOrEqual(singleMs.p95)
  expect(singleMs.p95).toBeLessThanOrEqual(singleMs.p99)
})

test('the table has a line for each nprobe', async () => {
  const { code, out, err } = await run('evaluate', ...small, '--nprobe', '1,4,16', '--k', '7')
  expect(code).toBe(0)
  expect(err).toBe('fast-ivf: no --truth was given: the true answers come from an exact search here\n')
  expect(out).toMatch(/^base +.*base\.fbin: 2,000 × 16 float32$/m)
  expect(out).toMatch(/^truth +computed here by exact search/m)
  expect(out).toMatch(/^runtime +\w+ SIMD; no threads; /m)
  const lines = out.trimEnd().split('\n').slice(-4)
  expect(lines[0]).toMatch(/^nprobe +recall@7 +recall1@7 +QPS +p50 ms +p95 ms +p99 ms +vectors\/query +cells\/query$/)
  expect(lines.slice(1).map((line) => Number.parseInt(line, 10))).toEqual([1, 4, 16])
  expect(new Set(lines.map((line) => line.length)).size).toBe(1)
})

test('a truth that is given counts as one that is computed', async () => {
  const args = [...small, '--metric', 'l2', '--nprobe', '1,4']
  const computed = await json('evaluate', ...args)
  for (const name of ['truth.ibin', 'truth.npy']) {
    const given = await json('evaluate', ...args, '--truth', at(name))
    expect(given.truth).toMatchObject({ source: 'file', path: at(name) })
    for (const i of [0, 1]) {
      const { recall, recall1, vectorsPerQuery } = computed.results[i]
      expect(given.results[i]).toMatchObject({ recall, recall1, vectorsPerQuery })
    }
  }
})

test('defaults fit the data, and no single query needs to be timed', async () => {
  const report = await json('evaluate', ...files, '--limit', '100', '--single', '0')
  expect(report.base.count).toBe(100)
  expect(report.settings).toMatchObject({ metric: 'cosine', nlist: 40, k: 10, seed: 1, ratioThreshold: 0 })
  expect(report.results.map((row: { nprobe: number }) => row.nprobe)).toEqual([1, 4, 16])
  expect(report.results[0].singleMs).toBeUndefined()
  expect((await run('evaluate', ...files, '--limit', '100', '--single', '0')).out).toMatch(/ – +– +– /)
})

test.each([
  [['--truth', 'few.ibin'], 'has answers for 1 queries, there are 50'],
  [['--truth', 'truth.ibin', '--k', '21'], 'has 20 answers per query, fewer than k; give --k 20'],
  [['--truth', 'truth.ibin', '--limit', '1000'], 'the base has 1000; is it the truth of more vectors?'],
  [['--truth', 'queries.npy'], 'which is no row number; it must hold ids'],
  [['--truth', 'none.ibin'], 'none.ibin is not there'],
  [['--queries', 'wide.fbin'], 'were they embedded by one model?'],
  [['--queries', 'empty.npy'], 'empty.npy holds no vectors'],
  [['--base', 'nan.fbin'], 'row 1'],
  [['--limit', '19'], '19 vectors cannot make 20 cells'],
])('%j fails before anything is printed: exit code 1', async (args, message) => {
  await write(at('few.ibin'), Int32Array.of(1, 2, 3), 3)
  await write(at('wide.fbin'), new Float32Array(2 * DIM + 2), DIM + 1)
  await write(at('nan.fbin'), new Float32Array(DIM * 30).fill(Number.NaN, DIM, DIM + 1), DIM)
  await writeVectors(at('empty.npy'), [], { dim: DIM })
  const { code, out, err } = await run('evaluate', ...small, ...args.map((arg) => (arg.includes('.') ? at(arg) : arg)))
  expect(err).toContain(message)
  expect(err).toMatch(/^fast-ivf: .*\n$/)
  expect([code, out]).toEqual([1, ''])
})

test('an abort at any stage ends it with exit code 130', async () => {
  for (const stage of ['read the queries', 'read the base', 'train', 'assign', 'exact search', 'search']) {
    const aborting = new AbortController()
    const stderr = Object.assign(new Captured(), { isTTY: true, cursorTo: () => {}, clearLine: () => {} })
    stderr._write = function (chunk: Buffer, _, done) {
      this.text += chunk.toString()
      if (this.text.includes(`${stage} [`)) aborting.abort()
      done()
    }
    const stdout = new Captured()
    const code = await main(['evaluate', ...small], { stdout, stderr, signal: aborting.signal })
    expect([stage, code, stdout.text]).toEqual([stage, 130, ''])
    expect(stderr.text).toMatch(/fast-ivf: interrupted\n$/)
  }
})
