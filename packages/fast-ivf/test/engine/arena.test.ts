import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Arena } from '../../src/engine/arena.js'
import { IvfError } from '../../src/errors.js'

const PAGE = 65536

function memoryOf(pages: number): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: 1, maximum: pages })
}

interface Block {
  at: number
  size: number
}

/** Takes a block and looks that it touches none of the others. */
function take(arena: Arena, memory: WebAssembly.Memory, blocks: Block[], size: number): void {
  const at = arena.alloc(size)
  expect(at % 64).toBe(0)
  expect(at).toBeGreaterThanOrEqual(PAGE)
  expect(at + size).toBeLessThanOrEqual(memory.buffer.byteLength)
  for (const block of blocks) expect(at + size <= block.at || block.at + block.size <= at, 'blocks overlap').toBe(true)
  blocks.push({ at, size })
}

describe('an arena', () => {
  test('hands out blocks that never overlap, and has everything back when all are freed', () => {
    const step = fc.oneof(
      fc.record({ alloc: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 3 * PAGE })) }),
      fc.record({ free: fc.nat(1000) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const memory = memoryOf(1000)
        const arena = new Arena(memory)
        const blocks: Block[] = []
        let used = 0
        for (const step of steps) {
          if ('alloc' in step) {
            take(arena, memory, blocks, step.alloc)
            used += Math.max(64, Math.ceil(step.alloc / 64) * 64)
          } else if (blocks.length > 0) {
            const [block] = blocks.splice(step.free % blocks.length, 1) as [Block]
            arena.free(block.at)
            used -= Math.max(64, Math.ceil(block.size / 64) * 64)
          }
          expect(arena.used).toBe(used)
        }
        for (const { at } of blocks) arena.free(at)
        expect(arena.used).toBe(0)
        // Neighbours have joined: one block takes all there is, and memory does not grow for it.
        const held = memory.buffer.byteLength
        if (held > PAGE) expect(arena.alloc(held - PAGE)).toBe(PAGE)
        expect(memory.buffer.byteLength).toBe(held)
      }),
      { numRuns: 200 },
    )
  })

  test('a free range at the end becomes the start of a larger block', () => {
    const memory = memoryOf(100)
    const arena = new Arena(memory)
    const [one, two] = [arena.alloc(PAGE), arena.alloc(10 * PAGE)]
    arena.free(two)
    expect(arena.alloc(20 * PAGE)).toBe(two)
    expect(memory.buffer.byteLength).toBe((1 + 1 + 20) * PAGE)
    arena.free(one)
    expect(arena.alloc(100)).toBe(one)
  })

  test('what does not fit is refused with a code and numbers, and the rest can still be had', () => {
    const memory = memoryOf(10)
    const arena = new Arena(memory)
    const kept = arena.alloc(4 * PAGE)
    for (const size of [6 * PAGE, 2 ** 31, 2 ** 32, 2 ** 40, Number.MAX_SAFE_INTEGER]) {
      const refused = caught(() => arena.alloc(size))
      expect(refused).toBeInstanceOf(IvfError)
      expect(refused).toMatchObject({ code: 'ERR_MEMORY' })
      expect((refused as Error).message).toMatch(/\d+ MB more are needed beside the 1 MB in use/)
    }
    expect(arena.used).toBe(4 * PAGE)
    expect(arena.alloc(5 * PAGE)).toBe(kept + 4 * PAGE)
    expect(caught(() => arena.alloc(1))).toMatchObject({ code: 'ERR_MEMORY' })
    arena.free(kept)
    expect(arena.alloc(4 * PAGE)).toBe(kept)
  })

  test('a refused block does not lose the free range before it', () => {
    const memory = memoryOf(10)
    const arena = new Arena(memory)
    const at = arena.alloc(8 * PAGE)
    arena.free(at)
    expect(caught(() => arena.alloc(20 * PAGE))).toMatchObject({ code: 'ERR_MEMORY' })
    expect(arena.alloc(8 * PAGE)).toBe(at)
  })

  test('freeing twice, or what was never handed out, is told', () => {
    const arena = new Arena(memoryOf(10))
    const at = arena.alloc(100)
    expect(() => arena.free(at + 64)).toThrow('no block at')
    arena.free(at)
    expect(() => arena.free(at)).toThrow('no block at')
    expect(arena.used).toBe(0)
  })

  test('the last bytes of 4 GiB are never part of a block: their end would be address 0', () => {
    // A memory that only says it is large: nobody has 4 GiB to spare for a test.
    let pages = 1
    const memory = {
      get buffer() {
        return { byteLength: pages * PAGE }
      },
      grow: (by: number) => {
        if (pages + by > 65536) throw new RangeError('too large')
        pages += by
      },
    } as unknown as WebAssembly.Memory
    const arena = new Arena(memory)
    expect(caught(() => arena.alloc(65535 * PAGE))).toMatchObject({ code: 'ERR_MEMORY' })
    const at = arena.alloc(65534 * PAGE)
    expect(at + 65534 * PAGE).toBeLessThan(2 ** 32)
  })
})

function caught(call: () => unknown): unknown {
  try {
    call()
  } catch (error) {
    return error
  }
  throw new Error('it was not refused')
}
