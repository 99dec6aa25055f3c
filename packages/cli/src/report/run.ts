/** All numbers of a report, measured one after another. */

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { IvfError, IvfIndex, type Keep } from 'fast-ivf'
import type { Context } from '../context.js'
import { engineOptions } from '../evaluate/data.js'
import { cellsOf, hasCodes } from '../evaluate/sweep.js'
import { type Place, placeOf } from '../page/place.js'
import { askChild } from './ask-child.js'
import { type SetFigures, type SetOptions, writeSet } from './data.js'
import { type FaissFigures, measureFaiss } from './faiss.js'
import type { IndexFigures } from './measure-index.js'
import type { ScoreFigures } from './measure-scores.js'
import { defaultSpecs } from './specs.js'

/** What the command line says. */
export interface ReportOptions extends SetOptions {
  /** Absent: a list that fits the vectors. */
  spec?: readonly string[]
  keep?: Keep
  /** Recalls to ask for, ascending. */
  recall: readonly number[]
  peers: 'faiss' | 'none'
}

/** Everything that a page tells, and `--json`. */
export interface Report {
  place: Place
  set: SetFigures
  indexes: IndexFigures[]
  scores: ScoreFigures
  /** Absent when it was not to be looked for. */
  faiss?: FaissFigures
  /** Of the whole run. */
  seconds: number
}

/** Measures each index in a process of its own, then faiss. @throws IvfError for a spec that cannot be, before any of it */
export async function measureAll(options: ReportOptions, context: Context): Promise<Report> {
  const start = performance.now()
  const folder = await mkdtemp(join(tmpdir(), 'fast-ivf-report-'))
  try {
    const engine = engineOptions(options)
    const place = await placeOf(engine)
    const { set, files, base } = await writeSet(options, folder, context)
    const { count, dim } = set
    const specs = options.spec ?? defaultSpecs(count, dim)
    for (const spec of specs) await refuseBadSpec(spec, options, base, dim)
    const { metric, k, keep, seed, recall: targets } = options
    const indexes: IndexFigures[] = []
    for (const spec of specs) {
      const task = { spec, metric, k, seed, targets, ...engine, ...(keep && hasCodes(spec) && { keep }) }
      indexes.push(await askChild<IndexFigures>({ kind: 'index', files, ...task }, spec, context))
    }
    const scores = await askChild<ScoreFigures>(
      { kind: 'scores', files, metric, seed, ...engine },
      'FastIVFPQ',
      context,
    )
    const nlist = Math.max(1, ...indexes.map((index) => index.nlist))
    const faiss = options.peers === 'none' ? undefined : await askFaiss(nlist)
    const seconds = (performance.now() - start) / 1000
    return { place, set, indexes, scores, ...(faiss && { faiss }), seconds }

    async function askFaiss(nlist: number): Promise<FaissFigures> {
      const ids = new Float64Array(Uint8Array.from(await readFile(files.truth)).buffer)
      const truth = { ids, k: ids.length / set.queries }
      return measureFaiss(files, truth, { nlist, threads: options.threads }, context)
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** A mistake in the last spec should not show only after minutes: a build that is aborted checks its arguments first. */
async function refuseBadSpec(
  spec: string,
  { metric, keep }: ReportOptions,
  base: Float32Array,
  dim: number,
): Promise<void> {
  const rows = base.length / dim
  const cells = cellsOf(spec) ?? 1
  if (cells > rows) {
    throw new IvfError('ERR_TOO_FEW', `${rows} vectors cannot make ${cells} cells; name fewer in ${spec}`)
  }
  const signal = AbortSignal.abort()
  const given = { spec, metric, dim, threads: 0, signal, ...(keep && hasCodes(spec) && { keep }) }
  const index = await IvfIndex.build(base, given).catch((error: unknown) => {
    if (error !== signal.reason) throw error
  })
  await index?.close()
}
