import { beforeAll, expect, test } from 'vitest'
import { clumps, folder, json, run, write } from './harness.js'

const [ROWS, DIM, QUERIES, NLIST] = [2000, 16, 50, 20]
const at = folder()
const files = ['--base', at('base.fbin'), '--queries', at('queries.npy')]
const small = ['evaluate', ...files, '--single', '5', '--threads', '0']
const scalar = `IVF${NLIST},SQ4`
const flat = `IVF${NLIST},Flat`
const product = `IVF${NLIST},PQ8x4,R4`

interface Row {
  spec: string
  nprobe?: number
  recall: number
  qps: number
}

beforeAll(async () => {
  await write(at('base.fbin'), clumps(ROWS, DIM, 3), DIM)
  await write(at('queries.npy'), clumps(QUERIES, DIM, 4), DIM)
})

test('every spec is built and searched with every setting of its own', async () => {
  const specs = [flat, scalar, product, 'Flat']
  const report = await json(
    ...small,
    '--spec',
    ...specs,
    '--nprobe',
    `2,${NLIST}`,
    '--epsilon',
    '1.2,3',
    '--metric',
    'l2',
  )
  expect(report.indexes.map((index: { spec: string }) => index.spec)).toEqual(specs)
  expect(
    report.results.map(({ spec, nprobe, epsilon, rescoreFactor }: Record<string, unknown>) => [
      spec,
      nprobe,
      epsilon,
      rescoreFactor,
    ]),
  ).toEqual([
    [flat, 2, undefined, undefined],
    [flat, NLIST, undefined, undefined],
    [scalar, 2, 1.2, undefined],
    [scalar, 2, 3, undefined],
    [scalar, NLIST, 1.2, undefined],
    [scalar, NLIST, 3, undefined],
    [product, 2, undefined, 4],
    [product, NLIST, undefined, 4],
    ['Flat', undefined, undefined, undefined],
  ])
  expect(report.results[1]).toMatchObject({ recall: 1, recall1: 1, vectorsPerQuery: ROWS, rescoredPerQuery: 0 })
  expect(report.results[5].recall).toBeGreaterThan(0.95)
  expect(report.results[5].rescoredPerQuery).toBeGreaterThan(0)
  expect(report.results[8]).toMatchObject({ recall: 1, recall1: 1 })
})

test('the report holds the indexes, the frontier over all of them, and the fastest at a recall', async () => {
  const report = await json(...small, '--spec', flat, '--spec', scalar, '--metric', 'l2', '--seed', '7')
  expect(report.settings).toEqual({ metric: 'l2', k: 10, seed: 7, ratioThreshold: 0, singles: 5 })
  expect(report.truth).toMatchObject({ source: 'exact search', k: 10 })
  expect(report.truth.ids).toBeUndefined()
  for (const index of report.indexes) {
    expect(index).toMatchObject({ nlist: NLIST, buildSeconds: expect.any(Number), keep: expect.any(String) })
    expect(index.bytesPerVector).toBeCloseTo(index.indexBytes / ROWS)
    expect(index.codeBytesPerVector).toBeLessThanOrEqual(index.bytesPerVector)
  }
  const rows: Row[] = report.results
  const line: Row[] = report.frontier
  expect(rows.map(({ nprobe }) => nprobe)).toEqual([1, 4, 16, 1, 4, 16])
  for (const one of line) {
    expect(rows).toContainEqual(one)
    expect(rows.some((other) => other.recall > one.recall && other.qps > one.qps)).toBe(false)
  }
  expect(report.fastest.map(({ recall }: { recall: number }) => recall)).toEqual([0.9, 0.95, 0.99])
  for (const { recall, result } of report.fastest as { recall: number; result?: Row }[]) {
    const reaching = rows.filter((one) => one.recall >= recall).map(({ qps }) => qps)
    expect(result?.qps).toBe(reaching.length > 0 ? Math.max(...reaching) : undefined)
  }
})

