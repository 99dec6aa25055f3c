import type { Json, Metadata } from './filter.js'
import type { Comparison, FilterNode, Leaf } from './parse.js'

/** What a path leads to: values, and undefined for each place where it leads to nothing. */
export type Found = readonly (Json | undefined)[]

/** Whether a row with this metadata (undefined: none) is wanted. */
export function matchesNode(node: FilterNode, metadata: Metadata | undefined): boolean {
  switch (node.kind) {
    case 'and':
      return node.parts.every((part) => matchesNode(part, metadata))
    case 'or':
      return node.parts.some((part) => matchesNode(part, metadata))
    case 'not':
      return !matchesNode(node.part, metadata)
    default:
      return find(metadata, node.names).some((value) => holds(node, value))
  }
}

/** Whether what was asked holds for a value that the path leads to. */
export function holds(leaf: Leaf, value: Json | undefined): boolean {
  switch (leaf.kind) {
    case 'exists':
      return value !== undefined
    case 'compare':
      return ofEach(value, (element) => inOrder(leaf.operator, element, leaf.value))
    case 'in':
      return ofEach(value, (element) =>
        isNested(element)
          ? leaf.nested.some((wanted) => equals(wanted, element))
          : leaf.scalars.has((element ?? null) as string | number | boolean | null),
      )
    default:
      return leaf satisfies never
  }
}

/**
 * Follows a path as MongoDB does: a name leads into an object, into each object of an array, and, if it is a number,
 * to the element of an array. Arrays directly within arrays are reached by numbers only.
 */
export function find(metadata: Metadata | undefined, names: readonly string[]): Found {
  let value: Json | undefined = metadata
  for (const [i, name] of names.entries()) {
    if (Array.isArray(value)) return findAmong(value, names.slice(i))
    value = memberOf(value, name)
  }
  return [value]
}

/** All places at once, each once: a path of numbers could otherwise take two ways at every array. */
function findAmong(start: Json, names: readonly string[]): Found {
  let places = new Set<Json | undefined>([start])
  for (const [i, name] of names.entries()) {
    const isLast = i === names.length - 1
    const next = new Set<Json | undefined>()
    for (const place of places) {
      if (!Array.isArray(place)) {
        next.add(memberOf(place, name))
        continue
      }
      for (const element of place) if (isNested(element) && !Array.isArray(element)) next.add(memberOf(element, name))
      const element: Json | undefined = /^(0|[1-9]\d*)$/.test(name) ? place[Number(name)] : undefined
      if (element !== undefined && (isLast || isNested(element))) next.add(element)
    }
    places = next
  }
  return [...places]
}

/** Own members only: no metadata has a `constructor` that nobody gave it. */
function memberOf(value: Json | undefined, name: string): Json | undefined {
  if (!isNested(value) || Array.isArray(value) || !Object.hasOwn(value, name)) return undefined
  return (value as Metadata)[name]
}

/** The value itself, or an element of it. */
function ofEach(value: Json | undefined, test: (value: Json | undefined) => boolean): boolean {
  return test(value) || (Array.isArray(value) && value.some(test))
}

function inOrder(operator: Comparison, value: Json | undefined, bound: number | string | boolean): boolean {
  if (typeof value !== typeof bound) return false
  const order =
    typeof bound === 'string'
      ? compareStrings(value as string, bound)
      : (value as number) < (bound as number)
        ? -1
        : value === bound
          ? 0
          : 1
  switch (operator) {
    case '$gt':
      return order > 0
    case '$gte':
      return order >= 0
    case '$lt':
      return order < 0
    case '$lte':
      return order <= 0
    default:
      return operator satisfies never
  }
}

/** By code points; JavaScript's own order, by 16-bit units, puts surrogates before U+E000. */
function compareStrings(a: string, b: string): number {
  const end = Math.min(a.length, b.length)
  for (let i = 0; i < end; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return rank(x) - rank(y)
  }
  return a.length - b.length
}

const rank = (unit: number): number => (unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit)

/** As deep as the wanted value goes. */
function equals(wanted: Json, value: Json | undefined): boolean {
  if (!isNested(wanted) || !isNested(value)) return wanted === value
  if (Array.isArray(wanted) || Array.isArray(value)) {
    if (!Array.isArray(wanted) || !Array.isArray(value) || wanted.length !== value.length) return false
    return wanted.every((element: Json, i) => equals(element, value[i]))
  }
  const a = wanted as Metadata
  const b = value as Metadata
  const names = Object.keys(a)
  if (names.length !== Object.keys(b).length) return false
  return names.every((name) => Object.hasOwn(b, name) && equals(a[name] as Json, b[name]))
}

function isNested(value: Json | undefined): value is readonly Json[] | Metadata {
  return typeof value === 'object' && value !== null
}
