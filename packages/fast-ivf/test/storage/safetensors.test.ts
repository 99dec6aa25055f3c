import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toHalves } from '../../src/storage/float16.js'
import { openSafetensors, type SafetensorsFile } from '../../src/storage/safetensors.js'
import { type NamedTensor, safetensorsParts, writeSafetensors } from '../../src/storage/safetensors-write.js'
import { openSource } from '../../src/storage/source.js'
import type { TensorArray, TensorDtype } from '../../src/storage/tensor-dtypes.js'
import { expectError } from '../formats/files.js'

const open = async (bytes: Uint8Array): Promise<SafetensorsFile> => openSafetensors(await openSource(bytes), 'x.st')

const types = {
  ...{ F32: Float32Array, F64: Float64Array, F16: Uint16Array, BF16: Uint16Array, BOOL: Uint8Array },
  ...{ U8: Uint8Array, I8: Int8Array, U16: Uint16Array, I16: Int16Array, U32: Uint32Array, I32: Int32Array },
  ...{ U64: BigUint64Array, I64: BigInt64Array },
}
const dtypes = Object.keys(types) as TensorDtype[]

const tensor: fc.Arbitrary<Omit<NamedTensor, 'name'>> = fc
  .tuple(fc.constantFrom(...dtypes), fc.array(fc.nat(4), { maxLength: 4 }), fc.nat(3))
  .chain(([dtype, shape, offset]) => {
    const Type = types[dtype]
    const length = shape.reduce((all, size) => all * size, 1)
    const size = length * Type.BYTES_PER_ELEMENT
    return fc.uint8Array({ minLength: size, maxLength: size }).map((bytes) => {
      // a view into a larger array, as a caller's may be
      const data = new Type(length + offset).subarray(offset) as TensorArray
      new Uint8Array(data.buffer, data.byteOffset, size).set(bytes)
      return { shape, data, dtype }
    })
  })
const word = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('', '__proto__', 'constructor', '0', '"\\\n'))
const anyName = word.filter((name) => !name.startsWith('__pad__') && name !== '__metadata__')
const files = fc.record({
  tensors: fc.uniqueArray(fc.tuple(anyName, tensor), { maxLength: 6, selector: ([name]) => name }),
  metadata: fc.dictionary(word, word, { maxKeys: 4 }),
})

const bits = ({ buffer, byteOffset, byteLength }: TensorArray): number[] => [
  ...new Uint8Array(buffer, byteOffset, byteLength),
]

describe('what is written', () => {
  test('is read: names in order, dtypes, shapes, bits and metadata', async () => {
    const check = fc.asyncProperty(files, async ({ tensors, metadata }) => {
      const named = tensors.map(([name, rest]) => ({ name, ...rest }))
      const file = await open(writeSafetensors(named, metadata))
      expect({ ...file.metadata }).toEqual({ ...metadata })
      expect(Object.keys(file.metadata)).toEqual(Object.keys(metadata).sort().sort(integersFirst))
      expect([...file.tensors.keys()]).toEqual(named.map(({ name }) => name))
      for (const { name, shape, data, dtype } of named) {
        const found = await file.read(name)
        expect([found.dtype, found.shape]).toEqual([dtype, shape])
        expect(found.data.constructor).toBe(data.constructor)
        expect(bits(found.data)).toEqual(bits(data))
      }
    })
    await fc.assert(check, { numRuns: 200, seed: 11 })
  })

  test('has every tensor at a multiple of 64 bytes, and can be written in pieces', () => {
    const check = fc.asyncProperty(files, async ({ tensors, metadata }) => {
      const named = tensors.map(([name, rest]) => ({ name, ...rest }))
      const bytes = writeSafetensors(named, metadata)
      for (const { from } of (await open(bytes)).tensors.values()) expect(from % 64).toBe(0)
      const parts = safetensorsParts(named, metadata)
      expect(Buffer.concat(parts).equals(bytes)).toBe(true)
      for (const { data } of named) expect(parts.some((part) => part.buffer === data.buffer)).toBe(true)
    })
    return fc.assert(check, { numRuns: 100, seed: 12 })
  })

  test('depends on names and values alone', () => {
    const tensors = [{ name: 'a', shape: [2], data: Float32Array.of(1, 2) }]
    const bytes = writeSafetensors(tensors, { b: '1', a: '2' })
    expect(writeSafetensors(tensors, { a: '2', b: '1' })).toEqual(bytes)
    const header = `{"__metadata__":{"a":"2","b":"1"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`
    const wanted = Buffer.alloc(8 + 120 + 8, ' ')
    wanted.writeBigUInt64LE(120n)
    wanted.write(header, 8)
    wanted.set(new Uint8Array(Float32Array.of(1, 2).buffer), 128)
    expect(Buffer.from(bytes).equals(wanted)).toBe(true)
  })
})

