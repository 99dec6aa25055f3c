import { IvfError, show } from '../errors.js'
import type { Json } from './filter.js'
import { checkDepth, copyJson, isPlainObject, MAX_DEPTH, memberOf } from './json.js'

/** A filter, checked; negative operators are a `not` around their positive. */
export type FilterNode =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly FilterNode[] }
  | { readonly kind: 'not'; readonly part: FilterNode }
  | Leaf

/** What asks about one field. `names`: the path, cut at the dots. */
export type Leaf = {
  readonly path: string
  readonly names: readonly string[]
} & (
  | { readonly kind: 'exists' }
  | { readonly kind: 'compare'; readonly operator: Comparison; readonly value: number | string | boolean }
  /** Equal to any of these; `nested`: those that are arrays and objects. */
  | {
      readonly kind: 'in'
      readonly scalars: ReadonlySet<string | number | boolean | null>
      readonly nested: readonly Json[]
    }
)

export type Comparison = '$gt' | '$gte' | '$lt' | '$lte'

/** Columns of one filter are in memory together. */
export const MAX_FIELDS = 64

const LOGIC = '$and, $or, $nor and $not'
const OPERATORS = '$eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists and $not'

/** Reads a filter; `{}` is the one that all rows match. @throws IvfError ERR_ARGUMENT */
export function parseFilter(filter: unknown): FilterNode {
  const node = parseObject(filter, 'filter', 1)
  const fields = new Set([...leavesOf(node)].map(({ path }) => path)).size
  if (fields <= MAX_FIELDS) return node
  throw new IvfError('ERR_ARGUMENT', `filter names ${fields} fields; it may name ${MAX_FIELDS}, any number of times`)
}

export function* leavesOf(node: FilterNode): Generator<Leaf> {
  if ('parts' in node) for (const part of node.parts) yield* leavesOf(part)
  else if ('part' in node) yield* leavesOf(node.part)
  else yield node
}

function parseObject(filter: unknown, at: string, depth: number): FilterNode {
  if (!isPlainObject(filter)) throw wrong(at, filter, "an object such as { category: 'shoes', price: { $lt: 100 } }")
  checkDepth(at, depth)
  return all(
    Object.keys(filter).map((key) => {
      const operand = filter[key]
      const inside = memberOf(at, key)
      return key.startsWith('$') ? parseLogic(key, operand, inside, depth) : parseField(key, operand, inside, depth)
    }),
  )
}

function parseLogic(operator: string, operand: unknown, at: string, depth: number): FilterNode {
  switch (operator) {
    case '$and':
      return all(parseParts(operand, at, depth))
    case '$or':
      return any(parseParts(operand, at, depth))
    case '$nor':
      return not(any(parseParts(operand, at, depth)))
    case '$not':
      return not(parseObject(operand, at, depth + 1))
    default:
      throw new IvfError('ERR_ARGUMENT', `${at} is no operator of filters; those outside of fields are ${LOGIC}`)
  }
}

function parseParts(operand: unknown, at: string, depth: number): FilterNode[] {
  if (!Array.isArray(operand)) throw wrong(at, operand, 'an array of filters')
  if (operand.length === 0)
    throw new IvfError('ERR_ARGUMENT', `${at} is empty; give one filter or more, or leave it out`)
  return Array.from(operand, (part: unknown, i) => parseObject(part, `${at}[${i}]`, depth + 1))
}

function parseField(path: string, condition: unknown, at: string, depth: number): FilterNode {
  const names = path.split('.')
  if (names.length > MAX_DEPTH) {
    throw new IvfError('ERR_ARGUMENT', `${at} is a path of ${names.length} names; it may have ${MAX_DEPTH}`)
  }
  const field = { path, names }
  return isOperators(condition, at)
    ? parseOperators(field, condition, at, depth + 1)
    : equal(field, condition, at, depth)
}

type Field = Pick<Leaf, 'path' | 'names'>

