import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openSafetensors } from '../../src/storage/safetensors.js'
import { writeSafetensors } from '../../src/storage/safetensors-write.js'
import { openSource } from '../../src/storage/source.js'
import { expectError } from '../formats/files.js'

/** Opens and reads everything; names and bytes. */
async function readAll(bytes: Uint8Array): Promise<[string, number[]][]> {
  const file = await openSafetensors(await openSource(bytes), 'x.st')
  const all: [string, number[]][] = []
  for (const name of file.tensors.keys()) {
    const { data } = await file.read(name)
    all.push([name, [...new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]])
  }
  return all
}

/** A file with this header and so many bytes of tensors. */
function fileOf(header: string | Uint8Array, data = 0, length?: bigint): Uint8Array {
  const head = Buffer.from(header as string)
  const bytes = new Uint8Array(8 + head.length + data)
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(head.length), true)
  bytes.set(head, 8)
  return bytes
}

const info = (shape: string, offsets: string, dtype = 'U8'): string =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}`
const one = (shape: string, offsets: string, dtype?: string): string => `{"t":${info(shape, offsets, dtype)}}`
const two = (a: string, b: string): string => `{"a":${info('[4]', a)},"b":${info('[4]', b)}}`

const small = writeSafetensors(
  [
    { name: 'a', shape: [3], data: Float32Array.of(1, 2, 3) },
    { name: 'b', shape: [2, 1], data: Uint8Array.of(1, 2) },
  ],
  { 'of what': 'tests' },
)
const bytesOfSmall = [
  [0, 0, 128, 63, 0, 0, 0, 64, 0, 0, 64, 64],
  [1, 2],
]

describe('a file', () => {
  test('cut at any byte is refused by name, with what to do', async () => {
    for (let length = 0; length < small.length; length++) {
      await expectError(readAll(small.slice(0, length)), 'ERR_FORMAT', /^x\.st.*(short|again)/)
    }
  })

  test('with more bytes than its tensors have is refused', async () => {
    await expectError(readAll(Buffer.concat([small, Uint8Array.of(0)])), 'ERR_FORMAT', /tensor 'b' ends at 66; copy/)
    await expectError(readAll(fileOf('{}', 1)), 'ERR_FORMAT', /has 1 bytes after its header, the header ends at 0/)
  })

  test('with a changed byte is refused, or its tensors are all there', async () => {
    const headerEnd = 8 + Number(new DataView(small.buffer).getBigUint64(0, true))
    for (let at = 0; at < headerEnd; at++) {
      for (const flip of [1, 2, 0x10, 0x80, 0xff]) {
        const changed = small.slice()
        changed[at] = (changed[at] as number) ^ flip
        const result = await readAll(changed).catch((error: unknown) => error)
        if (!Array.isArray(result)) expect(result).toMatchObject({ name: 'IvfError', code: 'ERR_FORMAT' })
        // the tensor between them may have become one that is listed
        else expect([result[0]?.[1], result.at(-1)?.[1]]).toEqual(bytesOfSmall)
      }
    }
  })

  test('of any other kind is refused', async () => {
    const pieces = fc.constantFrom(
      ...'{}[]":,\\',
      '"a"',
      '"dtype":"U8"',
      '"shape":[1]',
      '"data_offsets":[0,1]',
      '0',
      ' ',
    )
    const texts = fc.array(pieces, { maxLength: 12 }).map((parts) => fileOf(`{${parts.join('')}`, 1))
    const check = fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 200 }), texts), async (bytes) => {
      const result = await readAll(bytes).catch((error: unknown) => error)
      if (!Array.isArray(result)) expect(result).toMatchObject({ name: 'IvfError', code: 'ERR_FORMAT' })
    })
    await fc.assert(check, { numRuns: 2000, seed: 5 })
  })

  test('that gives less than it has is refused', async () => {
    const short = { size: small.length, read: async () => new Uint8Array(3), close: async () => {} }
    await expectError(openSafetensors(short, 'x.st'), 'ERR_FORMAT', /x\.st gave 3 bytes of 8 at byte 0/)
  })
})

test.each([
  ['of no bytes', '', undefined, /does not begin with \{/],
  ['0', '{}', 0n, /does not begin with \{/],
  ['beyond the file', '{}', 3n, /says its header has 3 bytes; 2 follow: it was cut short/],
  ['beyond what is allowed', '{}', 100_000_001n, /has 100000001 bytes; 2 follow/],
  ['beyond 2^53', '{}', 2n ** 63n, /has 9223372036854776000 bytes; 2 follow/],
  ['the largest', '{}', 2n ** 64n - 1n, /has 18446744073709552000 bytes; 2 follow/],
])('a header length that lies is refused: %s', async (_, header, length, message) => {
  await expectError(readAll(fileOf(header, 0, length)), 'ERR_FORMAT', message)
})

test('a header beyond 100 MB is refused though it is there, and nothing of it is read', async () => {
  const reads: number[] = []
  const source = {
    size: 8 * 2 ** 30,
    async read(from: number, to: number): Promise<Uint8Array> {
      reads.push(from, to)
      return fileOf('', 0, 100_000_001n)
    },
    async close() {},
  }
  const message = /100000001 bytes; 100000000 are allowed/
  await expectError(openSafetensors(source, 'x.st'), 'ERR_FORMAT', message)
  expect(reads).toEqual([0, 8])
})

const deep = 200_000
test.each<[string, string | Uint8Array, number, RegExp]>([
  ['arrays', '[]', 0, /does not begin with \{/],
  ['text before', ' {}', 0, /does not begin with \{/],
  ['a byte order mark', '\ufeff{}', 0, /does not begin with \{/],
  ['text after', '{} x', 0, /'x' at character 3 of the header, where nothing but spaces/],
  ['bytes that are no UTF-8', Uint8Array.of(0x7b, 0x22, 0xff, 0x22), 0, /no UTF-8/],
  ['no end', '{"a', 0, /'"a' at character 1 of the header/],
  ['no colon', '{"a" 1}', 0, /'1' at character 5 of the header, where a colon is needed/],
  ['no comma', two('[0,4]', '[4,8]').replace('},', '}'), 8, /where a comma or } is needed/],
  ['a comma too many', `${one('[1]', '[0,1]').slice(0, -1)},}`, 1, /a string in double quotes/],
  ['control characters', '{"a\n":1}', 0, /a whole string without control characters/],
  ['a backslash at the end', '{"a\\', 0, /a whole string/],
  ['nested objects', '{"a":'.repeat(deep), 0, /'a' is unknown/],
  ['nested arrays', `{"a":${'['.repeat(deep)}`, 0, /tensor 'a': '\[' at character 5 .* a list in {} is needed/],
  ['nested shapes', one('['.repeat(deep), '[0,1]'), 1, /the shape of tensor 't': '\[' .*an integer from 0/],
  ['nested metadata', `{"__metadata__":{"a":${'{'.repeat(deep)}`, 0, /__metadata__ 'a': '{' .* a string/],
  [
    'too much metadata',
    `{"__metadata__":{${Array.from({ length: 250_001 }, (_, i) => `"${i}":""`)}}}`,
    0,
    /250000 mem/,
  ],
  ['metadata that is no object', '{"__metadata__":null}', 0, /__metadata__: 'null' .* a list in {}/],
  ['metadata that is no text', '{"__metadata__":{"a":1}}', 0, /__metadata__ 'a': '1' at .* a string/],
  ['metadata twice', '{"__metadata__":{"a":"","a":""}}', 0, /__metadata__: 'a' is there twice/],
  ['a tensor that is no object', '{"t":7}', 0, /tensor 't': '7' at .* a list in {}/],
  ['a tensor of nothing', '{"t":{}}', 0, /tensor 't': dtype, shape and data_offsets \[from, to\] are needed/],
  ['no dtype', '{"t":{"shape":[1],"data_offsets":[0,1]}}', 1, /tensor 't': dtype, shape and/],
  ['no shape', '{"t":{"dtype":"U8","data_offsets":[0,1]}}', 1, /tensor 't': dtype, shape and/],
  ['no offsets', '{"t":{"dtype":"U8","shape":[1]}}', 1, /tensor 't': dtype, shape and/],
  ['one offset', one('[1]', '[1]'), 1, /tensor 't': dtype, shape and data_offsets \[from, to\]/],
  ['three offsets', one('[1]', '[0,1,2]'), 1, /the data_offsets of tensor 't' has more than 2 numbers/],
  ['unknown members', '{"t":{"strides":[1]}}', 1, /tensor 't': 'strides' is unknown/],
  ['a tensor twice', `{"a":${info('[1]', '[0,1]')},"\\u0061":${info('[1]', '[0,1]')}}`, 1, /'a' is there twice/],
  ['a dtype twice', '{"t":{"dtype":"U8","dtype":"U8"}}', 1, /tensor 't': 'dtype' is there twice/],
  ['unknown dtypes', one('[1]', '[0,1]', 'F8_E4M3'), 1, /the dtype is 'F8_E4M3'; F32.*convert it/],
  ['dtypes that objects have', one('[1]', '[0,1]', '__proto__'), 1, /the dtype is '__proto__'/],
  ['negative shapes', one('[-1]', '[0,1]'), 1, /the shape of tensor 't': '-1' at .* an integer from 0 to/],
  ['fractional shapes', one('[1.0]', '[0,1]'), 1, /'1.0' at/],
  ['exponents', one('[1e0]', '[0,1]'), 1, /'1e0' at/],
  ['leading zeros', one('[01]', '[0,1]'), 1, /'01' at/],
  ['shapes beyond 2^53', one('[9007199254740992]', '[0,1]'), 1, /'9007199254740992' at/],
  ['shapes of many digits', one(`[${'9'.repeat(deep)}]`, '[0,1]'), 1, /'9{40}' at/],
  ['shapes that overflow', one('[4294967296,4294967296]', '[0,0]'), 0, /is more than 2\^53 bytes/],
  ['sizes that overflow', one('[9007199254740991]', '[0,0]', 'F64'), 0, /is more than 2\^53 bytes/],
  ['overflow before 0', one('[4294967296,4294967296,0]', '[0,0]'), 0, /is more than 2\^53 bytes/],
  ['shapes of many ones', one(`[${'1,'.repeat(deep)}1]`, '[0,1]'), 1, /the shape of tensor 't' has more than 64/],
  ['shapes of another size', one('[2,2]', '[0,8]', 'F32'), 8, /shape \[2, 2\] of F32 is 16 bytes, the .* are 8/],
  ['offsets that run backwards', one('[1]', '[1,0]'), 1, /the data_offsets 1 to 0 are -1/],
  ['offsets that are no integers', one('[1]', '[0,"1"]'), 1, /the data_offsets of tensor 't': '"1"' at/],
  ['offsets beyond the file', one('[9]', '[0,9]'), 8, /tensor 't' ends at byte 9 after the header, the file at 8; it/],
  ['far offsets', one('[1]', '[9007199254740990,9007199254740991]'), 1, /begins at byte 9007199254740990/],
  ['a hole', two('[0,4]', '[5,9]'), 9, /tensor 'b' begins at byte 5, tensor 'a' ends at 4; .* neither gaps nor/],
  ['a hole at the begin', one('[1]', '[1,2]'), 2, /tensor 't' begins at byte 1, the header ends at 0/],
  ['a hole at the end', one('[1]', '[0,1]'), 2, /has 2 bytes after its header, tensor 't' ends at 1/],
  ['an overlap', two('[0,4]', '[3,7]'), 7, /tensor 'b' begins at byte 3, tensor 'a' ends at 4/],
  ['the same bytes twice', two('[0,4]', '[0,4]'), 4, /tensor 'b' begins at byte 0, tensor 'a' ends at 4/],
])('a header is refused that has %s', async (_, header, data, message) => {
  const error: unknown = await readAll(fileOf(header, data)).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ name: 'IvfError', code: 'ERR_FORMAT', message: expect.stringMatching(message) })
  expect((error as Error).message).toMatch(/^x\.st/)
  expect((error as Error).message.length).toBeLessThan(400)
})

test('what the format allows is read: any order, spaces, no numbers, no dimensions, any name', async () => {
  const header = ` {
    "z" : ${info('[2]', '[4, 6]')},	"__proto__":${info('[]', '[0,4]', 'F32')},
    "": ${info('[0, 9007199254740991]', '[4,4]', 'F64')}, "\\"\\u00e9\\ud83d\\ude00": ${info('[1]', '[6,7]', 'BOOL')},
    "__metadata__": { "__proto__": "p", "constructor": "" } }\r\n  `
  const bytes = fileOf(header.trimStart(), 7)
  bytes.set([1, 2, 3, 4, 5, 6, 7], bytes.length - 7)
  expect(await readAll(bytes)).toEqual([
    ['__proto__', [1, 2, 3, 4]],
    ['', []],
    ['z', [5, 6]],
    ['"é😀', [7]],
  ])
  const { metadata } = await openSafetensors(await openSource(bytes), 'x.st')
  expect(Object.entries(metadata)).toEqual([
    ['__proto__', 'p'],
    ['constructor', ''],
  ])
  expect(metadata.toString).toBeUndefined()
})
