import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { type RecordName, recordSize, writeRecord } from '../../src/engine/layout.js'
import { records, worker } from '../../src/generated/kernels.js'

const src = fileURLToPath(new URL('../../src/', import.meta.url))
const sources = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.kernel.ts'))
  .map((name) => readFileSync(src + name, 'utf8'))

/** Field lines of each @unmanaged class: every one of them, whatever its type. */
function classes(): Map<string, [string, string][]> {
  const found = new Map<string, [string, string][]>()
  for (const text of sources) {
    for (const [, name, body] of text.matchAll(/^@unmanaged\s+export class (\w+) \{\n([\s\S]*?)^\}/gm)) {
      const lines = (body as string).split('\n').filter((line) => line.trim() !== '')
      const fields = lines.map(
        (line) =>
          line
            .replace(/\/\/.*/, '')
            .trim()
            .split(': ') as [string, string],
      )
      found.set(name as string, fields)
    }
  }
  return found
}

describe('records', () => {
  test('are those of the kernels, field by field', () => {
    const found = classes()
    expect([...found.keys()].sort()).toEqual(Object.keys(records).sort())
    for (const [name, fields] of found) {
      const types = { usize: 'u', u32: 'u', f32: 'f' } as Record<string, string>
      expect(Object.entries(records[name as RecordName]), name).toEqual(
        fields.map(([field, type]) => [field, types[type]]),
      )
    }
  })

  test('are every class that is unmanaged', () => {
    const count = sources.reduce((sum, text) => sum + (text.match(/@unmanaged/g)?.length ?? 0), 0)
    expect(classes().size).toBe(count)
  })

  test('are written in order, little endian, 4 bytes a field, and nothing beside', () => {
    for (const name of Object.keys(records) as RecordName[]) {
      const types = Object.entries(records[name])
      const size = recordSize(name)
      expect(size).toBe(types.length * 4)
      const buffer = new ArrayBuffer(size + 16)
      new Uint8Array(buffer).fill(0xa5)
      const fields = Object.fromEntries(
        types.map(([field, type], i) => [field, type === 'f' ? i + 0.5 : 0xfffffff0 - i]),
      )
      // The order of the caller's object is of no matter.
      const reversed = Object.fromEntries(Object.entries(fields).reverse())
      writeRecord(buffer, 8, name, reversed as never)
      const view = new DataView(buffer)
      types.forEach(([field, type], i) => {
        const at = 8 + i * 4
        expect(type === 'f' ? view.getFloat32(at, true) : view.getUint32(at, true)).toBe(fields[field])
      })
      expect([...new Uint8Array(buffer, 0, 8), ...new Uint8Array(buffer, size + 8)]).toEqual(new Array(16).fill(0xa5))
    }
  })
})

test('the worker that is inlined is the one in threads/', () => {
  expect(worker).toBe(readFileSync(`${src}threads/worker.js`, 'utf8'))
})