/** Whether it is operators rather than a value. */
function isOperators(condition: unknown, at: string): condition is Record<string, unknown> {
  if (!isPlainObject(condition)) return false
  const keys = Object.keys(condition)
  const operators = keys.filter((key) => key.startsWith('$'))
  if (operators.length === 0 || operators.length === keys.length) return operators.length > 0
  const other = keys.find((key) => !key.startsWith('$')) ?? ''
  throw new IvfError(
    'ERR_ARGUMENT',
    `${at} has ${operators[0]} beside ${show(other)}; give operators alone, or a value alone; fields of an object are ` +
      "reached by a dotted path: { 'a.b': 1 }",
  )
}

function parseOperators(field: Field, operators: Record<string, unknown>, at: string, depth: number): FilterNode {
  checkDepth(at, depth)
  return all(Object.keys(operators).map((key) => parseOperator(field, key, operators[key], memberOf(at, key), depth)))
}

function parseOperator(field: Field, operator: string, operand: unknown, at: string, depth: number): FilterNode {
  switch (operator) {
    case '$eq':
    case '$ne': {
      const node = within(field, [copyJson(operand, at, depth + 1)])
      return operator === '$eq' ? node : not(node)
    }
    case '$in':
    case '$nin': {
      if (!Array.isArray(operand)) throw wrong(at, operand, 'an array of values')
      const node = within(
        field,
        Array.from(operand, (value: unknown, i) => copyJson(value, `${at}[${i}]`, depth + 2)),
      )
      return operator === '$in' ? node : not(node)
    }
    case '$gt':
    case '$gte':
    case '$lt':
    case '$lte': {
      const ordered = typeof operand === 'number' ? !Number.isNaN(operand) : /^(string|boolean)$/.test(typeof operand)
      if (!ordered) throw wrong(at, operand, 'a number, a string or a boolean')
      return { kind: 'compare', ...field, operator, value: operand as number | string | boolean }
    }
    case '$exists':
      if (typeof operand !== 'boolean') throw wrong(at, operand, 'true or false')
      return operand ? { kind: 'exists', ...field } : not({ kind: 'exists', ...field })
    case '$not':
      if (!isOperators(operand, at)) throw wrong(at, operand, 'an object of operators such as { $gt: 3 }')
      return not(parseOperators(field, operand, at, depth + 1))
    default:
      throw new IvfError('ERR_ARGUMENT', `${at} is no operator of filters; those of a field are ${OPERATORS}`)
  }
}

/** Operators in a value mean that somebody nested fields: MongoDB would look for a field of the name $gt. */
function equal(field: Field, value: unknown, at: string, depth: number): FilterNode {
  const checkName = (name: string, place: string): void => {
    if (!name.startsWith('$')) return
    throw new IvfError(
      'ERR_ARGUMENT',
      `${place} is an operator inside a value; write the path with dots, as in { 'a.b': { ${name}: … } }, or give the ` +
        'whole value with $eq',
    )
  }
  return within(field, [copyJson(value, at, depth + 1, { checkName })])
}

function within(field: Field, values: readonly Json[]): FilterNode {
  const isNested = (value: Json): boolean => typeof value === 'object' && value !== null
  const scalars = new Set(values.filter((value) => !isNested(value)) as (string | number | boolean | null)[])
  return { kind: 'in', ...field, scalars, nested: values.filter(isNested) }
}

const all = (parts: FilterNode[]): FilterNode => join('and', parts)
const any = (parts: FilterNode[]): FilterNode => join('or', parts)
const not = (part: FilterNode): FilterNode => (part.kind === 'not' ? part.part : { kind: 'not', part })

function join(kind: 'and' | 'or', parts: FilterNode[]): FilterNode {
  const flat = parts.flatMap((part) => (part.kind === kind ? part.parts : [part]))
  return flat.length === 1 && flat[0] ? flat[0] : { kind, parts: flat }
}

function wrong(at: string, value: unknown, needed: string): IvfError {
  return new IvfError('ERR_ARGUMENT', `${at} is ${show(value)}; it must be ${needed}`)
}
