import { describe, expect, test, vi } from 'vitest'
import { Engine } from '../../src/engine/engine.js'
import { type Id, IvfError, type IvfIndex, openIndex } from '../../src/index.js'
import { edited, type Parts } from './edit.js'
import {
  BY_RANK,
  CURVE,
  DIM,
  edits,
  type FileName,
  files,
  json,
  life,
  queries,
  recall,
  rows,
  SHARES,
  STEPS,
  text,
  words,
} from './hostile.js'

const wrongs = Object.keys(files).map((name) => [name as FileName] as const)
test.each(wrongs)('%s: a file that is taken apart and put together is the same', (name) => {
  expect(
    Buffer.compare(
      edited(files[name], () => {}),
      files[name],
    ),
  ).toBe(0)
})

test.each(edits)('%s: %s is refused, and costs no more than the file', async (name, _, change, message) => {
  const bytes = edited(files[name], change)
  expect(Buffer.compare(bytes, files[name])).not.toBe(0)
  const alloc = vi.spyOn(Engine.prototype, 'alloc')
  const result: unknown = await openIndex<Id>(bytes, life).catch((error: unknown) => error)
  const sizes = alloc.mock.calls.map(([size]) => size)
  const engine = alloc.mock.contexts.at(-1) as Engine | undefined
  alloc.mockRestore()
  expect(result).toBeInstanceOf(IvfError)
  expect((result as IvfError).code).toBe('ERR_FORMAT')
  expect((result as IvfError).message).toMatch(message)
  expect((result as IvfError).message).toMatch(/^the file /)
  expect((result as IvfError).message.length).toBeLessThan(500)
  expect(Math.max(0, ...sizes)).toBeLessThan(65536 + 8 * bytes.length)
  expect(engine?.bytes ?? 0).toBe(0)
})

describe('a file that says more than it need', () => {
  test('does not tell how it is computed', async () => {
    const change = json('options', { threads: 1000, revectorize: true, codebooks: [1], projection: { width: 4 } })
    for (const name of ['whole', 'codes', 'small', 'flat'] as const) {
      const opened = await openIndex<Id>(edited(files[name], change), life)
      expect((await opened.search(queries, { k: 2 })).counts[0]).toBe(2)
      if ('train' in opened) await opened.train(rows)
      await opened.close()
      const options = await openIndex<Id>(edited(files[name], change))
      await options.close()
    }
  })

  test('is opened all the same: tensors and words of a later minor', async () => {
    const bytes = edited(files.strings, ({ metadata, tensors }) => {
      metadata.note = 'more'
      tensors.set('note', { dtype: 'U8', shape: [3], data: Uint8Array.of(1, 2, 3) })
    })
    const opened = await openIndex<Id>(bytes, life)
    expect(opened.size).toBe(23)
    await opened.close()
  })
})

test('what only a liar would write, and nobody can tell, does no harm', async () => {
  const changes: [FileName, (parts: Parts) => void][] = [
    ['flat', text({ metric: 'ip' })],
    ['flat', text({ rows: '100000' })],
    ['flat', text({ keep: 'none', spec: 'a spec of lies' })],
    ['projected', json('projection', { word: 'PCA99', unit: true })],
    ['strings', text({ seed: '77' })],
    ['flat', words('segment.0.ids', (own) => own.fill(5))],
    ['numbers', words('segment.0.ids', (own) => own.copyWithin(0, 4, 6))],
    ['flat', (parts) => void parts.tensors.get('segment.0.codes')!.data.fill(0xff)],
    ['strings', (parts) => void parts.tensors.get('segment.0.codes')!.data.fill(0xff)],
    ['product', (parts) => void parts.tensors.get('segment.0.codes')!.data.fill(0xff)],
    ['codes', (parts) => void parts.tensors.get('segment.0.codes')!.data.fill(0xff)],
    ['projected', (parts) => void parts.tensors.get('segment.0.originals')!.data.fill(0xff)],
    ['product', (parts) => void parts.tensors.get('segment.0.originals')!.data.fill(0xff)],
    ['whole', text({ class: 'FastIVFPQ' })],
    ['codes', text({ class: 'FastIVF' })],
    ['codes', text({ class: 'IvfIndex' })],
    ['small', text({ class: 'IvfIndex' })],
    ['strings', text({ class: 'FastIVF' })],
    ['calibrated', recall((told) => Object.assign(told, { queries: 1, size: 1e9, changed: 1e15 }))],
    [
      'calibrated',
      recall(({ rules }) => (rules[0].levels[0].rescore = { kind: 'factor', factor: 1e300, reorder: true })),
    ],
    ['calibrated', recall(({ rules }) => (rules[0].levels[0].rescore = { kind: 'none' }))],
    ['calibrated', recall(({ rules }) => Object.assign(rules[0].variants[0], { low: -1e308, step: 5e-324 }))],
    ...[0, 1e-45, 3e38].flatMap((value) =>
      [0, BY_RANK, SHARES, CURVE, CURVE + STEPS, CURVE + 3 * STEPS, CURVE + 4 * STEPS, CURVE + 5 * STEPS].map(
        (at): (typeof changes)[number] => [
          'calibrated',
          words('calibration', (own) => void new Float32Array(own.buffer).fill(value, at, at + 5)),
        ],
      ),
    ),
    ['calibrated', text({ spec: 'IVF5,SQ4,R4' })],
  ]
  for (const [name, change] of changes) {
    const opened = await openIndex<Id>(edited(files[name], change), life).catch((error: unknown) => error)
    if (opened instanceof IvfError) {
      expect(opened.code).toBe('ERR_FORMAT')
      continue
    }
    const index = opened as IvfIndex<Id>
    const { nlist } = index
    const calls = [
      () => index.search(queries, { k: 30, nprobe: nlist }),
      () => index.search(queries, { k: 3, rescore: true }),
      () => index.search(queries, { k: 2, recall: 0.8 }),
      () => index.search(queries, { k: 4, recall: 0.99, filter: [1, 2, 3, 4] }),
      async () => index.calibration,
      () => index.get(5),
      () => index.has('№ 7'),
      () => index.add(rows.subarray(0, DIM), { ids: [12345] }),
      () => index.remove([5, 6, 7]),
      () => index.compact(),
      () => index.toBytes(),
    ]
    for (const call of calls) {
      const error: unknown = await (call() as Promise<unknown>).catch((thrown: unknown) => thrown)
      if (error instanceof Error) expect(error).toBeInstanceOf(IvfError)
    }
    await index.close()
  }
})
