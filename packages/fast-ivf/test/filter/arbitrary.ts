import fc from 'fast-check'
import type { Json, Metadata } from '../../src/filter/filter.js'

/** Few names and values, so that filters often ask for what is there. */
const names = fc.constantFrom('a', 'b', 'c', '0', '1', '', '__proto__', 'a.b', '$gt')
const scalars: fc.Arbitrary<string | number | boolean | null> = fc.oneof(
  fc.constantFrom(null, true, false, 0, -0, 1, 2, -1, 1.5, 1e300, 5e-324),
  fc.constantFrom('', 'a', 'b', 'ab', '1', 'null', '😀', '\uffff', 'ü', '__proto__'),
)

/** Values inside of which no name begins with $. */
const values = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', maxDepth: 3 },
    { weight: 4, arbitrary: scalars },
    fc.array(tie('value'), { maxLength: 3 }),
    fc
      .array(
        fc.tuple(
          names.filter((name) => !name.startsWith('$')),
          tie('value'),
        ),
        { maxLength: 3 },
      )
      .map((members) => Object.fromEntries(members)),
  ),
})).value

export const metadata: fc.Arbitrary<Metadata> = fc
  .array(fc.tuple(names, values), { maxLength: 4 })
  .map((members) => Object.fromEntries(members))

const paths = fc
  .array(fc.constantFrom('a', 'b', 'c', '0', '1', '', '__proto__'), { minLength: 1, maxLength: 3 })
  .map((path) => path.join('.'))
const ordered = scalars.filter((value) => value !== null)

export const filters = fc.letrec<{ filter: { [key: string]: unknown }; operators: { [key: string]: unknown } }>(
  (tie) => ({
    operators: fc
      .array(
        fc.oneof(
          { depthSize: 'small', maxDepth: 3 },
          fc.tuple(fc.constantFrom('$eq', '$ne'), values),
          fc.tuple(fc.constantFrom('$gt', '$gte', '$lt', '$lte'), ordered),
          fc.tuple(fc.constantFrom('$in', '$nin'), fc.array(values, { maxLength: 4 })),
          fc.tuple(fc.constantFrom('$in', '$nin'), fc.array(scalars, { minLength: 17, maxLength: 30 })),
          fc.tuple(fc.constant('$exists'), fc.boolean()),
          fc.tuple(fc.constant('$not'), tie('operators')),
        ),
        { minLength: 1, maxLength: 3 },
      )
      .map((members) => Object.fromEntries(members)),
    filter: fc
      .array(
        fc.oneof(
          { depthSize: 'small', maxDepth: 4 },
          { weight: 3, arbitrary: fc.tuple(paths, fc.oneof(values, tie('operators'))) },
          fc.tuple(fc.constantFrom('$and', '$or', '$nor'), fc.array(tie('filter'), { minLength: 1, maxLength: 3 })),
          fc.tuple(fc.constant('$not'), tie('filter')),
        ),
        { maxLength: 3 },
      )
      .map((members) => Object.fromEntries(members)),
  }),
).filter
