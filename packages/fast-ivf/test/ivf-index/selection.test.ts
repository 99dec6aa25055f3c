import { expect, test } from 'vitest'
import { FastIVF, IvfIndex, type Selection } from '../../src/index.js'
import { mixture } from '../mixture.js'
import { refusal } from '../refusal.js'

const [DIM, COUNT, NLIST] = [8, 300, 5]
const vectors = mixture(COUNT, DIM, 81, 6)
const more = mixture(40, DIM, 82, 6)
const settings = { dim: DIM, threads: 0, metric: 'l2', kmeansIterations: 2, spec: `IVF${NLIST},SQ8` } as const
const whole = { nprobe: NLIST, k: COUNT }
const isWanted = (id: number): boolean => id % 7 === 2

test('a selection answers as its filter does, in every search', async () => {
  const index = await IvfIndex.build(vectors, settings)
  const selection = await index.select(isWanted)
  expect(selection.size).toBe(43)
  for (const k of [1, 10, COUNT]) {
    const found = await index.search(vectors, { ...whole, k, filter: selection })
    const asked = await index.search(vectors, { ...whole, k, filter: isWanted })
    expect(found.ids).toEqual(asked.ids)
    expect(found.scores).toEqual(asked.scores)
  }
  await index.close()
})

test('a selection keeps its vectors: those removed are no answers, those added or put in their place are not in it', async () => {
  const index = await IvfIndex.build(vectors, settings)
  const selection = await index.select(isWanted)
  await index.remove([2, 9])
  await index.add(more, { ids: Array.from({ length: 40 }, (_, i) => 7000 + 7 * i + 2) })
  await index.upsert(vectors.subarray(0, DIM), { ids: [16] })
  await index.compact()
  await index.optimize({ cellSize: 20 })
  const found = await index.search(more.subarray(0, DIM), { nprobe: index.nlist, k: COUNT, filter: selection })
  const ids = [...found.ids].filter((id) => !Number.isNaN(id)).sort((a, b) => a - b)
  const left = Array.from({ length: COUNT }, (_, i) => i).filter((id) => isWanted(id) && ![2, 9, 16].includes(id))
  expect(ids).toEqual(left)
  await index.close()
})

const expectRefused = async (index: FastIVF | IvfIndex, filter: Selection): Promise<void> => {
  for (const call of [() => index.search(more.subarray(0, DIM), { filter }), () => index.select(filter)]) {
    const { code, message } = await refusal(call)
    expect(code).toBe('ERR_ARGUMENT')
    expect(message).toMatch(/selection.*select/)
  }
}

test('a selection of other vectors is refused: of another index, or from before training', async () => {
  const index = await IvfIndex.build(vectors, settings)
  const other = await IvfIndex.build(more, { calibrate: false, ...settings, spec: 'Flat' })
  await expectRefused(index, await other.select(isWanted))
  const trained = new FastIVF(DIM, { nlist: NLIST, threads: 0 })
  await trained.train(vectors)
  const before = await trained.select(isWanted)
  await trained.train(more)
  await expectRefused(trained, before)
  for (const one of [index, other, trained]) await one.close()
})

test('an index whose cells stay in a file refuses selections, and says what to give', async () => {
  const index = await IvfIndex.build(vectors, settings)
  const selection = await index.select(isWanted)
  const stored = await IvfIndex.open(await index.toBytes(), { resident: 'centroids' })
  const { code, message } = await refusal(() => stored.search(more.subarray(0, DIM), { filter: selection }))
  expect(code).toBe('ERR_ARGUMENT')
  expect(message).toMatch(/selection.*ids/)
  for (const one of [index, stored]) await one.close()
})
