import { expect } from 'vitest'
import { kernelBytes } from '../../src/engine/binary.js'
import { Engine } from '../../src/engine/engine.js'
import type { RunOptions } from '../../src/engine/executor.js'
import { allocPanels, scatter } from '../../src/engine/panels.js'
import { giveWay } from '../../src/platform/host.js'
import type { Pool } from '../../src/threads/pool.js'

/** A cost that is worth a pool. */
export const LARGE = 1e12

const DIM = 512
const CENTROIDS = 256
const BLOCK = 64
const STEP = 2

/**
 * Work of any length, a millisecond or so an item: gives `items` blocks of rows to their nearest centroids, and looks
 * at every answer. All rows are rows of the centroids' table, so row i belongs to centroid i.
 */
export async function labelling(engine: Engine, items: number, options: RunOptions = {}): Promise<void> {
  await engine.frame(async (scratch) => {
    const count = items * BLOCK
    const rows = scratch.alloc(CENTROIDS * DIM * 4)
    // ±1 in a pattern of its own for each row: no other row has a larger product with it.
    engine.floats(rows, CENTROIDS * DIM).forEach((_, i, all) => {
      const [row, k] = [Math.floor(i / DIM), i % DIM]
      all[i] = ((row >> (k & 7)) & 1) ^ (((row * 31 + k * 17) % 13) & 1) ? 1 : -1
    })
    const table = allocPanels(engine, (bytes) => scratch.alloc(bytes), CENTROIDS, DIM)
    await scatter(engine, table, { rows, count: CENTROIDS, first: 0, halfNorm: true, dropZero: false })
    const indices = scratch.alloc(count * 4)
    engine.ints(indices, count).forEach((_, i, all) => {
      all[i] = (i * 7) % CENTROIDS
    })
    const labels = scratch.zeros(count)
    const stride = 4 * BLOCK * (DIM + STEP * 8 + 2)
    const record = scratch.record('Assign', {
      rows,
      indices,
      dim: DIM,
      count,
      block: BLOCK,
      group: engine.tileRows,
      panels: table.panels,
      npanels: CENTROIDS / 8,
      step: STEP,
      bias: table.bias,
      labels,
      distances: 0,
      k: 1,
      scratch: scratch.alloc(stride * engine.lanes(LARGE)),
      scratchStride: stride,
    })
    await engine.run({ kernel: 'assignRows', record, count: items }, { cost: LARGE, ...options })
    const wrong = engine.ints(labels, count).findIndex((label, i) => label !== (i * 7) % CENTROIDS)
    expect(wrong).toBe(-1)
  })
}

/** An engine on a pool of one's own. */
export function engineOn(pool: Pool): Engine {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 4096, shared: true })
  const module = new WebAssembly.Module(kernelBytes('baseline', true, false))
  return new Engine({
    module,
    memory,
    instance: new WebAssembly.Instance(module, { env: { memory } }),
    tileRows: 2,
    pool: (engine) => pool.executor(engine),
    giveWay,
    onClose: (engine) => pool.release(engine),
  })
}
