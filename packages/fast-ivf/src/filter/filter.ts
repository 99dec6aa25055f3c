/** A value that JSON can say. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/** What is kept beside a vector: one JSON object. */
export type Metadata = { readonly [key: string]: Json }

/**
 * Which rows are wanted, in MongoDB's manner: `{ category: 'shoes', price: { $lt: 100 }, 'maker.country': 'PT' }`.
 * Fields and operators beside each other must all hold. `$ne`, `$nin` and `$not` hold where the field is missing;
 * `$gt`, `$gte`, `$lt` and `$lte` only where it is of the operand's type; all of them hold for an array when they do
 * for one of its elements (the negative ones: for none). `null` equals a missing field. Equal objects have equal
 * members in any order, unlike MongoDB's. A name that holds a dot cannot be reached.
 *
 * Given the type of the metadata, fields are checked, three names deep; below that, any path and value will do.
 */
export type Filter<M extends Metadata = Metadata> = Logic<M> &
  (string extends keyof M
    ? { readonly [path: string]: Condition<Json> | Filter<M> | readonly Filter<M>[] }
    : { readonly [P in PathOf<M, [0, 0, 0]>]?: Condition<ValueAt<M, P>> })

/** A value the field must equal, or operators that must all hold. */
export type Condition<V> = Operand<V> | Operators<V>

/** Conditions on a field's value, all of which must hold. */
export interface Operators<V> {
  readonly $eq?: Operand<V>
  readonly $ne?: Operand<V>
  readonly $gt?: Ordered<V>
  readonly $gte?: Ordered<V>
  readonly $lt?: Ordered<V>
  readonly $lte?: Ordered<V>
  readonly $in?: readonly Operand<V>[]
  readonly $nin?: readonly Operand<V>[]
  /** A field that is null is there, too. */
  readonly $exists?: boolean
  readonly $not?: Operators<V>
}

interface Logic<M extends Metadata> {
  readonly $and?: readonly Filter<M>[]
  readonly $or?: readonly Filter<M>[]
  readonly $nor?: readonly Filter<M>[]
  readonly $not?: Filter<M>
}

type Operand<V> = V | Element<V> | null
type Element<V> = V extends readonly (infer E)[] ? E : V
type Ordered<V> = Wide<Element<V>>
type Wide<V> = V extends number ? number : V extends string ? string : V extends boolean ? boolean : never

/** The dotted paths into V, any below as many names as Depth has zeros. Arrays lead to their objects, or by number. */
type PathOf<V, Depth extends readonly 0[]> = Depth extends readonly [0, ...infer Rest extends 0[]]
  ? V extends readonly (infer E)[]
    ? `${number}` | PathOf<ObjectOf<E>, Depth> | `${number}.${PathOf<ObjectOf<E>, Depth>}`
    : V extends Metadata
      ? string extends keyof V
        ? string
        : { [K in keyof V & string]-?: K | `${K}.${PathOf<V[K], Rest>}` }[keyof V & string]
      : never
  : V extends Metadata | readonly Json[]
    ? string
    : never

/** What a path leads to, Json where that is not known. */
type ValueAt<V, P> = V extends readonly (infer E)[]
  ? P extends `${number}`
    ? E
    : P extends `${number}.${infer Rest}`
      ? ValueAt<ObjectOf<E>, Rest>
      : ValueAt<ObjectOf<E>, P>
  : P extends keyof V
    ? Exclude<V[P], undefined>
    : P extends `${infer K}.${infer Rest}`
      ? K extends keyof V
        ? ValueAt<Extract<V[K], Metadata | readonly Json[]>, Rest>
        : Json
      : Json

type ObjectOf<V> = Extract<V, Metadata>