test('the table has a line for each setting, then the frontier', async () => {
  const { code, out, err } = await run(...small, '--spec', `${flat} ${scalar}`, '--nprobe', '4', '--no-rescore')
  expect(err).toBe('fast-ivf: no --truth was given: the true answers come from an exact search here\n')
  expect(code).toBe(0)
  expect(out).toMatch(/^IVF20,SQ4 +built in .* bytes per vector, .* of them code and id; /m)
  expect(out).toMatch(
    /^ +spec +nprobe +rescore +recall@10 +recall1@10 +QPS +p50 ms +p95 ms +p99 ms +vectors\/query +rescored\/query +bytes\/vector$/m,
  )
  expect(out).toMatch(/^ *IVF20,Flat +4 +– +[\d.]+ /m)
  expect(out).toMatch(/^ *IVF20,SQ4 +4 +no +[\d.]+ /m)
  expect(out).toMatch(/^frontier: /m)
  expect(out).toMatch(/^fastest setting measured that reaches a recall, nothing interpolated$/m)
  expect(
    out
      .trimEnd()
      .split('\n')
      .slice(-3)
      .map((line) => line.trim().split(/\s+/)[0]),
  ).toEqual(['0.90', '0.95', '0.99'])
})

test('originals that are not kept are not compared', async () => {
  const report = await json(...small, '--spec', scalar, '--keep', 'none', '--nprobe', '4')
  expect(report.indexes[0].keep).toBe('none')
  expect(report.results).toMatchObject([{ nprobe: 4, rescore: false, rescoredPerQuery: 0 }])
})

test('an nprobe above the cells of one of the specs is left out, and said', async () => {
  const { code, err } = await run(...small, '--spec', scalar, 'IVF4,SQ4', '--nprobe', '4,16', '--single', '0')
  expect(code).toBe(0)
  expect(err).toContain('fast-ivf: IVF4,SQ4 has 4 cells: nprobe 16 is left out\n')
})

test.each([
  [['--spec', 'IVF20,SQ3']],
  [['--spec', scalar, 'IVF20,XY4']],
  [['--spec', `${scalar},R4`, '--keep', 'none']],
])('%j is refused before anything is searched', async (args) => {
  const { code, out, err } = await run(...small, ...args)
  expect(err).toMatch(/^fast-ivf: .*\n$/)
  expect(out).toBe('')
  expect(code).toBeGreaterThan(0)
})

test('recalls that are asked for are lines of the table, of codes, too', async () => {
  const coarse = `IVF${NLIST},SQ1`
  const asked = ['--recall', '0.8,0.9,1', '--nprobe', '2', '--metric', 'l2']
  const report = await json(...small, '--spec', flat, ...asked)
  expect(report.results.map(({ nprobe, target }: Record<string, unknown>) => [nprobe, target])).toEqual([
    [2, undefined],
    [undefined, 0.8],
    [undefined, 0.9],
    [undefined, 1],
  ])
  for (const { recall, target = 0 } of report.results) expect(recall).toBeGreaterThan(target - 0.08)
  expect(report.results[3]).toMatchObject({ recall: 1, vectorsPerQuery: ROWS })
  const { code, out } = await run(...small, '--spec', coarse, ...asked)
  expect(code).toBe(0)
  // By comparing with the vectors that are kept beside the codes.
  expect(out).toMatch(/^ *IVF20,SQ1 +≥ 1 +as needed +1\.0/m)
  expect(out).toMatch(/^ *IVF20,SQ1 +≥ 0\.9 +as needed +[\d.]+ /m)
})

test('recalls are asked of a FastIVF, too', async () => {
  const report = await json(...small, '--nlist', String(NLIST), '--nprobe', '1,20', '--recall', '0.9')
  expect(report.results.map(({ nprobe, target }: Record<string, unknown>) => nprobe ?? target)).toEqual([1, 20, 0.9])
  expect(report.results[2].vectorsPerQuery).toBeLessThan(ROWS)
  expect(report.results[2].recall).toBeGreaterThan(0.85)
})
