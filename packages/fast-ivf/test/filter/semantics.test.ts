import { describe, expect, test } from 'vitest'
import type { Json, Metadata } from '../../src/filter/filter.js'
import { matchesNode } from '../../src/filter/matches.js'
import { parseFilter } from '../../src/filter/parse.js'

const matches = (filter: unknown, metadata: Metadata | undefined): boolean => matchesNode(parseFilter(filter), metadata)

/** For each filter: what of the field a it matches, and what it does not. `undefined`: a is missing. */
const OF_ONE_FIELD: [condition: Json, yes: (Json | undefined)[], no: (Json | undefined)[]][] = [
  [1, [1, [1], [2, 1]], [2, '1', true, null, undefined, [], [[1]], { a: 1 }]],
  [0, [-0, 0], [false, '', null]],
  ['x', ['x', ['y', 'x']], ['X', 'xx', '', undefined]],
  [true, [true, [true]], [1, 'true', false]],
  [null, [null, undefined, [null], [1, null]], [0, '', false, [], {}, [1]]],
  [
    [1, 2],
    [[1, 2], [[1, 2]], [3, [1, 2]]],
    [[2, 1], [1], [1, 2, 3], 1, '1,2'],
  ],
  [[], [[], [[]]], [null, undefined, [1], {}]],
  [
    { x: 1, y: 2 },
    [{ x: 1, y: 2 }, { y: 2, x: 1 }, [{ x: 1, y: 2 }]],
    [{ x: 1 }, { x: 1, y: 2, z: 3 }, { x: 1, z: 2 }, [1, 2]],
  ],
  [{}, [{}, [{}]], [{ x: 1 }, [], null, undefined]],
  [{ x: { y: [1] } }, [{ x: { y: [1] } }], [{ x: { y: 1 } }, { x: { y: [1, 2] } }]],
  [{ $eq: 1 }, [1, [1]], [2, undefined]],
  [{ $eq: null }, [null, undefined], [1]],
  [{ $eq: { $x: 1 } }, [{ $x: 1 }], [1]],
  [{ $ne: 1 }, [2, '1', null, undefined, [], [2]], [1, [1, 2]]],
  [{ $ne: null }, [0, [], {}, [1]], [null, undefined, [null]]],
  [{ $gt: 1 }, [1.5, Number.MAX_VALUE, [0, 2]], [1, 0, '2', true, null, undefined, [], { x: 2 }, [[2]]]],
  [{ $gte: 1 }, [1, 2, [1]], [0.99, '1', true]],
  [{ $lt: 1 }, [0, -5, [3, 0]], [1, '', false, null, undefined]],
  [{ $lte: 1 }, [1, 0], [1.1, null, undefined, false]],
  [{ $gt: 0 }, [5e-324], [0, -0, -5e-324]],
  [{ $lt: 0 }, [-5e-324], [0, -0, 5e-324]],
  [{ $gt: 'b' }, ['c', 'ba', ['a', 'z']], ['b', 'a', 'B', '', 3]],
  [{ $gte: '2024-01-01', $lt: '2025-01-01' }, ['2024-06-30'], ['2023-12-31', '2025-01-01', 2024]],
  [{ $gt: '\uffff' }, ['😀'], ['\ufffe', 'z']],
  [{ $lt: '😀' }, ['\uffff', 'z'], ['😁', '😀']],
  [{ $gt: false }, [true], [false, 1, 'x', null]],
  [{ $lte: false }, [false], [true, 0, undefined]],
  [{ $gt: 1, $lt: 4 }, [2, [0, 5]], [1, 4, [5], [0]]], // as MongoDB: an element for each operator
  [{ $in: [1, 'x'] }, [1, 'x', [3, 'x']], [2, true, null, undefined, []]],
  [{ $in: [] }, [], [1, null, undefined, []]],
  [{ $in: [null] }, [null, undefined, [null]], [0, []]],
  [{ $in: [[1], { x: 1 }] }, [[1], { x: 1 }, [{ x: 1 }]], [1, [2]]],
  [{ $nin: [1, 'x'] }, [2, null, undefined, []], [1, 'x', [3, 'x']]],
  [{ $nin: [null] }, [0, []], [null, undefined]],
  [{ $nin: [] }, [1, null, undefined], []],
  [{ $exists: true }, [1, null, [], {}, false, ''], [undefined]],
  [{ $exists: false }, [undefined], [1, null, []]],
  [{ $not: { $gt: 3 } }, [3, 'x', null, undefined, [], [1]], [4, [1, 4]]],
  [{ $not: { $gt: 3, $lt: 5 } }, [3, 5, undefined], [4]],
  [{ $not: { $not: { $gt: 3 } } }, [4], [3, undefined]],
  [{ $not: { $exists: true } }, [undefined], [null]],
]

describe('a condition on a field is MongoDB’s', () => {
  for (const [condition, yes, no] of OF_ONE_FIELD) {
    test(JSON.stringify(condition), () => {
      const row = (a: Json | undefined): Metadata => (a === undefined ? { b: 1 } : { b: 1, a })
      for (const a of yes) expect(matches({ a: condition }, row(a)), JSON.stringify(a)).toBe(true)
      for (const a of no) expect(matches({ a: condition }, row(a)), JSON.stringify(a)).toBe(false)
    })
  }
})

