import fc from 'fast-check'
import { expect, test } from 'vitest'
import { metadataText, parseMetadata } from '../../src/filter/json.js'
import { refusal } from '../refusal.js'
import { metadata } from './arbitrary.js'

test('metadata comes back from its text', () => {
  fc.assert(
    fc.property(metadata, (given) => {
      const text = metadataText(given, 'metadata')
      expect(text).toBe(JSON.stringify(given))
      expect(JSON.stringify(parseMetadata(text, 'metadata'))).toBe(text)
    }),
    { seed: 1, numRuns: 500 },
  )
})

test('names that JavaScript or filters use are names like others', () => {
  const text = '{"__proto__":{"x":1},"constructor":2,"a.b":3,"$gt":4,"":5,"toJSON":6}'
  expect(metadataText(JSON.parse(text), 'metadata')).toBe(text)
})

test('members that are undefined are left out', () => {
  expect(metadataText({ a: undefined, b: { c: undefined } }, 'metadata')).toBe('{"b":{}}')
})

test('what JSON would change is refused', async () => {
  const refused: [unknown, string][] = [
    [undefined, 'metadata[3] is undefined; it must be an object'],
    ['x', "metadata[3] is 'x'; it must be an object"],
    [[1], 'metadata[3] is Array; it must be an object'],
    [new Date(0), 'metadata[3] is Date; it must be an object'],
    [{ a: Number.NaN }, 'metadata[3].a is NaN; it must be a string, a finite number'],
    [{ a: Infinity }, 'metadata[3].a is Infinity; it must be a string, a finite number'],
    [{ a: [undefined] }, 'metadata[3].a[0] is undefined'],
    [{ a: { b: 1n } }, 'metadata[3].a.b is 1'],
    [{ a: new Date(0) }, 'metadata[3].a is Date'],
    [{ 'a b': () => 1 }, "metadata[3]['a b'] is a function"],
    [{ a: new Float32Array(1) }, 'metadata[3].a is Float32Array'],
    [{ toJSON: () => 1 }, 'metadata[3].toJSON is a function'],
  ]
  for (const [given, message] of refused) {
    const error = await refusal(() => metadataText(given, 'metadata[3]'))
    expect(error.code).toBe('ERR_ARGUMENT')
    expect(error.message).toContain(message)
  }
})

test('metadata is nested 64 levels deep and no deeper', async () => {
  const nested = (levels: number): object => (levels === 1 ? {} : { a: nested(levels - 1) })
  const text = metadataText(nested(64), 'metadata')
  expect(parseMetadata(text, 'metadata')).toEqual(nested(64))
  expect((await refusal(() => metadataText(nested(65), 'metadata'))).message).toContain('nested 65 levels deep')
  const round: { [name: string]: unknown } = {}
  round.a = [round]
  expect((await refusal(() => metadataText(round, 'metadata'))).code).toBe('ERR_ARGUMENT')
  const deep = await refusal(() => parseMetadata(JSON.stringify(nested(65)), 'metadata'))
  expect(deep.code).toBe('ERR_FORMAT')
})
