/** A seeded source of chance: the same seed gives the same numbers on every machine. */
export interface Random {
  /** An integer from 0 to n − 1. */
  below(n: number): number
  /** `count` different integers from 0 to n − 1, in random order. */
  sample(count: number, n: number): Uint32Array
}

/** xoshiro128** (Blackman, Vigna 2018), its state drawn from the seed by a Weyl sequence with a finalizer. */
export function seeded(seed: number): Random {
  let weyl = seed >>> 0
  const next32 = (): number => {
    weyl = (weyl + 0x9e3779b9) >>> 0
    let z = weyl
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    return (z ^ (z >>> 15)) >>> 0
  }
  let [a, b, c, d] = [next32(), next32(), next32(), next32() | 1]
  const next = (): number => {
    const x = Math.imul(b, 5)
    const result = Math.imul((x << 7) | (x >>> 25), 9) >>> 0
    const t = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= t
    d = (d << 11) | (d >>> 21)
    return result
  }
  const below = (n: number): number => Math.floor((next() / 0x100000000) * n)
  return {
    below,
    sample(count, n) {
      const rows = new Uint32Array(n)
      for (let i = 0; i < n; i++) rows[i] = i
      for (let i = 0; i < count; i++) {
        const j = i + below(n - i)
        const row = rows[j] as number
        rows[j] = rows[i] as number
        rows[i] = row
      }
      return rows.slice(0, count)
    },
  }
}
