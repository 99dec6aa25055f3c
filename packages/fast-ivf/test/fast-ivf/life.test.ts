import { describe, expect, test } from 'vitest'
import { exactSearch, FastIVF, type Metric, recall, recall1, type Vectors } from '../../src/index.js'
import { mixture } from '../mixture.js'

const DIM = 24
const vectors = mixture(3000, DIM, 1)
const queries = mixture(60, DIM, 2)
const all = { k: 20, nprobe: 16, ratioThreshold: 0 }

async function trained(options: object = {}, data: Vectors = vectors): Promise<FastIVF> {
  const index = new FastIVF(DIM, { nlist: 16, kmeansMaxSteps: 20, ...options })
  await index.train(data)
  return index
}

describe('adding', () => {
  test('vectors added in any number of pieces are found as if added at once', async () => {
    const whole = await trained()
    const truth = await whole.search(queries, all)
    for (const size of [1, 7, 100, 1024]) {
      const index = await FastIVF.fromCentroids({ data: whole.centroids, dims: [16, DIM] })
      const count = size === 1 ? 200 : 3000
      for (let from = 0; from < count; from += size)
        await index.add(vectors.subarray(from * DIM, Math.min(from + size, count) * DIM))
      expect(index.size).toBe(count)
      const found = await index.search(queries, all)
      if (size > 1) expect(recall(found, truth, 20)).toBe(1)
      else
        expect(found.scores).toEqual(
          (await exactSearch(vectors.subarray(0, 200 * DIM), queries, { k: 20, dim: DIM })).scores,
        )
      await index.close()
    }
  })

  test('batches train and fill, from sync and async sources, whose buffers may be reused', async () => {
    const buffer = new Float32Array(500 * DIM)
    async function* reused(): AsyncGenerator<Float32Array> {
      for (let from = 0; from < 3000; from += 500) {
        buffer.set(vectors.subarray(from * DIM, (from + 500) * DIM))
        yield buffer
      }
    }
    const index = await trained({}, reused() as unknown as Vectors)
    expect(index.size).toBe(3000)
    const truth = await exactSearch(vectors, queries, { k: 20, dim: DIM })
    expect(recall(await index.search(queries, all), truth, 20)).toBe(1)
    await index.add([vectors.subarray(0, DIM), vectors.subarray(DIM, 2 * DIM)].values())
    expect(index.size).toBe(3002)
  })

  test('training again starts afresh', async () => {
    const index = await trained()
    await index.train(vectors.subarray(0, 1000 * DIM))
    expect(index.size).toBe(1000)
    const found = await index.search(queries, all)
    expect(Math.max(...found.ids)).toBeLessThan(1000)
  })

  test('a search sees the index as it was or as it is after', async () => {
    const index = await trained()
    const before = await index.search(queries, all)
    const adding = index.add(queries)
    const during = await index.search(queries, all)
    await adding
    const after = await index.search(queries, all)
    expect(after.of(0)[0]).toMatchObject({ id: 3000 })
    expect([before.ids, after.ids]).toContainEqual(during.ids)
  })

  test('calls at once do not disturb each other', async () => {
    const index = await trained()
    const piece = vectors.subarray(0, 100 * DIM)
    const searches = Array.from({ length: 8 }, (_, i) => index.search(queries.subarray(i * DIM, (i + 1) * DIM), all))
    await Promise.all([index.add(piece), index.add(piece), index.train(vectors), index.add(piece), ...searches])
    expect(index.size).toBe(3100)
    const truth = await exactSearch(vectors, queries, { k: 5, dim: DIM })
    for (const [i, search] of searches.entries()) {
      const found = await search
      expect(recall1(found, { ids: truth.ids.subarray(i * 5, i * 5 + 5), k: 5 }, 20)).toBe(1)
    }
  })
})

