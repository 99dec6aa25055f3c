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

/** Puts what was found for some queries in place of what there was; rows are as long as the longest needs. */
export function merge(probes: Probes, some: Probes, which: Uint32Array): Probes {
  const used = probes.used.slice()
  which.forEach((q, i) => {
    used[q] = some.used[i] as number
  })
  const { nq } = probes
  const nprobe = used.reduce((most, own) => Math.max(most, own), 1)
  const [cells, distances] = [new Uint32Array(nq * nprobe), new Float32Array(nq * nprobe)]
  const put = (q: number, from: Probes, at: number): void => {
    const [first, last] = [at * from.nprobe, at * from.nprobe + (used[q] as number)]
    cells.set(from.cells.subarray(first, last), q * nprobe)
    distances.set(from.distances.subarray(first, last), q * nprobe)
  }
  const place = new Map(Array.from(which, (q, i) => [q, i]))
  for (let q = 0; q < nq; q++) {
    const i = place.get(q)
    if (i === undefined) put(q, probes, q)
    else put(q, some, i)
  }
  return { ...probes, nprobe, cells, distances, used }
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
