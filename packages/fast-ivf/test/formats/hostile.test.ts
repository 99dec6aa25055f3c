import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { IvfError } from '../../src/errors.js'
import { formatNames, openVectors, toBytes } from '../../src/formats/index.js'
import { contents, expectError, fixture, readBytes } from './files.js'

const text = (lines: string): Uint8Array => new TextEncoder().encode(lines)
const ints = (...values: number[]): Uint8Array => new Uint8Array(Int32Array.from(values).buffer)

const small = { data: Uint8Array.from({ length: 15 }, (_, i) => i + 10), dims: [5, 3] }
const deflated = await (await import('node:fs/promises')).readFile(fixture('npy/npz_deflate.npz'))

describe.each(formatNames)('%s', (format) => {
  /** At these lengths the shorter file is a good one: rows or lines end there. */
  const rowBytes: Record<string, number> = { fvecs: 16, bvecs: 7, ivecs: 16 }

  test('a file cut at any byte is refused, or holds fewer whole rows', async () => {
    const bytes = await toBytes(small, { format })
    for (let length = 0; length < bytes.length; length++) {
      const cut = bytes.slice(0, length)
      const result = await readBytes(cut, format).catch((error: unknown) => error)
      const wholeRows =
        format === 'jsonl' ? /\](\n?)$/.test(new TextDecoder().decode(cut)) : length % (rowBytes[format] ?? 1e9) === 0
      if (length > 0 && wholeRows) expect(result).toEqual(Array.from(small.data).slice(0, (result as number[]).length))
      else expect(result, `cut at ${length}`).toMatchObject({ name: 'IvfError', code: 'ERR_FORMAT' })
    }
  })

  test('more bytes than the header says are refused', async () => {
    const bytes = await toBytes(small, { format })
    const longer = new Uint8Array(bytes.length + 1)
    longer.set(bytes)
    await expectError(readBytes(longer, format), 'ERR_FORMAT', /the file/)
  })

  test('bytes of any other kind are refused', async () => {
    const check = fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      const result = await readBytes(bytes, format).catch((error: unknown) => error)
      if (!Array.isArray(result)) expect(result).toBeInstanceOf(IvfError)
    })
    await fc.assert(check, { numRuns: 200, seed: 3 })
  })

  test('one changed byte leads to an error or to numbers, never to anything else', async () => {
    const bytes = await toBytes(small, { format })
    for (let at = 0; at < bytes.length; at++) {
      for (const flip of [1, 0x80, 0xff]) {
        const changed = bytes.slice()
        changed[at] = (changed[at] as number) ^ flip
        const result = await readBytes(changed, format).catch((error: unknown) => error)
        if (!Array.isArray(result)) expect(result, `byte ${at}`).toBeInstanceOf(IvfError)
      }
    }
  })
})

test('a deflated archive cut or changed at any byte is refused or reads the same', async () => {
  const bytes = new Uint8Array(deflated)
  const good = await readBytes(bytes, 'npz', 'ids')
  for (let at = 0; at < bytes.length; at++) {
    const cut = await readBytes(bytes.slice(0, at), 'npz', 'ids').catch((error: unknown) => error)
    expect(cut, `cut at ${at}`).toMatchObject({ name: 'IvfError', code: 'ERR_FORMAT' })
    const changed = bytes.slice()
    changed[at] = (changed[at] as number) ^ 0x55
    const result = await readBytes(changed, 'npz', 'ids').catch((error: unknown) => error)
    if (Array.isArray(result)) expect(result).toEqual(good)
    else expect(result, `changed at ${at}`).toBeInstanceOf(IvfError)
  }
})

function npy(header: string, data: number, version = 1): Uint8Array {
  const wide = version > 1
  const head = text(header)
  const bytes = new Uint8Array((wide ? 12 : 10) + head.length + data)
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0])
  const view = new DataView(bytes.buffer)
  if (wide) view.setUint32(8, head.length, true)
  else view.setUint16(8, head.length, true)
  bytes.set(head, wide ? 12 : 10)
  return bytes
}

