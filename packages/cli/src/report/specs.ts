/** Which indexes are compared when none is named? */

/** What follows `IVF<nlist>`, from the vectors themselves to the smallest codes; `s`: vectors in a second cell, too. */
const KINDS = [',Flat', ',SQ8', ',SQ4', 's,SQ4', ',SQ1']

/** Specs for so many vectors: exact vectors, scalar codes, and product codes of a subvector for every four components. */
export function defaultSpecs(rows: number, dim: number): string[] {
  const nlist = Math.min(powerOfTwo(4 * Math.sqrt(rows)), 2 ** Math.floor(Math.log2(rows)))
  const subvectors = divisorOf(dim, Math.min(64, Math.ceil(dim / 4)))
  const kinds = [...KINDS, ...(subvectors > 1 ? [`,PQ${subvectors}x4,R16`] : [])]
  return kinds.map((kind) => `IVF${nlist}${kind}`)
}

/** The power of two that is nearest on a log scale. */
export function powerOfTwo(value: number): number {
  return 2 ** Math.max(0, Math.round(Math.log2(value)))
}

/** The largest divisor that is not above `most`. */
export function divisorOf(value: number, most: number): number {
  for (let divisor = Math.min(value, most); divisor > 1; divisor--) if (value % divisor === 0) return divisor
  return 1
}
