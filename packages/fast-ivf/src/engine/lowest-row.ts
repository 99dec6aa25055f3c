import type { Engine, Scratch } from './engine.js'

const NONE = 0xffffffff

/**
 * The lowest row that a task finds bad, if any. The task, of this cost, writes it at address `bad`: per lane 64 bytes
 * apart.
 */
export function lowestRow(
  engine: Engine,
  cost: number,
  run: (scratch: Scratch, bad: number) => Promise<void>,
): Promise<number | undefined> {
  const lanes = engine.lanes(cost)
  return engine.frame(async (scratch) => {
    const bad = scratch.alloc(64 * lanes)
    engine.ints(bad, 16 * lanes).fill(NONE)
    await run(scratch, bad)
    const lowest = engine.ints(bad, 16 * lanes).reduce((low, row) => Math.min(low, row))
    return lowest === NONE ? undefined : lowest
  })
}
