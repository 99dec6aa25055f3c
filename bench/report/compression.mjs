import { setNamed } from '../sets/sets.mjs'
import { aimTable } from './aims.mjs'
import { searchTable } from './compress-search.mjs'
import { compressTargets } from './compress-targets.mjs'
import { compressedSets, compressors, figureOf } from './compressors.mjs'
import { headline } from './headline.mjs'
import { num, share, table, within } from './table.mjs'

/**
 * The page about compressed vectors.
 *
 * @param {any} results
 * @param {{ dims?: string | undefined, calibration?: string | undefined, report: string }} links names of the pictures and of the main report
 */
export function compression(results, { dims, calibration, report }) {
  const { quality, training, search, calibration: scores } = results.compress
  const absent = results.absent.filter((/** @type {any} */ one) => one.section === 'compress')
  const parts = [
    '# Compression\n',
    `How much do compressors keep, and what does it cost? A part of the [benchmark](${report}).\n`,
    headline(results),
    '## Set out to reach\n',
    aimTable(compressTargets(results)),
    '## What is kept\n',
    'Recall@10 of `CompressedFastIVF`. Over **all cells** without rescoring: what the projection alone keeps. The other ' +
      'columns are at a fixed nprobe, where FastIVF finds what there is to find in these cells. Means of three seeds ± half ' +
      'the distance between the least and the greatest; what stands without ± has one seed; k-means takes 100 steps. **Learning** in seconds: one ' +
      'thread, two processes at a time.\n',
    dims && `![Recall against components](${dims})\n`,
    ...compressedSets.flatMap((set) => qualityOf(set, quality)),
    '## Learning\n',
    stepTable(training.steps),
    scheduleTable(training.schedule),
    defaultTable(training.default),
    '## Search\n',
    'QPS at recall@10 .90, between the measured settings, of FastIVF, and with rescoring of `CompressedFastIVF` and of `IvfIndex` with the same compressor and 8-bit codes, in the same ' +
      'process: a sweep tells the three fastest compressed shapes; these and FastIVF of every nlist search in turns, and the ' +
      'best of each point counts. **×** is compressed over plain; single rounds tell how steady that is.\n',
    searchTable(search),
    '## Scores\n',
    calibration && `![Scores before and after calibration](${calibration})\n`,
    scores ? scoreTable(scores) : '*not measured*\n',
    absent.length > 0 && '## Absent\n',
    absent.length > 0 && `${absent.map((/** @type {any} */ one) => `- ${one.what}: ${one.reason}`).join('\n')}\n`,
  ]
  return parts.filter(Boolean).join('\n')
}

/** @param {string} set @param {import('./compressors.mjs').Quality[]} quality */
function qualityOf(set, quality) {
  const here = quality.filter((row) => row.set === set)
  const [first] = here
  if (!first) return []
  const { dim, nlist, nprobe } = first
  const halves = [...compressors, undefined].map((compressor) => {
    const figure = (/** @type {'all' | 'probed' | 'rescored' | 'learning' | 'bytesPerVector'} */ name) =>
      figureOf(quality, { set, compressor }, name)
    return [
      compressor ?? 'FastIVF, uncompressed',
      within(figure('all'), share),
      within(figure('probed'), share),
      within(figure('rescored'), share),
      num(figure('bytesPerVector')?.mean),
      within(figure('learning'), (value) => num(value, 1)),
    ]
  })
  const compressed = here.filter((row) => row.compressor)
  const shares = [...new Set(compressed.map((row) => row.share))].sort((a, b) => a - b)
  const widths = compressors.map((compressor) => [
    compressor,
    ...shares.map((part) => within(figureOf(quality, { set, compressor, share: part }, 'all'), share)),
  ])
  return [
    `**${set}**: ${setNamed(set).about}; ${setNamed(set).metric}, nlist ${nlist}\n`,
    table(
      [
        `${dim} to ${dim / 2} components`,
        'all cells',
        `nprobe ${nprobe}`,
        `nprobe ${nprobe}, rescoreFactor 10`,
        'bytes, without originals',
        'learning',
      ],
      halves,
    ),
    table(['all cells, by components', ...shares.map((part) => num(Math.round(dim * part)))], widths),
  ]
}

/** @param {any[]} rows */
function stepTable(rows) {
  return table(
    ['supervised steps, 256 → 128 → 1,024, 128 vectors, 1 thread', 'ms per step, best', 'mean'],
    rows.map((row) => [`${num(row.steps)} on synth${wide(row)}`, num(row.ms.least, 2), num(row.ms.mean, 2)]),
  )
}

/** @param {any[]} rows */
function scheduleTable(rows) {
  return table(
    ['supervised, default schedule on synth', 'seconds', 'ms per step', 'loss', 'accuracy', 'top-10 accuracy'],
    rows.map((row) => [
      `${num(row.steps)} steps, ${row.threads} threads${wide(row)}`,
      num(row.seconds, 1),
      num(row.ms.mean, 2),
      num(row.loss, 3),
      share(row.accuracy),
      share(row.top10Accuracy),
    ]),
  )
}

/** @param {any[]} rows */
function defaultTable(rows) {
  return table(
    ['similarity, `Projection.train`', 'seconds'],
    rows.map((row) => [`${row.spec} over ${num(row.n)} × ${row.dim}${wide(row)}`, num(row.seconds, 1)]),
  )
}

/** @param {any} scores */
function scoreTable({ set, dim, width, queries, k, samples, rescored, before, after }) {
  return table(
    [
      `${set}, ${dim} to ${width} components, ${queries} queries, k ${k}`,
      'mean error',
      'mean distance from the true score',
    ],
    [
      ['estimates', num(before.bias, 4), num(before.error, 4)],
      [`rescoreNumSamples ${samples}: ${num(rescored, 1)} rescored per query`, num(after.bias, 4), num(after.error, 4)],
    ],
  )
}

/** @param {{ revectorize: boolean }} row */
function wide({ revectorize }) {
  return revectorize ? ', revectorize' : ''
}
