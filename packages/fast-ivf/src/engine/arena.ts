import { IvfError } from '../errors.js'

const ALIGN = 64
const PAGE = 65536
const MAX_PAGES = 65535 // of 65,536: kernels count up to the end of a block, which must not be 2³² = 0

/**
 * Hands out the bytes of one WebAssembly memory. Only the thread that owns the engine allocates; kernels and workers
 * get addresses. Blocks are first-fit, neighbours join when freed, and memory grows at the end only, which workers
 * that hold it do not notice.
 */
export class Arena {
  readonly #memory: WebAssembly.Memory
  /** Free ranges, sorted by address; none touch. */
  readonly #free: { at: number; size: number }[] = []
  readonly #sizes = new Map<number, number>()
  #end: number
  #used = 0

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory
    // Address 0 means "none" in records.
    this.#end = PAGE
  }

  /** Bytes handed out at present. */
  get used(): number {
    return this.#used
  }

  /** The address of `bytes` bytes, 64-byte aligned, their content undefined. @throws IvfError ERR_MEMORY */
  alloc(bytes: number): number {
    const size = Math.max(ALIGN, Math.ceil(bytes / ALIGN) * ALIGN)
    const at = this.#take(size) ?? this.#extend(size)
    this.#sizes.set(at, size)
    this.#used += size
    return at
  }

  /** Returns a block. */
  free(at: number): void {
    const size = this.#sizes.get(at)
    if (size === undefined) throw new Error(`no block at ${at}`)
    this.#sizes.delete(at)
    this.#used -= size
    let i = this.#free.findIndex((range) => range.at > at)
    if (i < 0) i = this.#free.length
    const before = this.#free[i - 1]
    const after = this.#free[i]
    const joinsBefore = before !== undefined && before.at + before.size === at
    const joinsAfter = after !== undefined && at + size === after.at
    if (joinsBefore) before.size += size + (joinsAfter ? after.size : 0)
    else if (joinsAfter) {
      after.at = at
      after.size += size
    } else this.#free.splice(i, 0, { at, size })
    if (joinsBefore && joinsAfter) this.#free.splice(i, 1)
  }

  #take(size: number): number | undefined {
    const i = this.#free.findIndex((range) => range.size >= size)
    const range = this.#free[i]
    if (!range) return undefined
    const { at } = range
    range.at += size
    range.size -= size
    if (range.size === 0) this.#free.splice(i, 1)
    return at
  }

  #extend(size: number): number {
    // A free range at the very end is the start of the new block.
    const last = this.#free.at(-1)
    const at = last && last.at + last.size === this.#end ? last.at : this.#end
    const pages = Math.ceil((at + size) / PAGE) - this.#memory.buffer.byteLength / PAGE
    if (pages > 0) grow(this.#memory, pages, size)
    if (at !== this.#end) this.#free.pop()
    this.#end = at + size
    return at
  }
}

function grow(memory: WebAssembly.Memory, pages: number, size: number): void {
  const held = memory.buffer.byteLength
  try {
    if (held / PAGE + pages > MAX_PAGES) throw new RangeError('beyond 4 GiB')
    memory.grow(pages)
  } catch (cause) {
    throw new IvfError(
      'ERR_MEMORY',
      `${megabytes(size)} MB more are needed beside the ${megabytes(held)} MB in use, and could not be had (one engine holds at most 4 GiB); split the vectors over several indexes, or give fewer or smaller ones`,
      { cause },
    )
  }
}

function megabytes(bytes: number): number {
  return Math.ceil(bytes / 1e6)
}
