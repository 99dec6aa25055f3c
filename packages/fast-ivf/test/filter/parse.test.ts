import fc from 'fast-check'
import { expect, test } from 'vitest'
import { IvfError } from '../../src/errors.js'
import { filterKey } from '../../src/filter/key.js'
import { parseFilter } from '../../src/filter/parse.js'
import { refusal } from '../refusal.js'
import { filters } from './arbitrary.js'

const REFUSED: [filter: unknown, message: string][] = [
  [undefined, 'filter is undefined; it must be an object'],
  [null, 'filter is null; it must be an object'],
  [[], 'filter is Array; it must be an object'],
  [new Map(), 'filter is Map; it must be an object'],
  ['a = 1', "filter is 'a = 1'; it must be an object"],
  [{ a: undefined }, 'filter.a is undefined; it must be a string, a number'],
  [{ a: Number.NaN }, 'filter.a is NaN; it must be'],
  [{ a: 1n }, 'filter.a is 1; it must be'],
  [{ a: () => 1 }, 'filter.a is a function; it must be'],
  [{ a: new Date(0) }, 'filter.a is Date; it must be'],
  [{ a: /x/ }, 'filter.a is RegExp; it must be'],
  [{ a: Symbol('x') }, 'filter.a is Symbol(x); it must be'],
  [{ a: [1, undefined] }, 'filter.a[1] is undefined; it must be'],
  [{ a: new Array(2) }, 'filter.a[0] is undefined; it must be'],
  [{ a: { b: [{ c: Number.NaN }] } }, 'filter.a.b[0].c is NaN; it must be'],
  [{ 'a b': undefined }, "filter['a b'] is undefined; it must be"],
  [{ a: { $gt: Number.NaN } }, 'filter.a.$gt is NaN; it must be a number, a string or a boolean'],
  [{ a: { $gt: null } }, 'filter.a.$gt is null; it must be a number, a string or a boolean'],
  [{ a: { $lte: [1] } }, 'filter.a.$lte is Array; it must be a number, a string or a boolean'],
  [{ a: { $in: 1 } }, 'filter.a.$in is 1; it must be an array of values'],
  [{ a: { $nin: { 0: 1 } } }, 'filter.a.$nin is Object; it must be an array of values'],
  [{ a: { $in: [1, undefined] } }, 'filter.a.$in[1] is undefined; it must be'],
  [{ a: { $exists: 1 } }, 'filter.a.$exists is 1; it must be true or false'],
  [{ a: { $not: 3 } }, 'filter.a.$not is 3; it must be an object of operators'],
  [{ a: { $not: {} } }, 'filter.a.$not is Object; it must be an object of operators'],
  [{ a: { $gtt: 3 } }, 'filter.a.$gtt is no operator of filters; those of a field are $eq, $ne, $gt,'],
  [{ a: { $or: [1] } }, 'filter.a.$or is no operator of filters; those of a field are'],
  [{ a: { $gt: 3, b: 1 } }, "filter.a has $gt beside 'b'; give operators alone"],
  [{ a: { b: { $gt: 3 } } }, 'filter.a.b.$gt is an operator inside a value; write the path with dots'],
  [{ $gt: 3 }, 'filter.$gt is no operator of filters; those outside of fields are $and, $or, $nor and $not'],
  [{ $and: [] }, 'filter.$and is empty; give one filter or more'],
  [{ $or: [] }, 'filter.$or is empty; give one filter or more'],
  [{ $nor: [] }, 'filter.$nor is empty; give one filter or more'],
  [{ $and: { a: 1 } }, 'filter.$and is Object; it must be an array of filters'],
  [{ $or: [{ a: 1 }, null] }, 'filter.$or[1] is null; it must be an object'],
  [{ $or: [{ a: { $x: 1 } }] }, 'filter.$or[0].a.$x is no operator'],
  [{ $not: [{ a: 1 }] }, 'filter.$not is Array; it must be an object'],
  [{ ['a.'.repeat(64)]: 1 }, 'is a path of 65 names; it may have 64'],
  [Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`f${i}`, 1])), 'filter names 65 fields; it may name 64'],
]

for (const [filter, message] of REFUSED) {
  test(`a filter is refused: ${message}`, async () => {
    const error = await refusal(() => parseFilter(filter))
    expect(error.code).toBe('ERR_ARGUMENT')
    expect(error.message).toContain(message)
  })
}

const nest = (levels: number, inner: unknown, wrap: (inner: unknown) => unknown): unknown =>
  levels === 0 ? inner : nest(levels - 1, wrap(inner), wrap)

