import { IvfError, show } from '../errors.js'
import type { Id, IdList } from '../options.js'
import type { SearchResult } from '../result.js'

/** `rows`: ids are the numbers of the rows. */
export type IdKind = 'rows' | 'number' | 'string' | 'bigint'

const BIGGEST = 2n ** 63n

/**
 * Which id a row has, and which row an id. Rows are handed out once, in order. Tables grow with their index and are
 * shared by what a writer makes of it: the id of a row never changes.
 */
export class IdTable {
  readonly kind: IdKind
  /** The same for tables whose rows mean the same vectors. */
  readonly lineage: object
  /** Rows before this one have their numbers for ids. */
  readonly #first: number
  /** Of the rows from there on. */
  readonly #ids: Id[] = []
  /** Of the vectors that are there; made when it is first needed. */
  #rows: Map<Id, number> | undefined

  constructor(kind: IdKind, lineage: object = {}, first = 0) {
    this.kind = kind
    this.lineage = lineage
    this.#first = kind === 'rows' ? Number.POSITIVE_INFINITY : first
  }

  idOf(row: number): Id {
    return row < this.#first ? row : (this.#ids[row - this.#first] as Id)
  }

  /** The row of an id that is there. `there`: all rows that are. */
  rowOf(id: Id, there: () => Iterable<number>): number | undefined {
    if (this.kind === 'rows') return typeof id === 'number' && Number.isSafeInteger(id) && id >= 0 ? id : undefined
    if (!this.#rows) {
      this.#rows = new Map()
      for (const row of there()) this.#rows.set(this.idOf(row), row)
    }
    return this.#rows.get(id)
  }

  /** This table, or where it has no ids of its own yet, one of the ids' kind with the numbers of the rows so far. */
  forKind(kind: IdKind, rows: number, size: number): IdTable {
    if (kind === this.kind) return this
    if (this.kind === 'rows' && (size === 0 || kind === 'number')) {
      return new IdTable(kind, this.lineage, rows)
    }
    const had = this.kind === 'rows' ? 'the numbers of their rows' : `${this.kind}s`
    const remedy = this.kind === 'rows' ? 'begin with an empty index' : `give ${this.kind}s`
    throw new IvfError(
      'ERR_ID',
      kind === 'rows'
        ? `no ids are given, and the vectors here have ${had} for ids; give ids`
        : `ids are ${kind}s, and the vectors here have ${had} for ids; ${remedy}`,
    )
  }

  /** Rows from `first` on have these ids. */
  append(first: number, ids: readonly Id[]): void {
    if (this.kind === 'rows') return
    this.#ids.length = first - this.#first
    for (const id of ids) this.#ids.push(id)
    if (this.#rows) for (const [i, id] of ids.entries()) this.#rows.set(id, first + i)
  }

  /** These rows are not there any more. */
  forget(rows: Iterable<number>): void {
    if (!this.#rows) return
    for (const row of rows) {
      const id = this.idOf(row)
      if (this.#rows.get(id) === row) this.#rows.delete(id)
    }
  }
}

/** The ids as a list of their own, and what kind they are. @throws IvfError ERR_ID, ERR_ARGUMENT */
export function readIds(ids: IdList, count?: number): { kind: IdKind; ids: Id[] } {
  if (ids === null || typeof ids !== 'object' || typeof ids.length !== 'number') {
    throw new IvfError('ERR_ARGUMENT', `ids is ${show(ids)}; it must be an array with one id per vector`)
  }
  if (count !== undefined && ids.length !== count) {
    throw new IvfError('ERR_ARGUMENT', `${ids.length} ids are given for ${count} vectors; give one for each`)
  }
  const list = Array.from(ids as ArrayLike<Id>)
  const kind = list.length === 0 ? 'rows' : kindOf(list[0])
  for (const [i, id] of list.entries()) {
    if (kindOf(id) === kind && isId(id)) continue
    throw new IvfError(
      'ERR_ID',
      `ids[${i}] is ${show(id)}; ids must all be integers up to 2^53, all strings (of whole characters), or all bigints of 64 bits`,
    )
  }
  return { kind, ids: list }
}

/** Turns the rows of a result into ids. */
export function nameRows<I extends Id>(result: SearchResult, ids: IdTable): SearchResult<I> {
  if (ids.kind !== 'rows') {
    const rows = result.ids
    const named = ids.kind === 'number' ? rows : new Array<Id | undefined>(rows.length)
    const { k, counts } = result
    counts.forEach((count, q) => {
      for (let i = q * k; i < q * k + count; i++) named[i] = ids.idOf(rows[i] as number) as number
    })
    Object.assign(result, { ids: named })
  }
  return result as unknown as SearchResult<I>
}

/** @throws IvfError ERR_ID for an id that is given twice */
export function checkDistinct(ids: readonly Id[]): void {
  const seen = new Set<Id>()
  for (const [i, id] of ids.entries()) {
    if (seen.has(id)) throw new IvfError('ERR_ID', `ids[${i}] is ${show(id)}, which is given before; give each once`)
    seen.add(id)
  }
}

function kindOf(id: unknown): IdKind {
  const kind = typeof id
  return kind === 'string' || kind === 'bigint' ? kind : 'number'
}

function isId(id: Id): boolean {
  if (typeof id === 'bigint') return id >= -BIGGEST && id < BIGGEST
  // Half a surrogate pair has no UTF-8: no file could hold it.
  return typeof id === 'string' ? !/\p{Surrogate}/u.test(id) : Number.isSafeInteger(id)
}