describe('npy headers', () => {
  const header = (descr: string, shape: string, order = 'False'): string =>
    `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }`

  test.each([
    [
      'shapes that lie',
      header("'<f4'", '(1000, 16)'),
      64,
      /has \d+ bytes, its header \(shape 1000 × 16, float32\) asks for \d+/,
    ],
    ['absurd shapes', header("'<f4'", '(9007199254740991, 9007199254740991)'), 64, /asks for/],
    ['shapes beyond integers', header("'<f4'", '(99999999999999999999, 4)'), 64, /descr, fortran_order or shape/],
    ['negative shapes', header("'<f4'", '(-1, 4)'), 0, /descr, fortran_order or shape/],
    ['no dimension', header("'<f4'", '()'), 4, /reshape\(1, -1\)/],
    ['vectors of nothing', header("'<f4'", '(5, 0)'), 0, /without numbers/],
    ['an empty vector', header("'<f4'", '(0,)'), 0, /without numbers/],
    ['text', header("'<U4'", '(2, 2)'), 64, /'<U4'.*astype/],
    ['objects', header("'|O'", '(2, 2)'), 32, /'\|O'/],
    ['complex numbers', header("'<c8'", '(2, 2)'), 32, /'<c8'/],
    ['records', header("[('a', '<f4'), ('b', '<i4')]", '(2,)'), 16, /several fields/],
    ['no dictionary', 'hello', 0, /no dictionary/],
    ['code', "{'descr': __import__('os'), }", 0, /no dictionary/],
    ['deep nesting', `${'['.repeat(60000)}`, 0, /no dictionary/],
    ['a dictionary without a shape', "{'descr': '<f4', 'fortran_order': False}", 0, /shape/],
  ])('%s are refused', async (_, text, data, message) => {
    await expectError(openVectors(npy(text, data), { name: 'x.npy' }), 'ERR_FORMAT', message)
  })

  test('headers of Python 2, other quotes, orders and versions are read', async () => {
    for (const version of [1, 2, 3]) {
      const bytes = npy(`{"shape": (2L, 3L), 'fortran_order': True, 'descr': "=f4"}\n`, 24, version)
      bytes.set(new Uint8Array(Float32Array.of(1, 4, 2, 5, 3, 6).buffer), bytes.length - 24)
      expect(await readBytes(bytes, 'npy')).toEqual([1, 2, 3, 4, 5, 6])
    }
  })

  test('versions and lengths that are not there are refused', async () => {
    await expectError(readBytes(npy(header("'<f4'", '(1, 1)'), 4, 4), 'npy'), 'ERR_FORMAT', /version 4/)
    const long = npy(header("'<f4'", '(1, 1)'), 4, 2)
    new DataView(long.buffer).setUint32(8, 0xffffffff, true)
    await expectError(readBytes(long, 'npy'), 'ERR_FORMAT', /4294967295 bytes/)
  })

  test('an integer beyond 2^53 names its row', async () => {
    const bytes = npy(header("'<i8'", '(3, 2)'), 48)
    new DataView(bytes.buffer).setBigInt64(bytes.length - 8, -(2n ** 53n), true)
    await expectError(readBytes(bytes, 'npy'), 'ERR_FORMAT', /row 2 holds an int64 of about -9007199254740992/)
    new DataView(bytes.buffer).setBigInt64(bytes.length - 8, -(2n ** 53n) + 1n, true)
    expect((await readBytes(bytes, 'npy')).at(-1)).toBe(Number.MIN_SAFE_INTEGER)
  })
})

describe('vecs and bin headers', () => {
  test.each([
    ['fvecs', ints(0, 0), /dim 0/],
    ['fvecs', ints(-5, 0), /dim -5/],
    ['fvecs', ints(2 ** 31 - 1, 0), /dim 2147483647/],
    ['bvecs', ints(5), /4 bytes .* dim 5 \(9 bytes as bvecs\)/],
    ['fbin', ints(-1, -1, 0), /4294967295 × 4294967295/],
    ['fbin', ints(2 ** 31 - 1, 0), /2147483647 × 0/],
    ['fbin', ints(2, 2, 0, 0, 0), /2 × 2 \(24 bytes as fbin\) and has 20 bytes/],
    ['ibin', ints(1), /has 4 bytes/],
  ])('%s refuses dims and counts that cannot be (%#)', async (format, bytes, message) => {
    await expectError(openVectors(bytes, { format, name: 'x' }), 'ERR_FORMAT', message)
  })

  test('a vecs row of another dim is named', async () => {
    const even = ints(2, 1, 2, 2, 3, 4, 1, 5, 2, 1, 1, 7)
    await expectError(readBytes(even, 'ivecs'), 'ERR_FORMAT', /row 2 of dim 1 at byte 24, the rows before have 2/)
    const odd = ints(2, 1, 2, 3, 3, 4, 1, 5)
    await expectError(openVectors(odd, { format: 'ivecs' }), 'ERR_FORMAT', /row 1 of dim 3/)
  })

  test('a fbin file may be empty', async () => {
    expect(await contents(await openVectors(ints(0, 5), { format: 'fbin' }))).toEqual({ dims: [0, 5], numbers: [] })
  })
})

describe('jsonl', () => {
  test('blank lines, CRLF, spaces, a byte order mark and a missing last line end are read', async () => {
    const bytes = text('\ufeff\r\n[1, 2]\r\n  \n\n [3e0,-4.5]\t\n[5,6]')
    expect(await readBytes(bytes, 'jsonl')).toEqual([1, 2, 3, -4.5, 5, 6])
  })

  test.each([
    ['[1,2]\n[3,4\n', /line 2 that is not JSON: \[3,4/],
    ['[1,2]\n\n\n[3]\n', /1 numbers on line 4, the lines before have 2/],
    ['[1,2]\n[3,4,5]\n', /3 numbers on line 2/],
    ['[1,2]\n{"a":[1,2]}\n', /line 2 that is no array of numbers/],
    ['[1,2]\n[1,null]\n', /line 2 that is no array of numbers/],
    ['[1,2]\n[1,1e999]\n', /line 2 that is no array of numbers/],
    ['[]\n[]\n', /line 1 that is no array of numbers/],
    ['\n\n', /no line/],
    ['', /no line/],
  ])('%j is refused', async (lines, message) => {
    await expectError(readBytes(text(lines), 'jsonl'), 'ERR_FORMAT', message)
  })

  test('a long first row asks for no more memory than the file warrants', async () => {
    const lines = `[${'1,'.repeat(99_999)}1]\n${'[1]\n'.repeat(100_000)}`
    await expectError(openVectors(text(lines), { format: 'jsonl' }), 'ERR_FORMAT', /1 numbers on line 2/)
  })

  test('a line longer than a chunk is read, and rows far in the file are found', async () => {
    const wide = text(`[${'1.25,'.repeat(500_000)}1]\n`.repeat(2))
    const file = await openVectors(wide, { format: 'jsonl' })
    expect([file.count, file.dim]).toEqual([2, 500_001])
    expect((await file.readAll()).data[500_001]).toBe(1.25)
    const many = await openVectors(text(Array.from({ length: 5000 }, (_, i) => `[${i}]\n`).join('\n')), {
      format: 'jsonl',
    })
    for await (const { data, dims } of many.batches({ from: 3500, to: 4501, rows: 1000 })) {
      expect([data[0], dims[0]]).toEqual(dims[0] === 1 ? [4500, 1] : [3500, 1000])
    }
  })
})
