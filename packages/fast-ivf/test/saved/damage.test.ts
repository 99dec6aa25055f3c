import { expect, test } from 'vitest'
import { seeded } from '../../src/clustering/random.js'
import { type AnyIndex, type Id, IvfIndex, type IvfIndexOptions, openIndex } from '../../src/index.js'
import { mixture } from '../mixture.js'
import { refusal } from '../refusal.js'
import { headerEnd, placesOf } from './edit.js'
import { bitsOf } from './indexes.js'

const DIM = 8
const life = { threads: 0 }
const rows = mixture(24, DIM, 81, 4)
const queries = mixture(3, DIM, 82, 4)

/** Files of a few thousand bytes, of all kinds together. */
async function small(spec: string, ids: Id[] | undefined, more: IvfIndexOptions<Id> = {}): Promise<Uint8Array> {
  const options = { spec, dim: DIM, metric: 'l2', kmeansIterations: 1, compactAt: 1, ...life, ...more } as const
  const index = await IvfIndex.build<Id>(rows, {
    calibrate: false,
    ...options,
    ...(ids && { ids }),
  } as IvfIndexOptions<Id>)
  await index.remove(ids ? ids.slice(2, 4) : [2, 3])
  if (spec.endsWith('SQ8')) await index.calibrate({ k: 2 })
  const bytes = await index.toBytes()
  await index.close()
  return bytes
}
const named = (make: (i: number) => Id): Id[] => Array.from({ length: 24 }, (_, i) => make(i))
const files: Record<string, Uint8Array> = {
  Flat: await small('Flat', undefined),
  'IVF3,SQ4 with strings': await small(
    'IVF3,SQ4',
    named((i) => `№ ${i}`),
    { keep: 'f16' },
  ),
  'OPQ2,IVF2,PQ2x2 with bigints': await small(
    'OPQ2,IVF2,PQ2x2',
    named((i) => BigInt(i) << 50n),
    { keep: 'int8' },
  ),
  'IVF2,PCA4,SQ8 with numbers, calibrated': await small(
    'IVF2,PCA4,SQ8',
    named((i) => -i),
    { keep: 'f32' },
  ),
}
const names = Object.keys(files)

async function answers(index: AnyIndex<Id>): Promise<unknown> {
  const found = [
    bitsOf(await index.search(queries, { k: 30, nprobe: index.nlist })),
    Array.from((await index.search(queries, { k: 3 })).ids as ArrayLike<unknown>),
  ]
  await index.close()
  return found
}

test.each(names)('%s: cut at any byte, or going on, it is refused', async (name) => {
  const bytes = files[name]!
  for (let length = 0; length < bytes.length; length++) {
    const error: unknown = await openIndex(bytes.subarray(0, length), life).catch((thrown: unknown) => thrown)
    expect(error, `cut at ${length}`).toMatchObject({ name: 'IvfError', code: 'ERR_FORMAT' })
    expect((error as Error).message).toMatch(/^the file.*(short|again|damaged|kind)/)
  }
  expect((await refusal(openIndex(Buffer.concat([bytes, Uint8Array.of(0)]), life))).code).toBe('ERR_FORMAT')
})

test.each(names)('%s: a changed bit anywhere is refused, but for those that fill space', async (name) => {
  const bytes = files[name]!
  const wanted = await answers(await openIndex<Id>(bytes, life))
  const random = seeded(83)
  // What opening reads; the checks of single rows are for those who read single rows.
  const free = placesOf(bytes).filter(({ name }) => name.startsWith('__pad__') || name.endsWith('originals.checks'))
  const large = placesOf(bytes).filter(({ name }) => /\.(codes|originals|ids)$|^calibration$/.test(name))
  const step = (at: number): number => (large.some(({ from, to }) => at >= from && at < to) ? 1 + random.below(10) : 1)
  for (let at = 0; at < bytes.length; at += step(at)) {
    const changed = bytes.slice()
    changed[at] = (changed[at] as number) ^ (1 << random.below(8))
    const fills = free.some(({ from, to }) => at >= from && at < to)
    const result = await openIndex<Id>(changed, life).catch((error: unknown) => error)
    if (fills) expect(await answers(result as AnyIndex<Id>), `byte ${at}`).toEqual(wanted)
    else expect(result, `byte ${at}`).toMatchObject({ name: 'IvfError', code: 'ERR_FORMAT' })
  }
})

