import type { Scratch } from '../engine/engine.js'
import type { RunOptions } from '../engine/executor.js'

/** Form of rows that are copied as they are. */
export const AS_THEY_ARE = 1

export interface Picked {
  /** Form of the rows: 0 for panels, else as originals are kept. */
  kept: number
  /** Address of slot 0. */
  from: number
  /** 4-byte numbers of a row; of panels and originals, components. */
  dim: number
  slots: Uint32Array
  /** Which row each becomes; undefined: one after the other. */
  places?: Uint32Array | undefined
  /** Address of the rows. */
  rows: number
}

const BLOCK = 64 // rows per item
const COST = 24 // of a number that is moved, in multiply-adds

/** Fetches the rows of some slots. */
export async function pick(scratch: Scratch, { slots, places, ...picked }: Picked, options: RunOptions): Promise<void> {
  const { engine } = scratch
  const count = slots.length
  await engine.frame((own) => {
    const put = (list: Uint32Array): number => {
      const at = own.alloc(list.byteLength)
      engine.ints(at, list.length).set(list)
      return at
    }
    const lists = { slots: put(slots), places: places ? put(places) : 0 }
    const record = own.record('Pick', { ...picked, ...lists, count, block: BLOCK })
    const task = { kernel: 'pickRows', record, count: Math.ceil(count / BLOCK) } as const
    return engine.run(task, { cost: count * picked.dim * COST, ...options })
  })
}
