import { afterAll, expect, test } from 'vitest'
import type { Engine } from '../../src/engine/engine.js'
import { allocOriginals, type Keep, keepRows, type Originals, originalsBytes } from '../../src/ivf/originals.js'
import { createEngine } from '../../src/runtime.js'
import { fractions } from '../kernels/machine.js'
import { rowBytesOf, storedRow } from '../kernels/originals.js'

const engines: Engine[] = []
afterAll(() => engines.forEach((engine) => engine.close()))

async function engineWith(threads: number): Promise<Engine> {
  const engine = await createEngine({ threads })
  engines.push(engine)
  return engine
}

test.each(['f32', 'f16', 'int8'] as const)('%s rows are kept, counted and copied as they are', async (keep) => {
  const engine = await engineWith(0)
  const [dim, count] = [37, 150]
  const table = fractions(count * dim, 3)
  const originals = room(engine, keep, dim, count)
  expect(originals.rowBytes).toBe(rowBytesOf(keep, dim))
  expect(originalsBytes(originals, count)).toBe(count * originals.rowBytes)
  const held = engine.bytes
  // In two parts, of which the second comes first.
  for (const [from, to] of [
    [70, count],
    [0, 70],
  ] as const) {
    await engine.frame(async (scratch) => {
      const rows = scratch.alloc((to - from) * dim * 4)
      engine.floats(rows, (to - from) * dim).set(table.subarray(from * dim, to * dim))
      await keepRows(engine, originals, rows, from, to - from, dim, { name: 'vectors' })
    })
  }
  expect(engine.bytes).toBe(held)
  const stored = (row: number) => storedRow(keep, table.subarray(row * dim, (row + 1) * dim))
  for (let row = 0; row < count; row++) expect(rowOf(engine, originals, row)).toEqual(stored(row))
})

test('keeping none takes nothing', () => {
  expect(allocOriginals(() => 0, 'none', 8, 10)).toBeUndefined()
  expect(originalsBytes(undefined, 10)).toBe(0)
})

test.each([0, 2])('f16 refuses what halves cannot hold, names it and says what to do: %i threads', async (threads) => {
  const engine = await engineWith(threads)
  const [dim, count] = [500, 20_000]
  const rows = engine.alloc(count * dim * 4)
  engine.floats(rows, count * dim).fill(65504)
  const originals = room(engine, 'f16', dim, count)
  await keepRows(engine, originals, rows, 0, count, dim, { name: 'vectors' })
  for (const row of [19_999, 12_345]) engine.floats(rows, count * dim)[row * dim + 499] = -65505
  const held = engine.bytes
  await expect(keepRows(engine, originals, rows, 0, count, dim, { name: 'vectors' })).rejects.toMatchObject({
    name: 'IvfError',
    code: 'ERR_ARGUMENT',
    message:
      "row 12345 of vectors holds -65505 at component 499, and 16-bit floats end at ±65504; keep 'f32' instead of 'f16', or scale the vectors down",
  })
  const origin = (row: number) => row + 1000
  await expect(keepRows(engine, originals, rows, 0, count, dim, { name: 'batches', origin })).rejects.toThrow(
    /^row 13345 of batches holds -65505/,
  )
  expect(engine.bytes).toBe(held)
})

function room(engine: Engine, keep: Exclude<Keep, 'none'>, dim: number, count: number): Originals {
  return allocOriginals((bytes) => engine.alloc(bytes), keep, dim, count) as Originals
}

function rowOf(engine: Engine, { rows, rowBytes }: Originals, row: number): Uint8Array {
  return new Uint8Array(engine.memory.buffer, rows + row * rowBytes, rowBytes).slice()
}
