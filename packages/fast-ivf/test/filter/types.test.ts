import { expect, expectTypeOf, test } from 'vitest'
import type { Filter, Json, Metadata } from '../../src/filter/filter.js'
import { parseFilter } from '../../src/filter/parse.js'

type Shoe = {
  category: 'boot' | 'sandal'
  price: number
  inStock?: boolean
  sizes: number[]
  maker: { name: string; address?: { country: string; geo: { at: { lat: number } } } | null }
  reviews: readonly { stars: number }[]
  extra: Json
}

/** What type checking refuses is of no interest here at run time. */
const shoes = (filter: Filter<Shoe>): Filter<Shoe> => filter
const any = (filter: Filter): Filter => filter

test('a filter of metadata whose type is known accepts its fields, paths and operators', () => {
  const accepted = [
    shoes({}),
    shoes({ category: 'boot', price: { $gte: 10, $lt: 20 }, inStock: true }),
    shoes({ category: { $in: ['boot', 'sandal'] }, inStock: { $exists: false } }),
    shoes({ category: { $gt: 'b' }, price: null }),
    shoes({ sizes: 42, 'sizes.0': { $gt: 41 } }),
    shoes({ sizes: [42, 43] }),
    shoes({ sizes: { $in: [42, 43], $not: { $gt: 50 } } }),
    shoes({ maker: { name: 'x' }, 'maker.name': { $ne: 'y' }, 'maker.address': null }),
    shoes({ 'maker.address.country': 'PT' }),
    shoes({ 'maker.address.geo.at.lat': { $gt: 3 } }),
    shoes({ 'reviews.stars': { $gte: 4 }, reviews: { $exists: true } }),
    shoes({ 'reviews.0.stars': 3, 'maker.address.geo.at': { lat: 3 } }),
    shoes({ extra: { any: ['thing'] }, 'extra.any.thing': { $gt: 'x' } }),
    shoes({ $or: [{ price: 1 }, { $and: [{ price: { $gt: 5 } }, { category: 'boot' }] }], $not: { price: 3 } }),
    shoes({ $nor: [{ 'maker.name': 'x' }] }),
  ]
  for (const filter of accepted) expect(() => parseFilter(filter)).not.toThrow()
})

test('a filter of metadata whose type is known refuses what is not there', () => {
  // @ts-expect-error no such field
  shoes({ colour: 'red' })
  // @ts-expect-error no such value
  shoes({ category: 'hat' })
  // @ts-expect-error a number is compared with numbers
  shoes({ price: { $lt: '3' } })
  // @ts-expect-error no such operator
  shoes({ price: { $near: 3 } })
  // @ts-expect-error objects have no order
  shoes({ maker: { $gt: { name: 'x' } } })
  // @ts-expect-error no such field in maker
  shoes({ 'maker.nmae': 'x' })
  // @ts-expect-error of another type, two names deep
  shoes({ 'maker.address.country': 3 })
  // @ts-expect-error elements are numbers
  shoes({ sizes: { $in: ['42'] } })
  // @ts-expect-error of another type, in an array's objects
  shoes({ 'reviews.stars': '5' })
  // @ts-expect-error no such field, within $or
  shoes({ $or: [{ colour: 'red' }] })
  // @ts-expect-error filters are in an array
  shoes({ $and: { price: 1 } })
  // @ts-expect-error operators take no undefined
  shoes({ price: { $gt: undefined } })
})

test('a filter of any metadata accepts all fields', () => {
  const accepted = [
    any({ a: 1, 'b.c': { $in: ['x', null] }, d: [1], e: { f: true } }),
    any({ $or: [{ a: { $gt: 1, $not: { $lt: 5 } } }, { $not: { b: { $exists: true } } }], $and: [{ c: null }] }),
  ]
  for (const filter of accepted) expect(() => parseFilter(filter)).not.toThrow()
  // @ts-expect-error not JSON
  any({ a: undefined })
  // @ts-expect-error not JSON
  any({ a: new Date(0) })
  // @ts-expect-error filters are in an array
  any({ $or: 3 })
})

test('metadata are objects of JSON', () => {
  expectTypeOf<Shoe>().toExtend<Metadata>()
  expectTypeOf<{ a: Date }>().not.toExtend<Metadata>()
  expectTypeOf<{ a: undefined }>().not.toExtend<Metadata>()
  expectTypeOf<string[]>().not.toExtend<Metadata>()
})
