import type { Scratch } from '../engine/engine.js'
import type { RunOptions } from '../engine/executor.js'
import type { QueryRows } from '../ivf/choose.js'
import { findProbes } from '../ivf/probes.js'
import type { AskedRows } from '../ivf/rows.js'
import type { Probes } from '../ivf/visits.js'

/**
 * The `nprobe` nearest cells of some of the queries; the first `wave` are those that they have visited already, which
 * may have been chosen by codes.
 */
export async function lookFarther(
  scratch: Scratch,
  before: Probes,
  wave: number,
  { model, queries: { given, coded }, prepared }: AskedRows,
  which: Uint32Array,
  nprobe: number,
  { signal }: RunOptions,
): Promise<Probes> {
  const { dim, width, nlist } = model
  const own = some(scratch, given, dim, which)
  const queries = {
    given: own,
    coded: coded === given || coded.rows === given.rows ? own : some(scratch, coded, width, which),
  }
  const units = prepared.units ? copySome(scratch, prepared.units, 2, which) : 0
  const wanted = { nprobe: Math.min(nlist, nprobe), ratioThreshold: 0, k: 1, allowed: undefined }
  const found = await findProbes(model, scratch, queries, { ...prepared, units }, wanted, signal)
  which.forEach((q, i) => keepFirst(before, q, found, i, wave))
  return found
}

/** Puts the first cells of query q of `before` first in row i, in place of where they are, or of the last. */
function keepFirst(before: Probes, q: number, found: Probes, i: number, wave: number): void {
  const count = Math.min(wave, before.nprobe, found.nprobe)
  const [from, to] = [q * before.nprobe, i * found.nprobe]
  const first = before.cells.subarray(from, from + count)
  const [cells, distances] = [found.cells, found.distances]
  if (first.every((cell, rank) => cells[to + rank] === cell)) return
  const kept = new Set(first)
  const rest = Array.from({ length: found.nprobe }, (_, rank) => to + rank)
    .filter((at) => !kept.has(cells[at] as number))
    .slice(0, found.nprobe - count)
    .map((at) => [cells[at] as number, distances[at] as number] as const)
  cells.set(first, to)
  distances.set(before.distances.subarray(from, from + count), to)
  for (const [rank, [cell, distance]] of rest.entries()) {
    cells[to + count + rank] = cell
    distances[to + count + rank] = distance
  }
}

/** Cells of some of the queries: row i is of query which[i]. */
export interface FartherProbes {
  readonly probes: Probes
  readonly which: Uint32Array
}

/** Puts what was found for some queries, the last that was, in place of what there was; rows are as long as is needed. */
export function merge(before: Probes, parts: readonly FartherProbes[]): Probes {
  if (parts.length === 0) return before
  const { nq } = before
  const [of, row] = [new Array<Probes>(nq).fill(before), Uint32Array.from({ length: nq }, (_, q) => q)]
  for (const { probes, which } of parts) {
    which.forEach((q, i) => {
      of[q] = probes
      row[q] = i
    })
  }
  const used = Uint32Array.from(of, (probes, q) => probes.used[row[q] as number] as number)
  const nprobe = used.reduce((most, own) => Math.max(most, own), 1)
  const [cells, distances] = [new Uint32Array(nq * nprobe), new Float32Array(nq * nprobe)]
  for (let q = 0; q < nq; q++) {
    const from = of[q] as Probes
    const first = (row[q] as number) * from.nprobe
    for (let i = 0; i < (used[q] as number); i++) {
      cells[q * nprobe + i] = from.cells[first + i] as number
      distances[q * nprobe + i] = from.distances[first + i] as number
    }
  }
  return { ...before, nprobe, cells, distances, used }
}

function some(scratch: Scratch, { rows, norms }: QueryRows, dim: number, which: Uint32Array): QueryRows {
  return { rows: copySome(scratch, rows, dim, which), norms: copySome(scratch, norms, 1, which), nq: which.length }
}

/** The address of rows of `width` floats, those of these numbers. */
function copySome(scratch: Scratch, rows: number, width: number, which: Uint32Array): number {
  const { engine } = scratch
  const at = scratch.alloc(which.length * width * 4)
  const [from, to] = [engine.floats(rows, ((which.at(-1) ?? 0) + 1) * width), engine.floats(at, which.length * width)]
  which.forEach((q, i) => {
    to.set(from.subarray(q * width, (q + 1) * width), i * width)
  })
  return at
}
