import { IvfError, show } from '../errors.js'

const BLOCK = 1024

/** 1024 rows: the texts in UTF-8 one after the other, and where each ends. */
interface Block {
  bytes: Uint8Array
  readonly ends: Uint32Array
}

/** A text for some rows, outside of the garbage collector's heap. */
export class Texts {
  readonly #blocks: Block[] = []
  readonly #encoder = new TextEncoder()
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  #rows = 0

  get rows(): number {
    return this.#rows
  }

  /** The text of the next row; '' is none. @throws IvfError ERR_ARGUMENT */
  push(text: string): void {
    const i = this.#rows % BLOCK
    const block: Block = this.#blocks[Math.floor(this.#rows / BLOCK)] ?? {
      bytes: new Uint8Array(0),
      ends: new Uint32Array(BLOCK),
    }
    const start = i === 0 ? 0 : (block.ends[i - 1] as number)
    const needed = start + 3 * text.length // a UTF-16 unit takes three bytes at most
    if (needed > block.bytes.length) block.bytes = resized(block.bytes, Math.max(needed, 2 * block.bytes.length))
    const { written } = this.#encoder.encodeInto(text, block.bytes.subarray(start))
    if (written !== text.length && /\p{Surrogate}/u.test(text)) {
      throw new IvfError(
        'ERR_ARGUMENT',
        `the text ${show(text)} holds half a surrogate pair, which UTF-8 cannot; write it with JSON.stringify`,
      )
    }
    block.ends[i] = start + written
    if (i === BLOCK - 1) block.bytes = block.bytes.slice(0, start + written)
    if (i === 0) this.#blocks.push(block)
    this.#rows++
  }

  at(row: number): string {
    const block = row < this.#rows ? this.#blocks[Math.floor(row / BLOCK)] : undefined
    if (!block) return ''
    const i = row % BLOCK
    const start = i === 0 ? 0 : (block.ends[i - 1] as number)
    const end = block.ends[i] as number
    return start === end ? '' : this.#decoder.decode(block.bytes.subarray(start, end))
  }
}

function resized(bytes: Uint8Array, length: number): Uint8Array {
  const larger = new Uint8Array(length)
  larger.set(bytes)
  return larger
}