test('a filter is nested 64 levels deep and no deeper', async () => {
  for (const wrap of [(f: unknown) => ({ $and: [f] }), (f: unknown) => ({ $not: f })]) {
    expect(() => parseFilter(nest(63, { a: 1 }, wrap))).not.toThrow()
    for (const levels of [64, 1000]) {
      const error = await refusal(() => parseFilter(nest(levels, { a: 1 }, wrap)))
      expect(error.message).toContain('is nested 65 levels deep, where 64 are allowed')
    }
  }
  const value = (levels: number): unknown => ({ a: nest(levels, 1, (inner) => [inner]) })
  expect(() => parseFilter(value(63))).not.toThrow()
  expect((await refusal(() => parseFilter(value(64)))).message).toContain('nested 65 levels')
  const not = (levels: number): unknown => ({ a: nest(levels, { $gt: 1 }, (inner) => ({ $not: inner })) })
  expect(() => parseFilter(not(62))).not.toThrow()
  expect((await refusal(() => parseFilter(not(100)))).message).toContain('nested 65 levels')
  const round: Record<string, unknown> = {}
  round.a = round
  expect((await refusal(() => parseFilter(round))).code).toBe('ERR_ARGUMENT')
})

test('a filter that was read no longer depends on its object', () => {
  const wanted = { x: [1] }
  const node = parseFilter({ a: wanted })
  const key = filterKey(node)
  wanted.x.push(2)
  expect(filterKey(node)).toBe(key)
})

const key = (filter: unknown): string => filterKey(parseFilter(filter))

test('filters that say the same share a key', () => {
  const same: [unknown, unknown][] = [
    [
      { a: 1, b: 2 },
      { b: 2, a: 1 },
    ],
    [{ a: 1, b: 2 }, { $and: [{ b: 2 }, { a: { $eq: 1 } }] }],
    [{ a: 1 }, { a: { $in: [1, 1] } }],
    [{ a: { $in: [1, 'x', null] } }, { a: { $in: [null, 'x', 1] } }],
    [{ a: { $nin: [1] } }, { a: { $ne: 1 } }],
    [{ a: { $ne: 1 } }, { $not: { a: 1 } }],
    [{ $nor: [{ a: 1 }] }, { $not: { a: 1 } }],
    [{ a: { $gt: 1, $lt: 2 } }, { $and: [{ a: { $lt: 2 } }, { a: { $gt: 1 } }] }],
    [{ a: { x: 1, y: 2 } }, { a: { y: 2, x: 1 } }],
    [{ a: 0 }, { a: -0 }],
    [{ $or: [{ a: 1 }, { b: 1 }] }, { $or: [{ b: 1 }, { a: 1 }, { b: 1 }] }],
    [{ $or: [{ a: 1 }] }, { a: 1 }],
  ]
  for (const [one, other] of same) expect(key(one)).toBe(key(other))
})

test('filters that differ have different keys', () => {
  const different = [
    ...[{}, { $not: {} }, { a: 1 }, { a: '1' }, { a: true }, { a: 'true' }, { a: null }, { a: 'null' }, { b: 1 }],
    ...[{ a: [1] }, { a: { $in: [1, 2] } }, { a: [1, 2] }, { a: { $in: [[1, 2]] } }, { a: { $in: ['1,2'] } }],
    ...[{ a: Infinity }, { a: { $gt: 1 } }, { a: { $gte: 1 } }, { a: { $gt: '1' } }, { a: { $exists: true } }],
    ...[{ $or: [{ a: 1 }, { b: 1 }] }, { a: 1, b: 1 }, { $not: { a: 1 } }, { 'a",1': 1 }, { a: {} }, { a: [] }],
    ...[{ a: { $in: [] } }, { 'a.b': 1 }, { a: { b: 1 } }],
  ]
  expect(new Set(different.map(key)).size).toBe(different.length - 1) // { $in: [[1, 2]] } is [1, 2]
})

test('a filter in another order has the same key', () => {
  const reversed = (value: unknown): unknown => {
    if (Array.isArray(value) || typeof value !== 'object' || value === null) return value
    const members = Object.entries(value).map(([name, member]): [string, unknown] => [
      name,
      /^\$(and|or|nor)$/.test(name) ? (member as unknown[]).toReversed().map(reversed) : reversed(member),
    ])
    return Object.fromEntries(members.reverse())
  }
  fc.assert(
    fc.property(filters, (filter) => {
      expect(key(reversed(filter))).toBe(key(filter))
    }),
    { seed: 1, numRuns: 500 },
  )
})

test('whatever is given, a filter is read or refused', () => {
  fc.assert(
    fc.property(fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true }), (filter) => {
      try {
        filterKey(parseFilter(filter))
      } catch (error) {
        expect(error).toBeInstanceOf(IvfError)
      }
    }),
    { seed: 1, numRuns: 2000 },
  )
})