/** Names that look like array indexes are always first among the keys of an object. */
function integersFirst(a: string, b: string): number {
  const index = (key: string): boolean => String(Number(key) >>> 0) === key
  return index(a) && index(b) ? Number(a) - Number(b) : Number(index(b)) - Number(index(a))
}

test.each([
  ['names that are taken', [{ name: 'a' }, { name: 'a' }], /named 'a'; another tensor has that name/],
  ['names with a meaning', [{ name: '__metadata__' }], /__metadata__.*choose another/],
  ['names of padding', [{ name: '__pad__0' }], /__pad__.*choose another/],
  ['names that are no text', [{ name: 'a\ud800' }], /a name must be text/],
  ['no names', [{ name: undefined }], /named undefined; a name must be text/],
  ['shapes of another size', [{ shape: [3] }], /has 2 numbers and shape \[3\]/],
  ['negative shapes', [{ shape: [-1, -2] }], /and shape Array;/],
  ['fractional shapes', [{ shape: [4, 0.5] }], /and shape Array;/],
  ['shapes that overflow', [{ shape: [2 ** 52, 2 ** 52, 0], data: new Float32Array(0) }], /has 0 numbers and shape/],
  ['shapes of too many dimensions', [{ shape: [2, ...new Array(64).fill(1)] }], /at most 64 integers/],
  ['plain arrays', [{ data: [1, 2] }], /'t' is Array; it must be a typed array/],
  ['clamped arrays', [{ data: new Uint8ClampedArray(2) }], /'t' is Uint8ClampedArray; it must be a typed array/],
  ['unknown dtypes', [{ dtype: 'F8' }], /Float32Array as 'F8'.*BF16/],
  ['other dtypes', [{ dtype: 'F16' }], /Float32Array as F16; Uint16Array is needed/],
])('%s are refused', (_, changes, message) => {
  const tensors = changes.map((change) => ({ name: 't', shape: [2], data: Float32Array.of(1, 2), ...change }))
  const error = expect.objectContaining({ code: 'ERR_ARGUMENT', message: expect.stringMatching(message) })
  expect(() => safetensorsParts(tensors as NamedTensor[])).toThrow(error)
})

test('metadata that is no text, or too much, is refused', () => {
  expect(() => safetensorsParts([], { a: 1 as never })).toThrow(/metadata 'a' is 1; names and values must be text/)
  expect(() => safetensorsParts([], { a: '\udc00' })).toThrow(/metadata 'a' is/)
  const many = Object.fromEntries(Array.from({ length: 250_001 }, (_, i) => [`${i}`, '']))
  expect(() => safetensorsParts([], many)).toThrow(/250001 metadata are too many for one file/)
  expect(() => safetensorsParts([], { a: 'x'.repeat(1e8) })).toThrow(/header has 1000\d+ bytes, safetensors allows/)
})

describe('floats', () => {
  const values = [0, -0, 1, -2.5, 2 ** -14, 2 ** -24, 65504, Infinity, -Infinity, NaN]
  const upper = (floats: Float32Array): Uint16Array => new Uint16Array(floats.buffer).filter((_, i) => i % 2 === 1)
  const f32 = Float32Array.from(values)
  const tensors: Omit<NamedTensor, 'shape'>[] = [
    { name: 'F32', data: f32 },
    { name: 'F64', data: Float64Array.from(values) },
    { name: 'F16', data: toHalves(values, 0, values.length), dtype: 'F16' },
    { name: 'BF16', data: upper(f32), dtype: 'BF16' },
  ]

  test.each(tensors)('of $name are read as 32-bit floats', async (tensor) => {
    const file = await open(writeSafetensors([{ ...tensor, shape: [tensor.data.length] }]))
    const wanted = tensor.name === 'BF16' ? values.map((value) => (value === 65504 ? 65280 : value)) : values
    expect(await file.readFloats(tensor.name)).toEqual(Float32Array.from(wanted))
  })

  test('that are none, or too large, are named', async () => {
    const data = Float64Array.of(1, -1e39)
    const ids = BigInt64Array.of(1n)
    const file = await open(
      writeSafetensors([
        { name: 'wide', shape: [2], data },
        { name: 'ids', shape: [1], data: ids },
      ]),
    )
    await expectError(file.readFloats('wide'), 'ERR_NOT_FINITE', /x\.st, tensor 'wide' holds -1e\+39 at 1/)
    await expectError(file.readFloats('ids'), 'ERR_FORMAT', /x\.st, tensor 'ids' holds I64; floats are needed/)
    await expectError(file.read('idx'), 'ERR_NOT_FOUND', /no tensor 'idx'; it has 'wide', 'ids': check the name/)
    await expectError(file.read('__pad__0'), 'ERR_NOT_FOUND', /no tensor '__pad__0'/)
  })
})

