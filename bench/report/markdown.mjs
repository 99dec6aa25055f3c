import { setNamed } from '../sets/sets.mjs'
import { aimTable } from './aims.mjs'
import { isFastIVF, nameOf } from './curves.mjs'
import { headline } from './headline.mjs'
import { atSameRecall, sameRecallNote } from './same-recall.mjs'
import { codesTable, pqTable } from './specs.mjs'
import { num, ratio, share, table } from './table.mjs'
import { targets } from './targets.mjs'
import { workDiffers } from './work.mjs'

/**
 * The report of one run.
 *
 * @param {any} results
 * @param {{ picture?: string | undefined, compression?: string | undefined, life?: string | undefined, recall?: string | undefined }} [links] names of the picture and of the other pages
 */
export function markdown(results, { picture, compression, life, recall } = {}) {
  const { node, absent } = results
  const parts = [
    '# Benchmark\n',
    headline(results),
    'Times differ from run to run and from machine to machine: read the **ratios**, which compare what one run measured side by side. ' +
      'QPS is over the whole batch of queries, k = 10, the best of a few repeats for everyone. `revectorize` widens our kernels to 256 bits by an ' +
      'experimental option of V8 (Node 24 and newer).\n',
    node.reason && `> ${node.reason}\n`,
    picture && `![Recall against queries per second](${picture})\n`,
    compression && `How much compressors keep, and what it costs: [Compression](${compression}).\n`,
    life && `What it costs to keep an index, in files and while it changes: [Living indexes](${life}).\n`,
    recall &&
      `What is delivered when a recall is asked for, and what very many cells cost: [Recall asked for](${recall}).\n`,
    '## Set out to reach\n',
    aimTable(targets(results)),
    '## At the same recall\n',
    sameRecallNote,
    ...atSameRecall(results.curves ?? []),
    '## Beside whom\n',
    beside(results.curves ?? []),
    '## Kernels\n',
    kernelTable(results.kernels ?? []),
    '## k-means\n',
    kmeansTable(results.kmeans ?? []),
    '## FastIVF\n',
    ...ourCurves(results.curves ?? []),
    sameWork(results.curves ?? []),
    '## Codes alone\n',
    'Estimates that are not rescored, so that no originals are kept: **of Flat** is their share of the recall of exact vectors in the same cells.\n',
    codesTable(results.curves ?? []),
    '## FastIVFPQ\n',
    pqTable(results.pq ?? []),
    '## One query at a time\n',
    singleTable(results.curves ?? []),
    '## Exact search, memory, start, size\n',
    smallLines(results),
    '## Absent\n',
    absent.length === 0
      ? 'Nothing was left out.\n'
      : `${absent.map((/** @type {any} */ one) => `- ${one.what}: ${one.reason}`).join('\n')}\n`,
  ]
  return parts.filter(Boolean).join('\n')
}

/** @param {import('./curves.mjs').Curve[]} curves */
function beside(curves) {
  const others = new Map(curves.filter((curve) => curve.version).map((curve) => [curve.who, curve]))
  const notes = /** @type {Record<string, string>} */ ({
    faiss:
      'python3-faiss of Debian; HNSW with M 16, efConstruction 40; PQ fast scan with originals, the best 16 k rescored; OMP_WAIT_POLICY=PASSIVE',
    usearch: 'HNSW, f32, connectivity 16, expansion_add 128',
    'hnswlib-node': 'HNSW, M 16, efConstruction 128; one thread, arrays of numbers',
    '@lancedb/lancedb': 'IVF_FLAT; no batch call: four queries in flight, 250 in all',
  })
  const lines = [...others].map(([who, curve]) => {
    const build =
      curve.build_options === 'OPTIMIZE GENERIC'
        ? '. **Built without AVX2** (GENERIC): a build for this CPU is faster'
        : ''
    return `- ${who} ${curve.version}: ${notes[who] ?? ''}${build}`
  })
  return lines.length === 0 ? '*not measured*\n' : `${lines.join('\n')}\n`
}

/** @param {import('./curves.mjs').Curve[]} curves */
function sameWork(curves) {
  const differs = workDiffers(curves)
  if (differs.length > 0) return `**Work differs between builds or Node versions** on ${differs.join(', ')}.\n`
  return 'Vectors scored, cells visited and recall are the same in every build and Node version measured.\n'
}