test('what is damaged is named: the cell and the segment, or the tensor, and what to do', async () => {
  const bytes = files['IVF3,SQ4 with strings']!
  const wanted: Record<string, RegExp> = {
    centroids: /^the file is damaged in 'centroids': its checksum differs; restore the file from a copy, or write it/,
    'segment.0.starts': /damaged in 'segment\.0\.starts'/,
    'segment.0.mask': /damaged in 'segment\.0\.mask'/,
    'segment.0.ids.starts': /damaged in 'segment\.0\.ids\.starts'/,
    'segment.0.codes': /damaged in the vectors of cell \d of segment 0/,
    'segment.0.originals': /damaged in the vectors kept beside the codes of cell \d of segment 0/,
    'segment.0.ids': /damaged in the ids of cell \d of segment 0/,
    'segment.0.checks': /damaged in 'segment\.0\.checks'/,
  }
  for (const { name, from } of placesOf(bytes)) {
    if (!wanted[name]) continue
    const changed = bytes.map((byte, i) => (i === from ? byte ^ 4 : byte))
    expect((await refusal(openIndex(changed, life))).message).toMatch(wanted[name])
    delete wanted[name]
  }
  expect(Object.keys(wanted)).toEqual([])
  const header = bytes.map((byte, i) => (i === headerEnd(bytes) - 1 ? byte ^ 0x2a : byte))
  expect((await refusal(openIndex(header, life))).code).toBe('ERR_FORMAT')
})

test('many changes at once, and blocks that are lost or of another file, are refused', async () => {
  const random = seeded(84)
  const all = Object.values(files)
  for (let i = 0; i < 400; i++) {
    const bytes = all[i % all.length]!
    const other = all[(i + 1 + random.below(3)) % all.length]!
    const changed = bytes.slice()
    const from = random.below(bytes.length)
    const to = Math.min(bytes.length, from + 64 + random.below(2000))
    if (i % 2) changed.fill(0, from, to)
    else changed.set(other.subarray(from, to).subarray(0, to - from), from)
    if (Buffer.compare(changed, bytes) === 0) continue
    const result: unknown = await openIndex<Id>(changed, life).catch((error: unknown) => error)
    // Nothing may have been hit but what fills space, or the checks of single rows.
    if (result instanceof IvfIndex) {
      const other = await openIndex<Id>(bytes, life)
      expect(await answers(result)).toEqual(await answers(other))
    } else expect(result).toMatchObject({ name: 'IvfError', code: 'ERR_FORMAT' })
  }
})

test.each(names)('%s, of which only centroids are read at first: a changed bit is no other answer', async (name) => {
  const bytes = files[name]!
  const resident = { ...life, resident: 'centroids' } as const
  const search = async (source: Uint8Array): Promise<unknown> => answers(await openIndex<Id>(source, resident))
  const wanted = await search(bytes)
  expect(wanted).toMatchObject((await answers(await openIndex<Id>(bytes, life))) as object)
  const random = seeded(86)
  for (let at = headerEnd(bytes); at < bytes.length; at += 1 + random.below(14)) {
    const changed = bytes.slice()
    changed[at] = (changed[at] as number) ^ (1 << random.below(8))
    const result = await search(changed).catch((error: unknown) => error)
    if (result instanceof Error) expect(result, `byte ${at}`).toMatchObject({ name: 'IvfError', code: 'ERR_FORMAT' })
    else expect(result, `byte ${at}`).toEqual(wanted)
  }
})

test('a file is refused about as fast as it is opened', async () => {
  const many = mixture(20_000, 64, 85)
  const index = await IvfIndex.build(many, {
    calibrate: false,
    spec: 'IVF64,SQ8',
    dim: 64,
    kmeansIterations: 1,
    ...life,
  })
  const bytes = await index.toBytes()
  await index.close()
  const time = async (file: Uint8Array): Promise<number> => {
    let best = Number.POSITIVE_INFINITY
    for (let i = 0; i < 3; i++) {
      const start = performance.now()
      const result: unknown = await openIndex(file, life).catch((error: unknown) => error)
      best = Math.min(best, performance.now() - start)
      if (result instanceof IvfIndex) await result.close()
    }
    return best
  }
  const opening = await time(bytes)
  for (const part of ['centroids', 'segment.0.starts', 'segment.0.codes', 'segment.0.originals', 'segment.0.checks']) {
    const { to } = placesOf(bytes).find(({ name }) => name === part)!
    const refusing = await time(bytes.map((byte, i) => (i === to - 1 ? byte ^ 1 : byte)))
    // The machine may have been busy with others.
    expect(refusing, part).toBeLessThan(3 * opening + 200)
  }
})
