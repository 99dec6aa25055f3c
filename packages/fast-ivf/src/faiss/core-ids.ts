import { IvfError } from '../errors.js'
import { IdTable } from '../ivf/ids.js'
import type { Id } from '../options.js'
import { formatError } from './cursor.js'
import type { FaissRows } from './description.js'

/** What vectors are called, slot by slot. */
export interface SlotIds {
  readonly table: IdTable
  /** The row of each slot. */
  readonly rows: Uint32Array
}

/** Replaces ids by what a map says of them, which is read whole: they may be asked for in any order. */
export async function renamed(ids: BigInt64Array, map: FaissRows<BigInt64Array>, name: string): Promise<BigInt64Array> {
  const names = await map.read(0, map.count)
  return ids.map((id) => {
    const found = id >= 0n && id < map.count ? names[Number(id)] : undefined
    if (found !== undefined) return found
    throw formatError(name, `has the id ${id} below a map of ${map.count} ids`)
  })
}

/** The slot of each row, where ids are the numbers 0 … n − 1 in any order. @throws IvfError ERR_FORMAT when not */
export function slotsOf(ids: BigInt64Array, name: string): Uint32Array {
  const slots = new Uint32Array(ids.length).fill(NOWHERE)
  ids.forEach((id, slot) => {
    if (id < 0n || id >= ids.length || slots[Number(id)] !== NOWHERE) {
      throw formatError(name, `refines ${ids.length} vectors, of which ${id} is not one, or one twice`)
    }
    slots[Number(id)] = slot
  })
  return slots
}

/**
 * Ids as indexes here have them: numbers of rows where they are 0 … n − 1, else numbers; `bigint`: bigints in any case.
 * @throws IvfError ERR_ID for an id that is there twice, or that numbers cannot hold
 */
export function slotIds(ids: BigInt64Array, bigint: boolean, name: string): SlotIds {
  const sorted = ids.slice().sort()
  const twice = sorted.findIndex((id, i) => i > 0 && id === sorted[i - 1])
  if (twice > 0) {
    const remedy = 'ids must differ here: give vectors others in Python (faiss.IndexIDMap, or add_with_ids), or none'
    throw new IvfError('ERR_ID', `${name} has the id ${sorted[twice]} twice; ${remedy}`)
  }
  const [least = 0n, most = -1n] = [sorted.at(0), sorted.at(-1)]
  const plain = least === 0n && most === BigInt(ids.length - 1)
  const rows = Uint32Array.from({ length: ids.length }, (_, slot) => slot)
  if (bigint) return { rows, table: tableOf('bigint', Array.from(ids)) }
  if (plain || ids.length === 0) return { rows: Uint32Array.from(ids, Number), table: new IdTable('rows') }
  const big = [least, most].find((id) => !Number.isSafeInteger(Number(id)))
  if (big === undefined) return { rows, table: tableOf('number', Array.from(ids, Number)) }
  throw new IvfError('ERR_ID', `${name} has the id ${big}, which is beyond 2^53; import it with bigint: true`)
}

const NOWHERE = 0xffffffff

function tableOf(kind: 'number' | 'bigint', ids: Id[]): IdTable {
  const table = new IdTable(kind)
  table.append(0, ids)
  return table
}
