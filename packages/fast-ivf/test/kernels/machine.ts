import { setFlagsFromString } from 'node:v8'
import { kernelBytes, type SimdLevel } from '../../src/engine/binary.js'
import type { Kernel, KernelName } from '../../src/engine/executor.js'
import { type RecordFields, type RecordName, recordSize, writeRecord } from '../../src/engine/layout.js'
import { records } from '../../src/generated/kernels.js'

const GUARD = 64
const PAGE = 65536

/** Kernels over a memory of their own, where every block has guards before and behind it. */
export interface Machine {
  readonly level: SimdLevel
  readonly exports: Record<KernelName, Kernel>
  readonly memory: WebAssembly.Memory
  /** The address of `count` 4-byte places that hold NaN (as floats) and 0xffffffff (as integers). */
  room(count: number): number
  put(numbers: Float32Array | readonly number[]): number
  putInts(numbers: Uint32Array | readonly number[]): number
  floats(at: number, count: number): Float32Array
  ints(at: number, count: number): Uint32Array
  record<N extends RecordName>(name: N, fields: RecordFields<N>): number
  /** A record whose other fields are 0. */
  sparse<N extends RecordName>(name: N, fields: Partial<RecordFields<N>>): number
  /** Runs items 0 … count, in `parts` calls, and looks at the guards. */
  run(kernel: KernelName, record: number, count: number, lane?: number): void
  /** Forgets all blocks. */
  reset(): void
}

export function machine(level: SimdLevel): Machine {
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 2048, shared: true })
  const instance = new WebAssembly.Instance(new WebAssembly.Module(kernelBytes(level, true, false)), {
    env: { memory },
  })
  const exports = instance.exports as Record<KernelName, Kernel>
  const guards: number[] = []
  let end = 1024

  const room = (count: number): number => {
    const bytes = Math.ceil((count * 4) / 16) * 16
    const at = end + GUARD
    const needed = Math.ceil((at + bytes + GUARD - memory.buffer.byteLength) / PAGE)
    if (needed > 0) memory.grow(needed)
    // Guards lie at the very ends: what the rounding adds belongs to them.
    new Uint8Array(memory.buffer)
      .fill(0xa5, end, at)
      .fill(0xff, at, at + count * 4)
      .fill(0xa5, at + count * 4, at + bytes + GUARD)
    guards.push(end, at, at + count * 4, at + bytes + GUARD)
    end = at + bytes
    return at
  }
  const floats = (at: number, count: number): Float32Array => new Float32Array(memory.buffer, at, count).slice()
  const ints = (at: number, count: number): Uint32Array => new Uint32Array(memory.buffer, at, count).slice()
  const put = (numbers: Float32Array | readonly number[]): number => {
    const at = room(numbers.length)
    new Float32Array(memory.buffer, at, numbers.length).set(numbers)
    return at
  }
  const putInts = (numbers: Uint32Array | readonly number[]): number => {
    const at = room(numbers.length)
    new Uint32Array(memory.buffer, at, numbers.length).set(numbers)
    return at
  }
  const check = (): void => {
    const bytes = new Uint8Array(memory.buffer)
    for (let i = 0; i < guards.length; i += 2) {
      const [from, to] = [guards[i] as number, guards[i + 1] as number]
      for (let at = from; at < to; at++)
        if (bytes[at] !== 0xa5) throw new Error(`byte ${at} beside a block was written`)
    }
  }
  const record = <N extends RecordName>(name: N, fields: RecordFields<N>): number => {
    const at = room(recordSize(name) / 4)
    writeRecord(memory.buffer, at, name, fields)
    return at
  }
  return {
    level,
    exports,
    memory,
    room,
    put,
    putInts,
    floats,
    ints,
    record,
    sparse<N extends RecordName>(name: N, fields: Partial<RecordFields<N>>) {
      const none = Object.fromEntries(Object.keys(records[name]).map((field) => [field, 0]))
      return record(name, { ...none, ...fields } as RecordFields<N>)
    },
    run(kernel, record, count, lane = 0) {
      exports[kernel](record, 0, count, lane)
      check()
    },
    reset() {
      guards.length = 0
      end = 1024
    },
  }
}

/** Both builds; Node 20 validates relaxed SIMD behind a flag that can be set at any time. */
export const machines: readonly Machine[] = (() => {
  if (process.versions.node.startsWith('20.')) setFlagsFromString('--experimental-wasm-relaxed-simd')
  return (['baseline', 'relaxed'] as const)
    .filter((level) => WebAssembly.validate(kernelBytes(level, true, false)))
    .map(machine)
})()

/** Small whole numbers, whose sums are exact in any order. */
export function wholes(length: number, seed: number, most = 4): Float32Array {
  const next = numbers(seed)
  return Float32Array.from({ length }, () => (next() % (2 * most + 1)) - most)
}

/** Any floats from −1 to 1. */
export function fractions(length: number, seed: number): Float32Array {
  const next = numbers(seed)
  return Float32Array.from({ length }, () => next() / 0x7fffffff - 1)
}

/** Compares thousands of numbers at the speed of a loop. */
export function expectSame(found: ArrayLike<number>, expected: ArrayLike<number>): void {
  let at = 0
  while (at < expected.length && Object.is(found[at], expected[at])) at++
  if (at < expected.length || found.length !== expected.length) {
    throw new Error(`number ${at} of ${expected.length} is ${found[at]}, not ${expected[at]}`)
  }
}

/** Marsaglia's xorshift. */
export function numbers(seed: number): () => number {
  let state = (seed * 2654435769 + 1) >>> 0 || 1
  return () => {
    state ^= state << 13
    state >>>= 0
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state
  }
}
