import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { IvfIndex } from '../../src/index.js'
import { mixture } from '../mixture.js'

const [DIM, COUNT, NLIST] = [24, 3000, 40]
const vectors = mixture(COUNT, DIM, 71)
const queries = mixture(30, DIM, 72)

let server: Server
let index: IvfIndex<string>
let bytes: Uint8Array
const asked: [from: number, to: number][] = []

beforeAll(async () => {
  const ids = Array.from({ length: COUNT }, (_, i) => `№ ${i}`)
  index = await IvfIndex.build<string>(vectors, {
    calibrate: false,
    spec: `IVF${NLIST},SQ8`,
    metric: 'l2',
    dim: DIM,
    ids,
  })
  bytes = await index.toBytes()
  server = createServer(({ headers }, response) => {
    const [from = 0, to = 0] = (/(\d+)-(\d+)/.exec(headers.range ?? '') ?? []).slice(1).map(Number)
    const last = Math.min(to, bytes.length - 1)
    asked.push([from, last + 1])
    response.writeHead(206, { 'content-range': `bytes ${from}-${last}/${bytes.length}` })
    response.end(bytes.subarray(from, last + 1))
  })
  await new Promise<void>((resolve) => server.listen(0, resolve))
})
afterAll(async () => {
  await index.close()
  server.close()
})

const url = (): string => `http://localhost:${(server.address() as AddressInfo).port}/index.ivf`

test('a search far away fetches its cells in one round, then ids and candidates in another', async () => {
  const far = await IvfIndex.open<string>(url(), { resident: 'centroids', cacheBytes: 0 })
  const total = (): number => asked.reduce((sum, [from, to]) => sum + to - from, 0)
  // What was learned and where cells are, but not the vectors.
  expect(total()).toBeLessThan(bytes.length / 3)
  for (let q = 0; q < 30; q++) {
    const query = queries.subarray(q * DIM, (q + 1) * DIM)
    asked.length = 0
    const { ids, work } = await far.search(query, { k: 10, nprobe: 4, rescoreFactor: 8 })
    expect(work.read?.rounds).toBe(2)
    // What came with the header is not fetched again.
    expect(total()).toBeLessThanOrEqual(work.read?.bytes ?? 0)
    expect(asked.length).toBeLessThanOrEqual(work.read?.requests ?? 0)
    expect(work.read?.bytes).toBeLessThan(bytes.length / 4)
    expect(ids).toEqual((await index.search(query, { k: 10, nprobe: 4, rescoreFactor: 8 })).ids)
  }
  await far.close()
})

test('cells that are there already are not fetched again', async () => {
  const far = await IvfIndex.open<string>(url(), { resident: 'centroids', cacheBytes: 1 << 20 })
  const search = () => far.search(queries, { k: 10, nprobe: NLIST, rescore: false })
  const [first, second] = [await search(), await search()]
  expect(second.ids).toEqual(first.ids)
  expect(second.work.read?.bytes).toBeLessThan((first.work.read?.bytes ?? 0) / 2)
  await far.close()
})

test('searches at the same time share what they fetch', async () => {
  const far = await IvfIndex.open<string>(url(), { resident: 'centroids', cacheBytes: 1 << 20 })
  const found = await Promise.all(Array.from({ length: 8 }, () => far.search(queries, { k: 5, nprobe: 8 })))
  for (const { ids } of found) expect(ids).toEqual(found[0]?.ids)
  const read = found.map(({ work }) => work.read?.bytes ?? 0)
  // One of them fetches the cells, each of them its ids and candidates.
  expect(read.filter((own) => own > Math.min(...read))).toHaveLength(1)
  await far.close()
})

test('a server that answers other bytes meanwhile is found out', async () => {
  const far = await IvfIndex.open<string>(url(), { resident: 'centroids', cacheBytes: 0 })
  const before = bytes
  bytes = bytes.map((byte, i) => (i > before.length / 3 ? byte ^ 1 : byte))
  await expect(far.search(queries, { k: 5, nprobe: NLIST })).rejects.toMatchObject({ code: 'ERR_FORMAT' })
  bytes = before
  expect((await far.search(queries, { k: 5, nprobe: NLIST })).counts[0]).toBe(5)
  await far.close()
})

test('with a filter, cells are read until there are enough', async () => {
  const far = await IvfIndex.open<string>(url(), { resident: 'centroids' })
  const found = await far.search(queries, { k: 10, nprobe: 1, filter: (id) => id.endsWith('7') })
  expect([...found.counts]).toEqual(new Array(30).fill(10))
  for (const id of found.ids) expect(id).toMatch(/7$/)
  await expect(far.add(vectors)).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' })
  await expect(far.get('№ 1')).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' })
  await far.close()
})

test('what needs all vectors at hand is refused, not left out', async () => {
  const far = await IvfIndex.open<string>(url(), { resident: 'centroids' })
  for (const asked of [{ epsilon: 2 }, { confidence: true, rescore: false }]) {
    await expect(far.search(queries, { k: 3, ...asked })).rejects.toMatchObject({
      code: 'ERR_ARGUMENT',
      message: expect.stringContaining("resident: 'all'"),
    })
  }
  await far.close()
})