const OF_PATHS: [filter: Json, yes: Metadata[], no: Metadata[]][] = [
  [
    { 'a.b': 1 },
    [{ a: { b: 1 } }, { a: [{ b: 1 }] }, { a: [2, { b: [1] }] }],
    [{ a: 1 }, { 'a.b': 1 }, { a: [[{ b: 1 }]] }],
  ],
  [
    { 'a.b': null },
    [{}, { a: 1 }, { a: {} }, { a: { b: null } }, { a: [{ b: 1 }, {}] }],
    [{ a: { b: 1 } }, { a: [] }, { a: [1] }],
  ],
  [{ 'a.b': { $exists: false } }, [{}, { a: [] }, { a: [1] }, { a: [{}] }], [{ a: [{}, { b: null }] }]],
  [{ 'a.b': { $ne: 1 } }, [{}, { a: [] }, { a: [{ b: 2 }] }], [{ a: [{ b: 2 }, { b: 1 }] }]],
  [{ 'a.0': 1 }, [{ a: [1, 2] }, { a: { 0: 1 } }, { a: [{ 0: 1 }] }], [{ a: [2, 1] }, { a: 1 }]],
  [{ 'a.1.b': 1 }, [{ a: [0, { b: 1 }] }], [{ a: [{ b: 1 }, 0] }]],
  [{ 'a.0.b': null }, [{ a: [{}] }, { a: [{ c: 1 }] }], [{ a: [5] }, { a: [] }]],
  [{ 'a.00': 1 }, [], [{ a: [1] }]],
  [{ 'a.0.0': 1 }, [{ a: [[1]] }], [{ a: [1] }]],
  [{ 'a.length': 1 }, [], [{ a: [1] }, { a: 'x' }]],
  [{ '': 1 }, [{ '': 1 }], [{}]],
  [{ 'a.$b': 1 }, [{ a: { $b: 1 } }], [{ $b: 1 }]],
  [JSON.parse('{"__proto__":1}'), [JSON.parse('{"__proto__":1}')], [{}]],
  [{ __proto__x: null, '__proto__.x': { $exists: false } }, [{}], [JSON.parse('{"__proto__":{"x":1}}')]],
  [{ constructor: { $exists: true } }, [{ constructor: 1 }], [{}]],
  [{ toString: null, 'hasOwnProperty.name': null }, [{}], [{ toString: 'x' }]],
]

describe('a path is followed as MongoDB follows it', () => {
  for (const [filter, yes, no] of OF_PATHS) {
    test(JSON.stringify(filter), () => {
      for (const metadata of yes) expect(matches(filter, metadata), JSON.stringify(metadata)).toBe(true)
      for (const metadata of no) expect(matches(filter, metadata), JSON.stringify(metadata)).toBe(false)
    })
  }
})

const OF_LOGIC: [filter: Json, yes: Metadata[], no: Metadata[]][] = [
  [{}, [{}, { a: 1 }], []],
  [{ a: 1, b: 2 }, [{ a: 1, b: 2 }], [{ a: 1 }, { b: 2 }]],
  [{ $and: [{ a: 1 }, { b: 2 }] }, [{ a: 1, b: 2 }], [{ a: 1 }]],
  [{ $or: [{ a: 1 }, { b: 2 }] }, [{ a: 1 }, { b: 2 }], [{ a: 2, b: 1 }]],
  [{ $or: [{ a: 1 }, { b: 2 }], c: 3 }, [{ a: 1, c: 3 }], [{ a: 1 }, { c: 3 }]],
  [{ $nor: [{ a: 1 }, { b: 2 }] }, [{}, { a: 2 }], [{ a: 1 }, { b: 2 }]],
  [{ $not: { a: 1, b: 2 } }, [{}, { a: 1 }], [{ a: 1, b: 2 }]],
  [{ $not: { $not: { a: 1 } } }, [{ a: 1 }], [{}]],
  [{ $not: {} }, [], [{}, { a: 1 }]],
  [{ $and: [{}] }, [{}], []],
]

describe('filters are joined as MongoDB joins them', () => {
  for (const [filter, yes, no] of OF_LOGIC) {
    test(JSON.stringify(filter), () => {
      for (const metadata of yes) expect(matches(filter, metadata), JSON.stringify(metadata)).toBe(true)
      for (const metadata of no) expect(matches(filter, metadata), JSON.stringify(metadata)).toBe(false)
    })
  }
})

test('a row without metadata is one whose fields are all missing', () => {
  for (const filter of [{}, { a: null }, { a: { $ne: 1 } }, { a: { $exists: false } }]) {
    expect(matches(filter, undefined)).toBe(true)
  }
  for (const filter of [{ a: 1 }, { a: { $exists: true } }, { $not: {} }])
    expect(matches(filter, undefined)).toBe(false)
})

test('Infinity may bound a comparison', () => {
  expect(matches({ a: { $lt: Infinity } }, { a: Number.MAX_VALUE })).toBe(true)
  expect(matches({ a: { $gt: Infinity } }, JSON.parse('{"a":1e999}'))).toBe(false)
  expect(matches({ a: { $gte: Infinity } }, JSON.parse('{"a":1e999}'))).toBe(true)
})

test('a path of numbers through nested arrays takes no longer than the path', () => {
  let a: Json = 1
  for (let i = 0; i < 63; i++) a = [{ 0: a }]
  expect(matches({ [`a${'.0'.repeat(63)}`]: 2 }, { a })).toBe(false) // 10^13 ways, were each gone
})
