/** Ids as text: one a line, or words of the command line. */

import { createReadStream } from 'node:fs'
import { type Id, IvfError } from 'fast-ivf'
import { isRemote, localPath } from './output.js'

/** What ids are; 'rows': the numbers of the rows, which are numbers. */
export type IdKind = 'rows' | 'number' | 'string' | 'bigint'

/**
 * The ids of a file of text, one a line, a path or URL. Without `kind`: numbers where all are, else text. `sought`: where
 * they were looked for, for the message when they are not there.
 */
export async function readIdFile(path: string, kind: IdKind | undefined, sought?: string): Promise<Id[]> {
  const texts: string[] = []
  for await (const line of lines(path, sought)) texts.push(line)
  return parseIds(texts, kind, (i) => `line ${i + 1} of ${path}`)
}

/** @throws IvfError ERR_ID for what is no id of this kind */
export function parseIds(texts: readonly string[], kind: IdKind | undefined, where: (i: number) => string): Id[] {
  const own = kind ?? kindOf(texts)
  return texts.map((text, i) => {
    const id = parseId(text, own)
    if (id !== undefined) return id
    const needed = own === 'string' ? 'text' : own === 'bigint' ? 'an integer of 64 bits' : 'an integer up to 2^53'
    throw new IvfError('ERR_ID', `${where(i)} is ${JSON.stringify(text)}; ${needed} is needed, as the other ids are`)
  })
}

/** Ids in another kind, as the index has them. @throws IvfError ERR_ID */
export function convertIds(ids: readonly Id[], kind: IdKind | undefined, where: (i: number) => string): Id[] {
  return kind === undefined ? [...ids] : parseIds(ids.map(String), kind, where)
}

/** A line for each id. @throws IvfError ERR_ID for one that a line cannot hold */
export function idLines(ids: readonly Id[]): string {
  const bad = ids.find((id) => typeof id === 'string' && (id === '' || /[\r\n]/.test(id)))
  if (bad === undefined) return ids.map((id) => `${id}\n`).join('')
  throw new IvfError(
    'ERR_ID',
    `the id ${JSON.stringify(bad)} does not fit a line of text; export to .parquet, which holds any text`,
  )
}

/** An id as JSON has it: integers beyond numbers as text. */
export function jsonId(id: Id): number | string {
  return typeof id === 'bigint' ? String(id) : id
}

const INTEGER = /^-?(0|[1-9]\d*)$/

function kindOf(texts: readonly string[]): IdKind {
  if (texts.length === 0 || !texts.every((text) => INTEGER.test(text) && text !== '-0')) return 'string'
  if (texts.every((text) => Number.isSafeInteger(Number(text)))) return 'number'
  return texts.every((text) => isLong(BigInt(text))) ? 'bigint' : 'string'
}

function parseId(text: string, kind: IdKind): Id | undefined {
  if (kind === 'string') return text === '' ? undefined : text
  if (!INTEGER.test(text)) return undefined
  if (kind === 'bigint') return isLong(BigInt(text)) ? BigInt(text) : undefined
  return Number.isSafeInteger(Number(text)) ? Number(text) : undefined
}

function isLong(value: bigint): boolean {
  return BigInt.asIntN(64, value) === value
}

/** Lines without their ends; \n or \r\n, since other ends may be parts of an id. */
async function* lines(path: string, sought: string | undefined): AsyncGenerator<string> {
  let held = ''
  const decoder = new TextDecoder()
  for await (const chunk of bytesOf(path, sought)) {
    const parts = (held + decoder.decode(chunk, { stream: true })).split('\n')
    held = parts.pop() as string
    for (const part of parts) yield part.endsWith('\r') ? part.slice(0, -1) : part
  }
  held += decoder.decode()
  if (held !== '') yield held
}

async function* bytesOf(path: string, sought: string | undefined): AsyncGenerator<Uint8Array> {
  try {
    if (!isRemote(path)) return yield* createReadStream(localPath(path))
    const response = await fetch(path)
    if (!response.ok || !response.body) throw new Error(`the server says ${response.status}`)
    yield* response.body as unknown as AsyncIterable<Uint8Array>
  } catch (cause) {
    const { code, message } = cause as { code?: string; message: string }
    const why = code === 'ENOENT' ? 'is not there' : `cannot be read (${code ?? message})`
    const remedy = sought ? `it was sought ${sought}` : 'check the path and the permissions'
    throw new IvfError('ERR_NOT_FOUND', `${path} ${why}; ${remedy}`, { cause })
  }
}