/** @param {any[]} rows */
function kernelTable(rows) {
  const blas = (/** @type {number} */ threads) => rows.find((row) => row.comparable && row.threads === threads)?.gflops
  return table(
    ['GEMM 1024 × 1024 × 256', 'threads', 'GF/s', 'against OpenBLAS'],
    rows.map((row) => {
      const name =
        row.who === 'fast-ivf'
          ? `fast-ivf, Node ${row.node}, ${row.simd}${row.revectorized ? ', revectorize' : ''}`
          : row.who
      const beside =
        row.comparable === false
          ? 'reference BLAS: not comparable'
          : ratio(row.gflops / (blas(row.threads) ?? Number.NaN))
      return [name, row.threads, num(row.gflops, 1), beside]
    }),
  )
}

/** @param {any[]} rows */
function kmeansTable(rows) {
  return table(
    ['synth into 1,024', 'seconds', 'mean squared distance', 'mean cosine'],
    rows.map((row) => [
      `${row.who} ${row.trainer}${row.revectorize ? ', revectorize' : ''}`,
      num(row.seconds, 1),
      share(row.distance),
      share(row.cosine),
    ]),
  )
}

/** @param {import('./curves.mjs').Curve[]} curves */
function ourCurves(curves) {
  const ours = curves.filter(isFastIVF)
  return setsOf(ours).flatMap((set) => {
    const [first, ...rest] = ours
      .filter((curve) => curve.set === set)
      .sort((a, b) => Number(a.revectorize) - Number(b.revectorize))
    if (!first) return []
    const others = rest.map((curve) => nameOf(curve).replace(/^FastIVF \d+, /, ''))
    const head = [
      'nprobe',
      'recall@10',
      'recall1@10',
      'vectors scored',
      'QPS',
      ...others.map((name) => `QPS, ${name}`),
      'share of bare GEMM',
    ]
    const rows = first.points.map((point, i) => [
      point.setting,
      share(point.recall),
      share(point.recall1),
      num(point.vectorsPerQuery),
      num(point.qps),
      ...rest.map((curve) => num(curve.points[i]?.qps)),
      [first, ...rest].map((curve) => curve.points[i]?.shareOfGemm?.toFixed(2) ?? '–').join(' / '),
    ])
    const title = `**${set}**, ${setNamed(set).metric}, nlist ${setNamed(set).nlist}, ${num(first.bytesPerVector)} bytes per vector\n`
    return [title, table(head, rows)]
  })
}

/** @param {import('./curves.mjs').Curve[]} curves */
function singleTable(curves) {
  const rows = curves.flatMap((curve) => {
    const { single } = curve
    if (!single) return []
    return [
      [curve.set, nameOf(curve), share(single.recall), num(single.p50, 3), num(single.p95, 3), num(single.p99, 3)],
    ]
  })
  return table(['set', 'index', 'recall@10', 'p50 ms', 'p95 ms', 'p99 ms'], rows)
}

/** @param {any} results */
function smallLines({ exact = [], memory = [], startup = [], size = [], curves = [] }) {
  const flat = curves.find((/** @type {any} */ curve) => curve.set === 'synth' && curve.k100)
  const lines = [
    ...exact.map((/** @type {any} */ row) => {
      const beside = flat ? `; faiss Flat ${num(flat.k100.qps)}: ${ratio(row.qps / flat.k100.qps)}` : ''
      return `exact search of synth, k 100${row.revectorize ? ', revectorize' : ''}: ${num(row.qps)} QPS${beside} (recall@100 ${share(row.recall)})`
    }),
    ...memory.map(
      (/** @type {any} */ row) =>
        `peak memory over the caller's vectors while building synth: ${num(row.over / 1e6)} MB; the index is ${num(row.index / 1e6)} MB`,
    ),
    ...startup.map(
      (/** @type {any} */ row) =>
        `Node ${row.node}: import ${num(row.imported, 1)} ms, first answer over 1,000 × 128 after ${num(row.searched, 1)} ms (median of ${row.processes} processes)`,
    ),
    ...size.map(
      (/** @type {any} */ row) =>
        `installed ${num(row.installed / 1e3)} kB; a browser loads ${num(row.minified / 1e3)} kB, ${num(row.gzip / 1e3, 1)} kB compressed`,
    ),
  ]
  return lines.length === 0 ? '*not measured*\n' : `${lines.map((line) => `- ${line}`).join('\n')}\n`
}

/** @param {{ set: string }[]} curves */
function setsOf(curves) {
  return [...new Set(curves.map((curve) => curve.set))]
}
