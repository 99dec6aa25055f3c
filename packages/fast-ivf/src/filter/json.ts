import { IvfError, show } from '../errors.js'
import type { Json, Metadata } from './filter.js'

/** How deep objects and arrays may be nested, so that no text or filter can exhaust the stack. */
export const MAX_DEPTH = 64

/**
 * The text of a caller's metadata. Members that are undefined are left out, as JSON does; what JSON would change
 * (NaN, dates, functions, …) is refused. `name` is what messages call it.
 *
 * @throws IvfError ERR_ARGUMENT
 */
export function metadataText(metadata: unknown, name: string): string {
  if (isPlainObject(metadata)) return JSON.stringify(copyJson(metadata, name, 1, { finite: true, sparse: true }))
  throw new IvfError('ERR_ARGUMENT', `${name} is ${show(metadata)}; it must be an object such as { category: 'shoes' }`)
}

/** Metadata of its text; `name` is what messages call it. @throws IvfError ERR_FORMAT */
export function parseMetadata(text: string, name: string): Metadata {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new IvfError('ERR_FORMAT', `${name} is ${show(text)}, which is not JSON; give what JSON.stringify makes`, {
      cause,
    })
  }
  if (isPlainObject(value)) {
    if (!isDeeper(value, MAX_DEPTH)) return value as Metadata
    throw new IvfError('ERR_FORMAT', `${name} is nested deeper than the ${MAX_DEPTH} levels allowed; make it flatter`)
  }
  throw new IvfError('ERR_FORMAT', `${name} is ${show(text)}, which is no JSON object; put the value into one`)
}

/** What a copy may meet. */
export interface CopyRules {
  /** Infinity is refused, which JSON cannot say. */
  finite?: boolean
  /** Members that are undefined are left out instead of refused. */
  sparse?: boolean
  /** Refuses names of members by throwing. */
  checkName?: (name: string, at: string) => void
}

/**
 * A copy of the value, so that nobody changes it later. `at` is what messages call it; an object or array is on level
 * `depth`. @throws IvfError ERR_ARGUMENT
 */
export function copyJson(value: unknown, at: string, depth: number, rules: CopyRules = {}): Json {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value
  if (typeof value === 'number' && (rules.finite ? Number.isFinite(value) : !Number.isNaN(value))) return value
  const isArray = Array.isArray(value)
  if (!isArray && !isPlainObject(value)) {
    throw new IvfError(
      'ERR_ARGUMENT',
      `${at} is ${show(value)}; it must be a string, a${rules.finite ? ' finite' : ''} number, a boolean, null, or an ` +
        'array or plain object of those (a date: its ISO string or its milliseconds)',
    )
  }
  checkDepth(at, depth)
  if (isArray) return Array.from(value, (element, i) => copyJson(element, `${at}[${i}]`, depth + 1, rules))
  const members: [string, Json][] = []
  for (const name of Object.keys(value)) {
    const place = memberOf(at, name)
    rules.checkName?.(name, place)
    if (value[name] !== undefined || !rules.sparse) members.push([name, copyJson(value[name], place, depth + 1, rules)])
  }
  return Object.fromEntries(members) // makes even __proto__ a member
}

/** Text that equal values share, and no others: names are sorted, -0 is 0, Infinity stays itself. */
export function canonicalJson(value: Json): string {
  if (typeof value === 'number') return String(value)
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map((element: Json) => canonicalJson(element)).join()}]`
  const members = value as Metadata
  const texts = Object.keys(members)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonicalJson(members[name] as Json)}`)
  return `{${texts.join()}}`
}

/** @throws IvfError ERR_ARGUMENT */
export function checkDepth(at: string, depth: number): void {
  if (depth <= MAX_DEPTH) return
  const short = at.length > 80 ? `${at.slice(0, 80)}…` : at
  throw new IvfError(
    'ERR_ARGUMENT',
    `${short} is nested ${depth} levels deep, where ${MAX_DEPTH} are allowed; make it flatter`,
  )
}

/** Whether it is what `{ … }` or JSON.parse makes, of any realm. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** What messages call a member. */
export function memberOf(at: string, name: string): string {
  return /^[\w$]{1,40}$/.test(name) ? `${at}.${name}` : `${at}[${show(name)}]`
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((member) => isDeeper(member, levels - 1))
}
