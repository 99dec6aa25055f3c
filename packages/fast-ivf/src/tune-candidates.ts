import type { Keep } from './ivf/originals.js'

/** What is tried. */
export interface Candidate {
  /** 1: no cells. */
  nlist: number
  /** A spec with # in place of the number of cells. */
  form: string
  keep: Keep
}

/** The spec of a candidate for a share of all vectors: cells are as many times fewer as the root of that. */
export function specOf({ nlist, form }: Candidate, share: number): string {
  const cells = share === 1 ? nlist : Math.max(16, 2 ** Math.round(Math.log2(nlist * Math.sqrt(share))))
  return form.replace('#', String(cells))
}

/** What a spec asks to try. */
export function candidateOf(spec: string, nlist: number, keep: Keep): Candidate {
  return { nlist, form: spec.replace(/IVF\d+/i, 'IVF#'), keep }
}

/** The same with every vector in a second cell, too; undefined where there are no cells, or it is so already. */
export function spilled({ form, ...candidate }: Candidate): Candidate | undefined {
  return form.includes('IVF#,') ? { ...candidate, form: form.replace('IVF#,', 'IVF#s,') } : undefined
}

/** What is worth trying for n vectors, and what may be kept of them beside their codes. */
export function candidatesFor(n: number, dim: number, keeps: readonly Keep[]): Candidate[] {
  const usual = 2 ** Math.round(Math.log2(4 * Math.sqrt(n)))
  const cells = [usual / 2, usual / 4, usual, usual * 2].filter((nlist) => nlist >= 16 && 8 * nlist <= n)
  const codes = ['SQ4', 'SQ8', 'SQ1', ...(dim % 4 === 0 && dim >= 32 ? [`PQ${dim / 4}x4`] : [])]
  return [
    { nlist: 1, form: 'Flat', keep: 'none' },
    ...cells.flatMap((nlist): Candidate[] => [
      ...codes.flatMap((word) => keeps.map((keep): Candidate => ({ nlist, form: `IVF#,${word}`, keep }))),
      { nlist, form: 'IVF#,Flat', keep: 'none' },
    ]),
  ]
}

/** Bytes that a vector takes at least: those of its code, what is kept, and its number. */
export function leastBytes({ form, keep }: Candidate, dim: number): number {
  const bits = /,?SQ(\d)/.exec(form)?.[1]
  const [, m, nbits] = /PQ(\d+)x(\d+)/.exec(form) ?? []
  const code = bits ? (dim * Number(bits)) / 8 : m ? (Number(m) * Number(nbits)) / 8 : dim * 4
  const kept = { none: 0, int8: dim, f16: dim * 2, f32: dim * 4 }[keep]
  return code * (form.includes('#s') ? 2 : 1) + kept + 4
}