describe('answers', () => {
  test('fewer vectors than k give fewer answers and no padding', async () => {
    const index = await FastIVF.fromCentroids(
      [
        [1, 0],
        [0, 1],
      ],
      { metric: 'l2' },
    )
    await index.add([
      [1, 0],
      [0.9, 0.1],
      [0, 1],
    ])
    const found = await index.search([[1, 0]], { k: 10, nprobe: 2 })
    expect(found.of(0).map(({ id }) => id)).toEqual([0, 1, 2])
    expect(found.counts[0]).toBe(3)
    expect(found.ids.slice(3).every(Number.isNaN)).toBe(true)
    expect(found.of(1)).toEqual([])
  })

  test('an empty index answers nothing', async () => {
    const index = await FastIVF.fromCentroids([
      [1, 0],
      [0, 1],
    ])
    expect((await index.search([[1, 0]])).of(0)).toEqual([])
    expect((await index.search([])).nq).toBe(0)
  })

  test('a zero vector has no cosine: it is counted, never an answer, and has none', async () => {
    const index = await FastIVF.fromCentroids(
      [
        [1, 0],
        [0, 1],
      ],
      { ratioThreshold: 0, nprobe: 2 },
    )
    await index.add([
      [0, 0],
      [-1, 0],
      [0, 1],
    ])
    expect(index.size).toBe(3)
    const found = await index.search(
      [
        [1, 0],
        [0, 0],
      ],
      { k: 3 },
    )
    expect(found.of(0)).toEqual([
      { id: 2, score: 0 },
      { id: 1, score: -1 },
    ])
    expect(found.of(1)).toEqual([])
  })

  test('the ratio threshold always leaves the best cell', async () => {
    const index = await FastIVF.fromCentroids(
      [
        [1, 0],
        [0, 1],
      ],
      { nprobe: 2, ratioThreshold: 1 },
    )
    await index.add([
      [1, 0],
      [0, 1],
    ])
    // Every centroid is on the far side of this query: all scores are negative.
    expect((await index.search([[-1, -0.5]], { k: 2 })).counts[0]).toBe(1)
  })

  test('a higher ratio threshold visits fewer cells', async () => {
    const index = await trained()
    const cells: number[] = []
    for (const ratioThreshold of [0, 0.5, 0.9, 1])
      cells.push((await index.search(queries, { ...all, ratioThreshold })).work.cells)
    expect(cells[0]).toBe(60 * 16)
    expect(cells).toEqual([...cells].sort((a, b) => b - a))
    expect(cells.at(-1)).toBe(60)
  })

  test('one query alone gets the very answers it gets in a batch', async () => {
    for (const metric of ['cosine', 'ip', 'l2'] as Metric[]) {
      const index = await trained({ metric })
      const batch = await index.search(queries, { k: 10, nprobe: 4 })
      for (let q = 0; q < 60; q++) {
        const one = await index.search(queries.subarray(q * DIM, (q + 1) * DIM), { k: 10, nprobe: 4 })
        expect(one.of(0)).toEqual(batch.of(q))
      }
    }
  })

  test('settings of the index are defaults of a search', async () => {
    const index = await trained({ ratioThreshold: 0 })
    index.nprobe = 3
    expect((await index.search(queries, { k: 1 })).work.cells).toBe(180)
    expect((await index.search(queries, { k: 1, nprobe: 5 })).work.cells).toBe(300)
    expect(() => {
      index.nprobe = 17
    }).toThrow('nprobe is 17; it must be an integer from 1 to 16')
  })
})

describe('the same seed gives the same index', () => {
  test('on any number of threads, and another seed another', async () => {
    const many = mixture(20000, DIM, 9)
    const bits: string[] = []
    for (const threads of [0, 1, 2, 4]) {
      const index = new FastIVF(DIM, { nlist: 64, threads, kmeansMaxSteps: 15, seed: 7 })
      await index.train(many)
      const found = await index.search(mixture(3000, DIM, 10), { k: 10, nprobe: 16, ratioThreshold: 0 })
      bits.push(
        JSON.stringify([
          [...found.ids.subarray(0, 999)],
          [...found.scores.subarray(0, 999)],
          [...index.centroids.subarray(0, 99)],
        ]),
      )
      await index.close()
    }
    expect(new Set(bits).size).toBe(1)
    const [one, two] = [await trained({ seed: 1 }), await trained({ seed: 2 })]
    expect(one.centroids).not.toEqual(two.centroids)
  })
})

test('recall floors on a small mixture', async () => {
  const [base, asked] = [mixture(20000, 32, 21, 200), mixture(200, 32, 22, 200)]
  const floors = { cosine: [0.37, 0.87, 0.985], ip: [0.25, 0.8, 0.95], l2: [0.28, 0.78, 0.98] }
  for (const metric of ['cosine', 'ip', 'l2'] as const) {
    const index = new FastIVF(32, { nlist: 128, metric, kmeansMaxSteps: 60, ratioThreshold: 0 })
    await index.train(base)
    const truth = await exactSearch(base, asked, { k: 10, metric, dim: 32 })
    const found: number[] = []
    for (const nprobe of [1, 8, 32]) found.push(recall(await index.search(asked, { k: 10, nprobe }), truth, 10))
    found.forEach((value, i) => expect(value, `${metric} ${found}`).toBeGreaterThan(floors[metric][i] as number))
  }
})

test('trained again after its cells were divided, it visits no more cells than there are', async () => {
  const index = await trained({ nlist: 2, threads: 0 })
  await index.optimize({ cellSize: 200 })
  index.nprobe = index.nlist
  expect(index.nprobe).toBeGreaterThan(2)
  await index.train(vectors)
  expect([index.nlist, index.nprobe]).toEqual([2, 2])
  expect((await index.search(queries, { k: 1 })).counts.every((count) => count === 1)).toBe(true)
  await index.close()
})