test('a tensor beyond 4 GiB is read by its position, and nothing else is', async () => {
  const far = 5 * 2 ** 30
  const header = JSON.stringify({
    a: { dtype: 'U8', shape: [far], data_offsets: [0, far] },
    b: { dtype: 'I16', shape: [1, 2], data_offsets: [far, far + 4] },
  })
  const start = 8 + header.length
  const reads: [number, number][] = []
  const file = await openSafetensors(
    {
      size: start + far + 4,
      async read(from, to) {
        reads.push([from, to])
        const head = Buffer.alloc(start)
        head.writeBigUInt64LE(BigInt(header.length))
        head.write(header, 8)
        // an odd offset: the reader may not assume aligned bytes
        return to <= start ? head.subarray(from, to) : Uint8Array.of(0, 1, 0, 255, 255).subarray(1)
      },
      async close() {},
    },
    'x.st',
  )
  expect(file.tensors.get('b')).toEqual({ dtype: 'I16', shape: [1, 2], from: start + far, to: start + far + 4 })
  expect((await file.read('b')).data).toEqual(Int16Array.of(1, -1))
  expect(reads).toEqual([
    [0, 8],
    [8, start],
    [start + far, start + far + 4],
  ])
})

describe('a reader in Python agrees', () => {
  const script = fileURLToPath(new URL('./read-safetensors.py', import.meta.url))
  const python = (args: string[]) => spawnSync('python3', args, { encoding: 'utf8', timeout: 60_000 })
  const readers = [
    { reader: 'stdlib', needs: 'json' },
    { reader: 'reference', needs: 'safetensors, numpy' },
  ].map((each) => ({ ...each, there: python(['-c', `import ${each.needs}`]).status === 0 }))

  for (const { reader, needs, there } of readers) {
    const note = there ? '' : ` (not run: no python3 with ${needs} on the PATH)`
    test.skipIf(!there)(`by ${needs}${note}`, async () => {
      const folder = await mkdtemp(join(tmpdir(), 'safetensors-'))
      try {
        const samples = fc.sample(files, { numRuns: 60, seed: 13 }).map(({ tensors, metadata }) => {
          return writeSafetensors(
            tensors.map(([name, rest]) => ({ name, ...rest })),
            metadata,
          )
        })
        const paths = samples.map((_, i) => join(folder, `${i}.safetensors`))
        await Promise.all(paths.map((path, i) => writeFile(path, samples[i]!)))
        const { stdout, stderr } = python([script, reader, ...paths])
        expect(stderr).toBe('')
        const found = stdout.trim().split('\n').map(withoutPadding)
        expect(found).toEqual(await Promise.all(samples.map(asPrinted)))
      } finally {
        await rm(folder, { recursive: true })
      }
    })
  }

  /** As entries, since a name may be __proto__. */
  function withoutPadding(line: string): { metadata: unknown; tensors: unknown } {
    const { metadata, tensors } = JSON.parse(line)
    const named = Object.entries(tensors).filter(([name]) => !name.startsWith('__pad__'))
    return { metadata: Object.entries(metadata).sort(byName), tensors: named.sort(byName) }
  }

  async function asPrinted(bytes: Uint8Array): Promise<{ metadata: unknown; tensors: unknown }> {
    const file = await open(bytes)
    const tensors = [...file.tensors].map(async ([name, { dtype, shape }]): Promise<[string, unknown]> => {
      const { data } = await file.read(name)
      const numbers: (number | bigint)[] = [...(/^B?F(16|32)/.test(dtype) ? await file.readFloats(name) : data)]
      const printed = numbers.map((value) => {
        if (dtype === 'BOOL') return value !== 0
        return typeof value === 'bigint' ? String(value) : Number.isFinite(value) ? value : null
      })
      return [name, [dtype, shape, printed]]
    })
    return { metadata: Object.entries(file.metadata).sort(byName), tensors: (await Promise.all(tensors)).sort(byName) }
  }

  const byName = ([a]: [string, unknown], [b]: [string, unknown]): number => (a < b ? -1 : 1)
})
