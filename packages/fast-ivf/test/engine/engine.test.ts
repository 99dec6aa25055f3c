import { afterAll, describe, expect, test } from 'vitest'
import type { Engine } from '../../src/engine/engine.js'
import { createEngine } from '../../src/runtime.js'
import { LARGE, labelling } from '../threads/labelling.js'

const engines: Engine[] = []
async function engineWith(threads: number): Promise<Engine> {
  const engine = await createEngine({ threads })
  engines.push(engine)
  return engine
}
afterAll(() => engines.forEach((engine) => engine.close()))

describe('an engine', () => {
  test('frees the scratch memory of a frame, however the frame ends', async () => {
    const engine = await engineWith(0)
    const held = engine.alloc(1000)
    const before = engine.bytes
    expect(await engine.frame((scratch) => scratch.alloc(5000))).toBeGreaterThan(held)
    expect(engine.bytes).toBe(before)
    const failing = engine.frame(async (scratch) => {
      scratch.zeros(100)
      scratch.record('Heaps', { heaps: 0, k: 1 })
      await engine.frame((own) => own.alloc(64))
      throw new Error('in the middle')
    })
    await expect(failing).rejects.toThrow('in the middle')
    expect(engine.bytes).toBe(before)
  })

  test('uses the pool for work that is worth it only', async () => {
    const engine = await engineWith(3)
    expect([0, 1e6, Number.NaN].map((cost) => engine.lanes(cost))).toEqual([1, 1, 1])
    expect([1e9, Number.POSITIVE_INFINITY].map((cost) => engine.lanes(cost))).toEqual([3, 3])
    expect((await engineWith(0)).lanes(1e9)).toBe(1)
  })

  test.each([0, 2])('a kernel that traps rejects with a code, and the engine goes on: %i threads', async (threads) => {
    const engine = await engineWith(threads)
    const before = engine.bytes
    const trapping = engine.frame((scratch) => {
      const record = scratch.record('Heaps', { heaps: 0xffffff00, k: 1000 })
      return engine.run({ kernel: 'clearHeaps', record, count: 5 }, { cost: LARGE })
    })
    await expect(trapping).rejects.toMatchObject({
      name: 'IvfError',
      code: 'ERR_WORKER',
      message: expect.stringMatching(/out of bounds/),
    })
    expect(engine.bytes).toBe(before)
    await labelling(engine, 6)
  })

  test('a closed engine refuses', async () => {
    const engine = await engineWith(2)
    engine.close()
    engine.close()
    expect(() => engine.alloc(1)).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
    for (const cost of [0, LARGE]) {
      const run = engine.run({ kernel: 'clearHeaps', record: 0, count: 0 }, { cost })
      await expect(run).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    }
  })

  test('gives its memory to the next one when it is closed, unless something still runs', async () => {
    for (const threads of [0, 2]) {
      const one = await engineWith(threads)
      await labelling(one, 4)
      one.close()
      const two = await engineWith(threads)
      expect(two.memory).toBe(one.memory)
      expect(two.bytes).toBe(0)
      expect(() => one.floats(65536, 1)).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
      const running = Promise.allSettled([labelling(two, 100), labelling(two, 4)])
      two.close()
      const three = await engineWith(threads)
      expect(three.memory).not.toBe(two.memory)
      await labelling(three, 4)
      const closed = { status: 'rejected', reason: { code: 'ERR_CLOSED' } }
      expect(await running).toMatchObject([closed, closed])
      three.close()
    }
  })

  test('memory does not grow from one engine to the next', async () => {
    const sizes: number[] = []
    for (let i = 0; i < 20; i++) {
      const engine = await engineWith(2)
      await labelling(engine, 2)
      sizes.push(engine.memory.buffer.byteLength)
      engine.close()
    }
    expect(new Set(sizes).size).toBe(1)
  })

  test.each([0, 2])('work without items is done at once: %i threads', async (threads) => {
    const engine = await engineWith(threads)
    await engine.run({ kernel: 'clearHeaps', record: 0, count: 0 }, { cost: LARGE })
  })

  test('memory that grows while workers hold it is theirs too', async () => {
    const engine = await engineWith(2)
    const blocks: number[] = []
    for (let i = 0; i < 8; i++) {
      await labelling(engine, 4)
      // What is used next lies beyond all that the workers have seen, the pool's own counter included.
      blocks.push(engine.alloc(i < 4 ? 30e6 : 100e3))
      await labelling(engine, 4)
    }
    expect(engine.bytes).toBeGreaterThan(120e6)
    for (const at of blocks) engine.free(at)
    await labelling(engine, 4)
  })

  test('memory may grow while workers run', async () => {
    const engine = await engineWith(2)
    const runs = [labelling(engine, 60), labelling(engine, 60)]
    for (let i = 0; i < 20; i++) {
      const at = engine.alloc(1e6)
      engine.floats(at, 250e3).fill(i)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await Promise.all(runs)
  })
})

describe('work on the calling thread', () => {
  test('lets timers have their turn', async () => {
    const engine = await engineWith(0)
    let ticks = 0
    const timer = setInterval(() => ticks++, 1)
    await labelling(engine, 300)
    clearInterval(timer)
    expect(ticks).toBeGreaterThan(2)
  })

  test('lets them have it between many short runs as well', async () => {
    const engine = await engineWith(0)
    const controller = new AbortController()
    setTimeout(() => controller.abort('late'), 20)
    const runs = async (): Promise<void> => {
      for (let i = 0; i < 300; i++) await labelling(engine, 3, { signal: controller.signal })
    }
    await expect(runs()).rejects.toBe('late')
  })

  test('ends when it is aborted, with the reason, and tells how far it has come', async () => {
    const engine = await engineWith(0)
    const before = engine.bytes
    const controller = new AbortController()
    const seen: number[] = []
    const reason = new Error('enough')
    const onItems = (done: number): void => {
      seen.push(done)
      if (seen.length === 2) controller.abort(reason)
    }
    await expect(labelling(engine, 1000, { signal: controller.signal, onItems })).rejects.toBe(reason)
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
    expect(seen.length).toBe(2)
    expect(seen[1]).toBeLessThan(1000)
    expect(engine.bytes).toBe(before)
    await labelling(engine, 4)
  })

  test('ends when the one who is told throws', async () => {
    const engine = await engineWith(0)
    const refused = new Error('no')
    const onItems = (): void => {
      throw refused
    }
    await expect(labelling(engine, 100, { onItems })).rejects.toBe(refused)
  })
})
