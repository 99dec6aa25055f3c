import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { IvfError } from '../../src/errors.js'
import type { FaissIndex } from '../../src/faiss/description.js'
import { letters, u64 } from '../../src/faiss/put.js'
import { toFaissBytes } from '../../src/faiss/write.js'
import { expectError } from '../formats/files.js'
import { fixtureBytes, fixtureNames, parse } from './fixtures.js'
import { contentsOf, indexes } from './indexes.js'

/** Files of some hundred bytes, of all kinds together. */
const small = (
  await Promise.all(fc.sample(indexes, { numRuns: 80, seed: 21 }).map((index) => toFaissBytes(index)))
).filter(({ length }) => length < 1500)

/** Reads all there is; whatever the bytes are, that is an index or an IvfError. */
async function readAll(bytes: Uint8Array, note: string): Promise<unknown> {
  const index: FaissIndex | IvfError = await parse(bytes).catch((error: unknown) => error as IvfError)
  if (!('kind' in index)) expect(index, note).toBeInstanceOf(IvfError)
  return 'kind' in index ? contentsOf(index) : index.code
}

test('a file cut at any byte is refused', async () => {
  for (const bytes of [...small.slice(0, 40), fixtureBytes('tiny_sparse'), fixtureBytes('tiny_pca')]) {
    for (let length = 0; length < bytes.length; length++) {
      const error = await parse(bytes.slice(0, length)).catch((thrown: unknown) => thrown)
      expect(error, `cut at ${length}`).toMatchObject({ name: 'IvfError', code: 'ERR_FORMAT' })
    }
  }
})

test('a file that goes on is refused', async () => {
  for (const bytes of small) {
    const longer = new Uint8Array(bytes.length + 1)
    longer.set(bytes)
    await expectError(parse(longer), 'ERR_FORMAT', new RegExp(`goes on .* at byte ${bytes.length}, for 1 bytes`))
  }
})

test('a changed byte leads to an error or to another index, never to anything else', async () => {
  for (const bytes of small.slice(0, 30)) {
    for (let at = 0; at < bytes.length; at++) {
      for (const flip of [1, 0x80, 0xff]) {
        const changed = bytes.slice()
        changed[at] = (changed[at] as number) ^ flip
        await readAll(changed, `byte ${at} ^ ${flip}`)
      }
    }
  }
})

test('a number of any size anywhere leads to an error or to another index', async () => {
  const numbers = [-1n, 2n ** 63n - 1n, 2n ** 53n, 2n ** 53n - 1n, 2n ** 40n, 2n ** 31n, 2n ** 20n, 0n]
  for (const bytes of small.slice(0, 12)) {
    for (let at = 0; at + 8 <= bytes.length; at++) {
      for (const number of numbers) {
        const changed = bytes.slice()
        new DataView(changed.buffer).setBigInt64(at, number, true)
        await readAll(changed, `${number} at ${at}`)
      }
    }
  }
})

test('many changes at once, in files that faiss wrote, lead to an error or to another index', async () => {
  const files = fixtureNames('tiny_').map(fixtureBytes)
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 })
  const check = fc.asyncProperty(fc.constantFrom(...files), changes, async (file, at) => {
    const bytes = file.slice()
    // most of what a file says is said in its first bytes
    for (const [place, value] of at) bytes[place % Math.min(bytes.length, 600)] = value
    await readAll(bytes, 'changes')
  })
  await fc.assert(check, { numRuns: 1500, seed: 22 })
})

describe('what a file says is checked before anything is made of it', () => {
  const ivf = fixtureBytes('tiny_ivfpq_l2')
  const text = Buffer.from(ivf)
  const lists = text.indexOf('ilar')
  const put = (bytes: Uint8Array, at: number, ...parts: Uint8Array[]): Uint8Array => {
    const changed = bytes.slice()
    let to = at
    for (const part of parts) {
      changed.set(part, to)
      to += part.length
    }
    return changed
  }
  const sparse = fixtureBytes('tiny_sparse')
  const pairs = Buffer.from(sparse).indexOf('sprs') + 12
  const refine = fixtureBytes('tiny_refine')
  test.each<[string, Uint8Array, RegExp]>([
    ['a dimension of 0', put(ivf, 4, Uint8Array.of(0)), /the dimension is 0; it must be from 1 to 1048576/],
    ['a dimension beyond 2^20', put(ivf, 4, Uint8Array.of(1, 0, 16)), /the dimension is 1048577/],
    ['a negative number of vectors', put(ivf, 8, u64(2 ** 53 - 1).fill(255)), /is -1; it must be from 0 to 2\^53/],
    ['a bool of 2', put(ivf, 32, Uint8Array.of(2)), /is_trained is 2; it must be 0 or 1/],
    ['an unknown metric', put(ivf, 33, Uint8Array.of(99)), /the metric 99 at byte 33/],
    ['more lists than centroids', put(ivf, 37, u64(2 ** 40)), /the number of centroids is 4; it must be 1099511627776/],
    ['lists of another code size', put(ivf, lists + 12, u64(3)), /code in the lists is 3; it must be 2/],
    ['sizes of lists that are too large', put(ivf, lists + 32, u64(2 ** 50)), /a list has 1125899906842624 vectors/],
    ['sizes of lists that do not add up', put(ivf, lists + 32, u64(119)), /and says that it has 120/],
    ['half a pair', put(sparse, pairs - 8, u64(11)), /half a pair/],
    ['a list that is not there', put(sparse, pairs, u64(64)), /the size of list 64 after that of -1/],
    [
      'a list told twice',
      put(sparse, pairs + 16, sparse.slice(pairs, pairs + 8)),
      /the size of list (\d+) after that of \1/,
    ],
    ['a factor that is no number', put(refine, refine.length - 4, Uint8Array.of(0, 0, 192, 127)), /k_factor is NaN/],
    [
      'a flat index of the other metric',
      put(fixtureBytes('tiny_flat_l2'), 0, letters('IxFI')),
      /IxFI and the metric l2/,
    ],
  ])('%s', (_, bytes, message) => expectError(parse(bytes), 'ERR_FORMAT', message))

  test('indexes within each other, without end', async () => {
    const flat = fixtureBytes('tiny_flat_l2')
    const head = flat.slice(4, 37)
    const nested = (depth: number): Uint8Array => {
      const opening = Buffer.concat([letters('IxPT'), head, Uint8Array.of(0, 0, 0, 0)])
      return new Uint8Array(Buffer.concat([...Array.from({ length: depth }, () => opening), flat]))
    }
    expect(await parse(nested(50))).toMatchObject({ kind: 'pre-transform' })
    await expectError(parse(nested(51)), 'ERR_FORMAT', /more than 50 indexes within each other/)
    await expectError(parse(nested(20_000)), 'ERR_FORMAT', /more than 50 indexes within each other/)
  })
})
