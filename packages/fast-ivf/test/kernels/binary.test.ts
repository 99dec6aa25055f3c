import { describe, expect, test } from 'vitest'
import { kernelBytes, simdLevel } from '../../src/engine/binary.js'
import type { Kernel } from '../../src/engine/executor.js'
import { writeRecord } from '../../src/engine/layout.js'
import { records } from '../../src/generated/kernels.js'
import { selfCheck } from '../../src/self-check.js'
import { machines, wholes } from './machine.js'

const KERNELS = [
  'addToSums',
  'assignRows',
  'byteQueries',
  'classifyRows',
  'clearHeaps',
  'compareCells',
  'comparePairs',
  'decideCells',
  'decodeProduct',
  'decodeScalar',
  'embedRows',
  'encodeProduct',
  'encodeScalar',
  'finishQueries',
  'gatherRows',
  'hashRanges',
  'keepRows',
  'lookUpTables',
  'matchPairs',
  'means',
  'nearestCells',
  'nibbleTables',
  'pickRows',
  'placeBatch',
  'placeLayer',
  'prepareRows',
  'products',
  'projectRows',
  'readNibbles',
  'readQuads',
  'readRows',
  'rotateRows',
  'scanLookUp',
  'scanNibbles',
  'scanPanels',
  'scanQuads',
  'scatterRows',
  'signTables',
  'unrotateRows',
  'updateLayer',
  'updateLimits',
  'writeNibbles',
  'writeQuads',
  'writeRows',
]

describe.each(machines.map(({ level }) => level))('the %s binary', (level) => {
  const variants = [true, false].flatMap((shared) => [true, false].map((revectorized) => ({ shared, revectorized })))

  test.each(variants)('imports its memory and nothing else: %o', ({ shared, revectorized }) => {
    const module = new WebAssembly.Module(kernelBytes(level, shared, revectorized))
    expect(WebAssembly.Module.imports(module)).toEqual([{ module: 'env', name: 'memory', kind: 'memory' }])
    const functions = WebAssembly.Module.exports(module).filter(({ kind }) => kind === 'function')
    expect(functions.map(({ name }) => name).sort()).toEqual(KERNELS)
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared })
    expect(() => new WebAssembly.Instance(module, { env: { memory } })).not.toThrow()
    const other = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: !shared })
    expect(() => new WebAssembly.Instance(module, { env: { memory: other } })).toThrow(WebAssembly.LinkError)
  })

  test('has no start, no globals and no data: instances write nothing and hold nothing', () => {
    const TYPES = [1, 2, 3, 7, 10] // types, imports, functions, exports, code
    expect(sections(kernelBytes(level, true, false))).toEqual(TYPES)
    expect(sections(kernelBytes(level, true, true))).toEqual([...TYPES, 0])
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true })
    new Uint8Array(memory.buffer).fill(0x5a)
    new WebAssembly.Instance(new WebAssembly.Module(kernelBytes(level, true, false)), { env: { memory } })
    expect(new Uint8Array(memory.buffer).every((byte) => byte === 0x5a)).toBe(true)
  })

  test('runs the same over memory that is not shared', () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 })
    const instance = new WebAssembly.Instance(new WebAssembly.Module(kernelBytes(level, false, false)), {
      env: { memory },
    })
    expect(selfCheck(instance.exports, memory)).toBe(true)
  })

  test('two instances over one memory do not disturb each other', () => {
    const memory = new WebAssembly.Memory({ initial: 4, maximum: 65536, shared: true })
    const module = new WebAssembly.Module(kernelBytes(level, true, false))
    const lanes = [0, 1].map(() => new WebAssembly.Instance(module, { env: { memory } }).exports.addToSums as Kernel)
    const dim = 21
    const rows = wholes(100 * dim, 5)
    new Float32Array(memory.buffer, 65536, rows.length).set(rows)
    const [one, two] = [100000, 110000]
    for (const [record, sums] of [
      [1024, one],
      [2048, two],
    ] as const) {
      const fields = {
        rows: 65536,
        indices: 0,
        labels: 90000,
        count: 100,
        dim,
        sign: sums === one ? 1 : -1,
        width: 4,
        sums,
      }
      writeRecord(memory.buffer, record, 'Sums', fields)
    }
    for (let item = 0; item < 6; item++) {
      lanes[0]?.(1024, item, item + 1, 0)
      lanes[1]?.(2048, item, item + 1, 1)
    }
    const sums = Float32Array.from({ length: dim }, (_, k) =>
      rows.reduce((sum, x, i) => (i % dim === k ? sum + x : sum), 0),
    )
    expect([...new Float32Array(memory.buffer, one, dim)]).toEqual([...sums])
    expect([...new Float32Array(memory.buffer, two, dim)]).toEqual([...sums].map((x) => 0 - x))
  })
})

test('the level is one that validates', () => {
  expect(WebAssembly.validate(kernelBytes(simdLevel() as 'baseline', true, false))).toBe(true)
})

describe('the check of the widened kernels', () => {
  const { exports, memory } = machines[0] as (typeof machines)[number]
  const { products, scanQuads } = exports
  const check = (kernels: Partial<Record<'products' | 'scanQuads', Kernel>>): boolean =>
    selfCheck({ products, scanQuads, ...kernels }, memory)

  test('passes kernels that are right', () => {
    expect(check({})).toBe(true)
  })

  test('refuses one wrong product, at once or only after a while', () => {
    let calls = 0
    const spoilt =
      (after: number): Kernel =>
      (record, from, to, lane) => {
        products(record, from, to, lane)
        const out = new DataView(memory.buffer).getUint32(record + 32, true)
        const last = new Float32Array(memory.buffer, out, 12 * 48).subarray(-1)
        if (calls++ >= after) last[0] = (last[0] as number) + 1
      }
    expect(check({ products: spoilt(0) })).toBe(false)
    calls = 0
    expect(check({ products: spoilt(250) })).toBe(false)
    expect(check({ products: () => {} })).toBe(false)
  })

  test('refuses one wrong sum of bytes', () => {
    const field = (record: number, name: keyof typeof records.Scan): number =>
      new DataView(memory.buffer).getUint32(record + Object.keys(records.Scan).indexOf(name) * 4, true)
    const spoilt: Kernel = (record, from, to, lane) => {
      scanQuads(record, from, to, lane)
      const nearest = new Float32Array(memory.buffer, field(record, 'heaps'), 1)
      nearest[0] = (nearest[0] as number) - 1
    }
    expect(check({ scanQuads: spoilt })).toBe(false)
    expect(check({ scanQuads: () => {} })).toBe(false)
  })
})

/** The ids of a module's sections. */
function sections(bytes: Uint8Array): number[] {
  const ids: number[] = []
  let at = 8
  while (at < bytes.length) {
    ids.push(bytes[at++] as number)
    let size = 0
    let shift = 0
    let byte = 0x80
    while (byte & 0x80) {
      byte = bytes[at++] as number
      size |= (byte & 0x7f) << shift
      shift += 7
    }
    at += size
  }
  return ids
}
