import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Id, SearchResult } from 'fast-ivf'
import { openVectors } from 'fast-ivf/formats'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { folder, json, run, runWith, write } from './harness.js'
import { build, DIM, opened, others, ROWS, vectorOf, writeFiles } from './indexes.js'

const at = folder()
const files = await writeFiles(at)
await build(files.base, at('rows.ivf'))
await build(files.base, at('named.ivf'), '--ids', files.names)
await build(files.base, at('codes.ivf'), '--spec', 'IVF8,SQ4')
const queries = await write(at('queries.npy'), others, DIM)

const found = (path: string, k: number, nprobe?: number): Promise<SearchResult<Id>> =>
  opened(path, (index) => index.search(others, { k, ...(nprobe && { nprobe }) }))

/** The lines of an output as JSON. */
// biome-ignore lint/suspicious/noExplicitAny: a test says itself what it expects of a line
function lines(text: string): any[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

test('search prints query, id and score of each answer, and what it cost on stderr', async () => {
  const { code, out, err } = await run('search', at('named.ivf'), queries, '-k', '3', '--nprobe', '8')
  const expected = await found(at('named.ivf'), 3, 8)
  expect(code).toBe(0)
  const rows = out.trimEnd().split('\n')
  expect(rows.length).toBe(40 * 3)
  for (const [i, row] of rows.entries()) {
    const [query, id, score] = row.split('\t')
    expect([Number(query), id]).toEqual([Math.floor(i / 3), expected.ids[i]])
    expect(Number(score)).toBeCloseTo(expected.scores[i] as number, 3)
  }
  expect(err).toMatch(/^fast-ivf: 40 queries in [\d.]+ s; 600 vectors in 8 cells for each\n$/)
})

test('--json prints a line for each query, and what it cost in the last', async () => {
  const { out, err } = await run('search', at('rows.ivf'), queries, '--json')
  const [first, ...rest] = lines(out)
  const expected = await found(at('rows.ivf'), 10)
  expect(first).toEqual({
    query: 0,
    ids: expected.of(0).map(({ id }) => id),
    scores: expected.of(0).map(({ score }) => score),
  })
  expect(rest.length).toBe(40)
  expect(rest.at(-1)).toEqual({
    summary: { index: at('rows.ivf'), queries: 40, k: 10, seconds: expect.any(Number), work: expected.work },
  })
  expect(err).toBe('')
})

test('--recall asks for a share of the true nearest, which the index learns to give first', async () => {
  const { code, out, err } = await run('search', at('codes.ivf'), queries, '--recall', '0.9', '-k', '5')
  expect(code).toBe(0)
  expect(out.trimEnd().split('\n').length).toBe(40 * 5)
  expect(err).toMatch(/^fast-ivf: the file does not tell how a recall is had at k = 5: the index is calibrated here\n/)
  const expected = await opened(at('codes.ivf'), async (index) => {
    await index.calibrate({ k: 5 })
    return index.search(others, { k: 5, recall: 0.9 })
  })
  expect(
    lines((await run('search', at('codes.ivf'), queries, '--recall', '0.9', '-k', '5', '--json')).out)[0].ids,
  ).toEqual(expected.of(0).map(({ id }) => id))
})

test.each([
  [['--nprobe', '2'], '--nprobe'],
  [['--rescore-factor', '2'], '--rescore-factor'],
  [['--no-rescore'], '--no-rescore'],
])('--recall and %j do not go together', async (args, named) => {
  const { code, err } = await run('search', at('codes.ivf'), queries, '--recall', '0.9', ...args)
  expect(code).toBe(2)
  expect(err).toContain(`--recall and ${named} both say how much is looked at; give one of them`)
})

test('--ids-only leaves out the scores', async () => {
  const expected = await found(at('rows.ivf'), 10)
  const { out } = await run('search', at('rows.ivf'), queries, '--ids-only')
  expect(out.split('\n')[5]).toBe(
    expected
      .of(5)
      .map(({ id }) => id)
      .join('\t'),
  )
  expect(lines((await run('search', at('rows.ivf'), queries, '--ids-only', '--json')).out)[5]).toEqual({
    query: 5,
    ids: expected.of(5).map(({ id }) => id),
  })
})

test('a query may be JSON on the command line or from stdin, or lines of it', async () => {
  const query = JSON.stringify([...vectorOf(9)])
  for (const outcome of [
    await run('search', at('rows.ivf'), query, '-k', '1', '--json'),
    await runWith({ input: query }, 'search', at('rows.ivf'), '-k', '1', '--json'),
    await runWith({ input: `${query}\n` }, 'search', at('rows.ivf'), '-', '-k', '1', '--json'),
  ]) {
    expect(outcome.code).toBe(0)
    expect(lines(outcome.out)[0]).toEqual({ query: 0, ids: [9], scores: [0] })
  }
  const two = `${query}\n${JSON.stringify([...vectorOf(8)])}\n`
  const many = await runWith({ input: two }, 'search', at('rows.ivf'), '-k', '1', '--json')
  expect(lines(many.out).map(({ ids }) => ids)).toEqual([[9], [8], undefined])
  expect((await run('search', at('rows.ivf'), `[${query},${query}]`, '-k', '1', '--ids-only')).out).toBe('9\n9\n')
})

test.each([
  ['[1,', 'the query is no JSON'],
  ['[1,"2"]', 'the query is no array of 2 numbers; give a vector as JSON'],
  ['[]', 'the query is no array of numbers'],
  ['[[1,2],[3]]', 'query 1 is no array of 2 numbers'],
  ['[{}]', 'the query is no array of 1 numbers'],
])('%s is no query', async (query, message) => {
  const { code, out, err } = await run('search', at('rows.ivf'), query)
  expect([code, out, err]).toEqual([2, '', expect.stringContaining(message)])
})

test('without queries, or with queries of another dim, it says what is needed', async () => {
  expect((await run('search', at('rows.ivf'))).err).toContain('there are no queries; name a file')
  const { code, err } = await run('search', at('rows.ivf'), '[1,2]')
  expect([code, err]).toEqual([1, expect.stringContaining('dim 12 is needed')])
  expect((await run('search', at('rows.ivf'), queries, '--nprobe', '9')).err).toContain('an integer from 1 to 8')
})

test('-o writes lines of JSON, and tells what it cost on stdout', async () => {
  const report = await json('search', at('named.ivf'), queries, '-k', '4', '-o', at('answers.jsonl'))
  expect(report).toMatchObject({ queries: 40, k: 4, output: [at('answers.jsonl')] })
  const expected = await found(at('named.ivf'), 4)
  const all = lines(readFileSync(at('answers.jsonl'), 'utf8'))
  expect(all.flatMap(({ ids }) => ids)).toEqual(Array.from(expected.ids))
  const again = await run('search', at('named.ivf'), queries, '-o', at('answers.jsonl'))
  expect(again.err).toContain('is there already; give --force')
})

test('-o writes npy: ids, and scores beside them; padded where there are fewer answers', async () => {
  const report = await json('search', at('rows.ivf'), queries, '-k', '700', '--nprobe', '8', '-o', at('a.npy'))
  expect(report.output).toEqual([at('a.npy'), at('a.scores.npy')])
  const expected = await found(at('rows.ivf'), 700, 8)
  const ids = await openVectors(at('a.npy'))
  const scores = await openVectors(at('a.scores.npy'))
  expect([ids.dtype, ids.count, ids.dim]).toEqual(['int64', 40, 700])
  const own = (await ids.readAll()).data
  expect([...own.subarray(0, 700)]).toEqual([...Array.from(expected.ids).slice(0, ROWS), ...new Array(100).fill(-1)])
  expect((await scores.readAll()).data.slice(0, 3)).toEqual(expected.scores.slice(0, 3))
  await Promise.all([ids.close(), scores.close()])
  const named = await run('search', at('named.ivf'), queries, '-o', at('named.npy'))
  expect([named.code, named.err]).toEqual([1, expect.stringContaining('ids here are strings; write them to .jsonl')])
})

test('how to rescore is for indexes with codes', async () => {
  const summary = async (...args: string[]): Promise<{ work: { rescored: number } }> =>
    lines((await run('search', at('codes.ivf'), queries, '--json', ...args)).out).at(-1).summary
  expect((await summary('--rescore-factor', '4')).work.rescored).toBe(40 * 40)
  expect((await summary('--no-rescore')).work.rescored).toBe(0)
})

describe('with centroids resident', () => {
  let server: Server
  let url = ''
  beforeAll(async () => {
    const body = readFileSync(at('codes.ivf'))
    server = createServer((request, response) => {
      const [, from, to] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? []
      const part = body.subarray(Number(from), Number(to) + 1)
      const range = `bytes ${from}-${Number(from) + part.length - 1}/${body.length}`
      response.writeHead(206, { 'content-range': range }).end(part)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/codes.ivf`
  })
  afterAll(() => void server.close())

  test('it answers the same, and tells bytes and requests that were read', async () => {
    const whole = lines((await run('search', at('codes.ivf'), queries, '--json')).out)
    for (const path of [at('codes.ivf'), url]) {
      const outcome = await run('search', path, queries, '--resident', 'centroids', '--json')
      const own = lines(outcome.out)
      expect(own.slice(0, -1)).toEqual(whole.slice(0, -1))
      expect(own.at(-1).summary.read).toMatchObject({ bytes: expect.any(Number), requests: expect.any(Number) })
    }
    const text = await run('search', url, '--resident', 'centroids', JSON.stringify([...vectorOf(1)]))
    expect(text.err).toMatch(/^fast-ivf: 1 query in .*; [\d.]+ KiB read in \d+ requests\n$/)
  })
})

test('a damaged or foreign index is one line, exit code 1', async () => {
  writeFileSync(at('text.ivf'), 'no index, whatever else it may be')
  const damaged = readFileSync(at('rows.ivf'))
  damaged[damaged.length >> 1] = (damaged[damaged.length >> 1] as number) ^ 1
  writeFileSync(at('damaged.ivf'), damaged)
  for (const path of [at('text.ivf'), at('damaged.ivf'), at('missing.ivf'), queries]) {
    const { code, out, err } = await run('search', path, queries)
    expect([code, out]).toEqual([1, ''])
    expect(err).toMatch(/^fast-ivf: .*\n$/)
    expect(err).toContain(path)
  }
})
