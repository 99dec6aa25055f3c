import { checkInteger, IvfError, show } from './errors.js'
import type { ProjectionPlan } from './projections/projection.js'
import { projectionOf, kinds as projections } from './projections/registry.js'
import type { QuantizerPlan } from './quantizers/quantizer.js'
import { kinds, planOf } from './quantizers/registry.js'

/** What a spec string says. */
export interface Spec {
  /** 1: no cells, every query is compared with everything. */
  nlist: number
  /** IVF1024s: vectors are stored in a second cell, too. */
  spill?: boolean
  quantizer: QuantizerPlan
  /** What is done to vectors before they are encoded, and whether before they are given to cells, too. */
  projection: { plan: ProjectionPlan; beforeCells: boolean } | undefined
  /** R4: the best 4k candidates are compared exactly. */
  rescoreFactor: number | undefined
}

/** The spec that is chosen for n vectors when none is given: small sets are compared whole, others by 4-bit codes. */
export function defaultSpec(n: number, dim: number): string {
  checkInteger('n', n, 0)
  checkInteger('dim', dim, 1, 65536)
  // Comparing with everything takes a fraction of a millisecond up to here.
  if (n * dim < 1 << 21) return 'Flat'
  return `IVF${2 ** Math.round(Math.log2(4 * Math.sqrt(n)))},SQ4`
}

/**
 * Reads a spec: parts with commas between them, in the manner of faiss's index factory. `IVF1024` tells the number of
 * cells (left out: none), then how vectors are stored (`Flat`, `SQ4`, `PQ32x6`, …); `OPQ32` before them learns a
 * rotation for product codes; `R4` after them keeps the vectors and rescores the best 4k. A projection (`PCA64`,
 * `AE64`, …) stands where it is done: first, then cells are those of projected vectors; after the cells, then cells
 * are those of the vectors themselves. `IVF1024s` stores each vector in a second cell, too.
 *
 * @throws IvfError ERR_ARGUMENT
 */
export function parseSpec(text: string): Spec {
  const wrong = (why: string): IvfError =>
    new IvfError('ERR_ARGUMENT', `spec ${show(text)} ${why}; a spec looks like 'IVF1024,SQ4' or 'IVF1024,PQ32x6,R4'`)
  if (typeof text !== 'string' || text.trim() === '') throw wrong('is not a spec')
  const parts = text.split(',').map((part) => canonical(part.trim()))
  const before = takeProjection(parts)
  const opq = numberOf(/^OPQ(\d+)$/, parts)
  const spill = /^IVF\d+s$/.test(parts[0] ?? '')
  const nlist = numberOf(/^IVF(\d+)s?$/, parts)
  if (nlist === 0 || (nlist ?? 1) > 1 << 24)
    throw wrong(`asks for ${nlist} cells, of which there must be 1 to ${1 << 24}`)
  if (spill && nlist === 1)
    throw wrong('asks for a second cell of each vector (IVF1s), and there is one; give IVF2s or more')
  const after = takeProjection(parts)
  if (before && after) throw wrong(`has two projections, ${before.word} and ${after.word}; give one of them`)
  const word = parts.shift()
  if (word === undefined) throw wrong('does not say how vectors are stored')
  if (/^OPQ\d+$/.test(word)) throw wrong(`has ${word} after the cells; it comes first`)
  const quantizer = planOf(word, { opq })
  if (!quantizer) {
    const words = [...kinds, ...projections].map((kind) => kind.words)
    throw wrong(`holds '${word}', which is none of ${words.join(', ')}`)
  }
  const rescoreFactor = numberOf(/^R(\d+)$/, parts)
  if (rescoreFactor === 0) throw wrong('asks to rescore 0 × k candidates; R1 is the least')
  if (parts.length > 0) throw wrong(`goes on with '${parts.join(',')}', where nothing more is known`)
  if (opq !== undefined && !quantizer.word.startsWith('OPQ')) throw wrong('has OPQ, which only product codes (PQ) use')
  const plan = before ?? after
  // A single cell is no matter.
  const projection = plan && { plan, beforeCells: before !== undefined || (nlist ?? 1) === 1 }
  return { nlist: nlist ?? 1, ...(spill && { spill }), quantizer, projection, rescoreFactor }
}

/** The spec in its shortest form. */
export function showSpec({ nlist, spill, quantizer, projection, rescoreFactor }: Spec): string {
  const [word, opq] = quantizer.word.split(',').reverse()
  const ivf = nlist === 1 ? undefined : `IVF${nlist}${spill ? 's' : ''}`
  const refine = rescoreFactor === undefined ? undefined : `R${rescoreFactor}`
  const own = projection?.plan.word
  const [first, second] = projection?.beforeCells ? [own, undefined] : [undefined, own]
  return [first, opq, ivf, second, word, refine].filter((part) => part !== undefined).join(',')
}

/** Letters as specs have them: 'ivf16' is IVF16, 'flat' is Flat, 'pq8X4' is PQ8x4, 'IVF16S' is IVF16s. */
export function canonical(part: string): string {
  const upper = part.toUpperCase()
  return { FLAT: 'Flat', L2NORM: 'L2norm' }[upper] ?? upper.replace(/^(PQ\d+)X/, '$1x').replace(/^(IVF\d+)S$/, '$1s')
}

/** The projection that the first part names, which is then taken away. */
function takeProjection(parts: string[]): ProjectionPlan | undefined {
  const plan = parts[0] === undefined ? undefined : projectionOf(parts[0])
  if (plan) parts.shift()
  return plan
}

/** The number in the first part, which is taken away, if the part is of this form. */
function numberOf(form: RegExp, parts: string[]): number | undefined {
  const found = parts[0]?.match(form)?.[1]
  if (found === undefined) return undefined
  parts.shift()
  return Number(found)
}
