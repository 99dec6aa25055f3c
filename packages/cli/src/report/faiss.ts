/** What does faiss do with the same vectors, where Python has it? */

import { recall, recall1, runtime } from 'fast-ivf'
import type { Context } from '../context.js'
import { askPython, pythonWith } from '../python.js'
import type { Loaded } from './child.js'
import type { SetFiles } from './data.js'
import { divisorOf } from './specs.js'

/** An index of another library. */
export interface PeerFigures {
  name: string
  buildSeconds: number
  indexBytes: number
  /** Absent where the system does not tell. */
  peakBytes?: number
  cellSizes?: number[]
  points: { nprobe?: number; recall: number; recall1: number; qps: number }[]
}

/** What was found out about faiss; `why` it, or one of its indexes, is not there. */
export interface FaissFigures {
  version?: string
  why?: string
  indexes: PeerFigures[]
}

interface Told {
  version: string
  build: number
  bytes: number
  peakBytes?: number | null
  cellSizes?: number[]
  points: { nprobe: number | null; seconds: number; ids: string }[]
}

/** Cells it visits at most: it is there to be compared with, not to be explored. */
const MOST = 256

/** Builds and searches with faiss: vectors in cells, product codes scanned fast and rescored, exact search. */
export async function measureFaiss(
  files: SetFiles,
  truth: Loaded['truth'],
  { nlist, threads }: { nlist: number; threads?: number | undefined },
  { signal, progress }: Context,
): Promise<FaissFigures> {
  const command = await pythonWith('faiss')
  if (!command) return { why: 'no python3 here can import faiss and numpy', indexes: [] }
  const { dim, metric, k, base, queries } = files
  const subvectors = divisorOf(dim, Math.min(64, Math.ceil(dim / 4)))
  const specs: [spec: string, factor: number][] = [[`IVF${nlist},Flat`, 0]]
  if (subvectors % 2 === 0) specs.push([`IVF${nlist},PQ${subvectors}x4fs,RFlat`, 16])
  specs.push(['Flat', 0])
  const lanes = threads ?? (await runtime()).threads
  const options = { dim, metric, k, base, queries, nlist, most: MOST, threads: lanes }
  const script = new URL('../../peers/faiss_sweep.py', import.meta.url)
  const indexes: PeerFigures[] = []
  const failed: string[] = []
  let version: string | undefined
  for (const [done, [spec, factor]] of specs.entries()) {
    progress.update({ phase: 'faiss', done, total: specs.length })
    const told = { arrays: {}, ...options, spec, factor }
    try {
      const { found, ...about } = await askPython<Told, Found>(command, script, told, figuresOf, { signal })
      const name = `faiss ${spec}${factor ? ` × ${factor}` : ''}`
      indexes.push({ name, ...found })
      version = about.version
    } catch (error) {
      signal.throwIfAborted()
      failed.push(`${spec} failed (${lastLine(error)})`)
    }
  }
  return { ...(version && { version }), ...(failed.length > 0 && { why: failed.join(', ') }), indexes }

  async function figuresOf(
    { version, build, bytes, peakBytes, cellSizes, points }: Told,
    read: (name: string) => Promise<ArrayBuffer>,
  ): Promise<Found> {
    const judged: PeerFigures['points'] = []
    for (const { nprobe, seconds, ids } of points) {
      const answers = { ids: new Float64Array(await read(ids)), k }
      const qps = answers.ids.length / k / seconds
      const recalls = { recall: recall(answers, truth, k), recall1: recall1(answers, truth, k) }
      judged.push({ ...(nprobe !== null && { nprobe }), ...recalls, qps })
    }
    const optional = { ...(typeof peakBytes === 'number' && { peakBytes }), ...(cellSizes && { cellSizes }) }
    return { version, found: { buildSeconds: build, indexBytes: bytes, points: judged, ...optional } }
  }
}

interface Found {
  version: string
  found: Omit<PeerFigures, 'name'>
}

/** What Python says at last, without paths. */
function lastLine(error: unknown): string {
  const line = (error instanceof Error ? error.message : String(error)).trim().split('\n').at(-1) ?? ''
  return line.replace(/(\/[\w.@+-]+){2,}/g, '…').slice(0, 160)
}
