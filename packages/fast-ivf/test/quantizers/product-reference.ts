import type { FactorKind } from '../../src/quantizers/product/encode.js'

/** Product codes in plain code. Numbers are 32-bit floats after every operation, in the kernels' order. */
const f = Math.fround

export interface Books {
  m: number
  k: number
  width: number
  /** m × k × width */
  words: Float32Array
}

export function wordOf({ k, width, words }: Books, j: number, n: number): Float32Array {
  return words.subarray((j * k + n) * width, (j * k + n + 1) * width)
}

/** One chain in the order of the components. */
export function chain(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum = f(sum + f((a[i] as number) * (b[i] as number)))
  return sum
}

/** Half the squared norm of each codeword. */
export function halfNorms(books: Books): Float32Array {
  return Float32Array.from({ length: books.m * books.k }, (_, i) => {
    let sum = 0
    for (const value of books.words.subarray(i * books.width, (i + 1) * books.width)) sum += value * value
    return sum / 2
  })
}

/** The first of the nearest codewords in each subspace. */
export function encode(books: Books, row: Float32Array, centroid: Float32Array | undefined): number[] {
  const { m, k, width } = books
  const residual = row.map((value, i) => value - (centroid?.[i] ?? 0))
  const halves = halfNorms(books)
  return Array.from({ length: m }, (_, j) => {
    const own = residual.subarray(j * width, (j + 1) * width)
    let best = { distance: Number.POSITIVE_INFINITY, label: 0 }
    for (let n = 0; n < k; n++) {
      const distance = f((halves[j * k + n] as number) - chain(own, wordOf(books, j, n)))
      if (distance < best.distance) best = { distance, label: n }
    }
    return best.label
  })
}

export function decode(books: Books, codes: readonly number[], centroid: Float32Array | undefined): Float32Array {
  const row = new Float32Array(books.m * books.width)
  codes.forEach((code, j) => {
    row.set(wordOf(books, j, code), j * books.width)
  })
  return centroid ? row.map((value, i) => (centroid[i] as number) + value) : row
}

export function factor(
  books: Books,
  kind: FactorKind,
  row: Float32Array,
  codes: readonly number[],
  centroid: Float32Array | undefined,
): number {
  if (kind === 'none') return 0
  if (kind === 'unit' && row.every((value) => value === 0)) return Number.POSITIVE_INFINITY
  let sum = 0
  if (centroid) {
    const y = decode(books, codes, undefined)
    y.forEach((value, i) => {
      const c = centroid[i] as number
      const x = f(c + value)
      sum = f(sum + (kind === 'unit' ? f(f(x * x) * 0.5) : f(value * f(c + f(value * 0.5)))))
    })
  } else {
    const halves = halfNorms(books)
    codes.forEach((code, j) => {
      sum = f(sum + (halves[j * books.k + code] as number))
    })
  }
  return kind === 'unit' ? f(sum - 0.5) : sum
}

/** Code i at bits i·b …, lowest first, padded with zeros to whole 32-bit words. */
export function packCodes(codes: readonly number[], bits: number): Uint8Array {
  const bytes = new Uint8Array(Math.ceil((codes.length * bits) / 32) * 4)
  codes.forEach((code, i) => {
    for (let bit = 0; bit < bits; bit++) {
      const at = i * bits + bit
      if ((code >> bit) & 1) bytes[at >> 3] = (bytes[at >> 3] as number) | (1 << (at & 7))
    }
  })
  return bytes
}

/** The codewords as the kernels want them: m × npanels × width × 8, and a bias each. */
export function inPanels(books: Books): { panels: Float32Array; bias: Float32Array; npanels: number } {
  const { m, k, width } = books
  const npanels = 2 * Math.ceil(k / 16)
  const panels = new Float32Array(m * npanels * width * 8)
  const bias = new Float32Array(m * npanels * 8).fill(Number.POSITIVE_INFINITY)
  const halves = halfNorms(books)
  for (let j = 0; j < m; j++) {
    for (let n = 0; n < k; n++) {
      bias[j * npanels * 8 + n] = halves[j * k + n] as number
      wordOf(books, j, n).forEach((value, t) => {
        panels[((j * npanels + (n >> 3)) * width + t) * 8 + (n & 7)] = value
      })
    }
  }
  return { panels, bias, npanels }
}
