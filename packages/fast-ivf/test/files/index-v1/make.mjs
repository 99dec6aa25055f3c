/**
 * Makes the files here with the built package: small indexes, and beside each what it answers. Run it only when the
 * format changes before it is published: from then on these files must open as they are, forever. Names on the command
 * line: only these are made.
 */
import { writeFile } from 'node:fs/promises'
import { CompressedFastIVF, FastIVF, FastIVFPQ, IvfIndex } from '../../../dist/index.js'

const [DIM, COUNT, NQ] = [16, 96, 4]

/** Seeded numbers with few digits, in eight clusters. */
function numbers(count, seed) {
  let state = seed
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32 - 0.5
  }
  const centers = Array.from({ length: 8 * DIM }, () => next() * 3)
  return Array.from({ length: count * DIM }, (_, i) => {
    const cluster = Math.floor(i / DIM) % 8
    return Math.round((centers[cluster * DIM + (i % DIM)] + next() + next()) * 1024) / 1024
  })
}

const vectors = Float32Array.from(numbers(COUNT, 1))
const more = Float32Array.from(numbers(20, 2))
const queries = numbers(NQ, 3)
const life = { threads: 0 }

const built = (spec, options = {}) =>
  IvfIndex.build(vectors, { spec, dim: DIM, metric: 'l2', kmeansIterations: 3, ...life, ...options })
async function trained(index, options) {
  await index.train(vectors, options)
  return index
}
const original = { nlist: 4, nprobe: 3, kmeansMaxSteps: 20, ...life }
const names = (from, count) => Array.from({ length: count }, (_, i) => ['', 'é\n', '東京', '🙂'][from + i] ?? `№ ${from + i}`)

const makes = {
  flat: () => built('Flat', { metric: 'ip' }),
  'ivf-flat-l2': () => built('IVF4,Flat'),
  'ivf-flat-cosine': () => built('IVF4,Flat', { metric: 'cosine', nprobe: 2 }),
  sq1: () => built('IVF4,SQ1', { keep: 'f16' }),
  sq4: () => built('IVF4,SQ4', { metric: 'cosine' }),
  'sq4-int8': () => built('IVF4,SQ4', { keep: 'int8' }),
  sq8: () => built('IVF4,SQ8', { keep: 'none', metric: 'ip' }),
  pq4: () => built('IVF4,PQ8x4', { keep: 'f16' }),
  pq6: () => built('IVF4,PQ4x6', { keep: 'none' }),
  opq: () => built('OPQ4,IVF4,PQ4x4,R4', { metric: 'cosine', keep: 'f16' }),
  'pca-before': () => built('PCA8,IVF4,SQ8', { keep: 'f16' }),
  'rr-after': () => built('IVF4,RR8,Flat', { keep: 'none' }),
  'fast-ivf': () => trained(new FastIVF(DIM, original)),
  'fast-ivf-pq': () =>
    trained(new FastIVFPQ(DIM, { ...original, pqNumSubvectors: 8, pqNumCentroids: 16, kmeansPqMaxSteps: 20, keep: 'f16' })),
  'compressed-fast-ivf': () =>
    trained(new CompressedFastIVF(DIM, { ...original, compressionNdim: 8, compressor: 'pca', keep: 'f16' })),
  'strings-removed': async () => {
    const index = await built('IVF4,Flat', { ids: names(0, COUNT), compactAt: 1 })
    await index.remove(names(1, 1).concat(names(10, 20)))
    return index
  },
  'bigints-two-segments': async () => {
    const ids = (from, count) => Array.from({ length: count }, (_, i) => (BigInt(from + i) << 50n) - (1n << 62n))
    const index = await built('IVF4,SQ4', { ids: ids(0, COUNT), keep: 'int8', compactAt: 1 })
    await index.add(more, { ids: ids(COUNT, 20) })
    await index.remove(ids(COUNT - 2, 4))
    return index
  },
  'rows-two-segments': async () => {
    const index = await built('IVF4,Flat', { compactAt: 1 })
    await index.add(more)
    await index.remove([3, COUNT + 3])
    return index
  },
  numbers: async () => {
    const index = await built('SQ8', { keep: 'none', ids: Array.from({ length: COUNT }, (_, i) => 2 ** 40 - 7 * i) })
    return index
  },
  'sq4-calibrated': async () => {
    const index = await built('IVF8,SQ4', { keep: 'f16' })
    await index.calibrate({ k: [3, 5] })
    await index.remove([5])
    return index
  },
  empty: () => IvfIndex.train(vectors, { spec: 'IVF4,SQ4', dim: DIM, kmeansIterations: 3, ...life }),
}

const wanted = process.argv.slice(2)
for (const [name, make] of Object.entries(makes)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  const index = await make()
  const all = { k: 10, nprobe: index.nlist }
  const searches = [{ k: 5 }, all, ...(index.keep === 'none' ? [] : [{ ...all, rescoreFactor: 3 }])]
  const { calibration } = index
  for (const recall of calibration ? [0.8, 0.9] : []) searches.push({ k: 3, recall })
  const answers = []
  for (const options of searches) {
    const found = await index.search(Float32Array.from(queries), options)
    const lists = Array.from({ length: NQ }, (_, q) => found.of(q))
    for (const list of lists) checkApart(name, list)
    answers.push({
      options,
      ids: lists.map((list) => list.map(({ id }) => (typeof id === 'bigint' ? `${id}n` : id))),
      /** 32-bit floats as the integers of their bits. */
      scores: lists.map((list) => [...new Uint32Array(Float32Array.from(list, ({ score }) => score).buffer)]),
    })
  }
  const { metric, dim, nlist, nprobe, ratioThreshold, size, keep } = index
  const told = { class: index.constructor.name, metric, dim, nlist, nprobe, ratioThreshold, size, keep }
  if (calibration) {
    const { queries, confidence, stale } = calibration
    told.calibration = { queries, confidence, stale, rules: calibration.rules.map(({ k }) => ({ k })) }
  }
  await index.save(new URL(`${name}.safetensors`, import.meta.url))
  await writeFile(new URL(`${name}.json`, import.meta.url), `${JSON.stringify({ told, queries, answers })}\n`)
  await index.close()
}

/** Answers that are nearly equal would come in another order elsewhere. */
function checkApart(name, list) {
  for (let i = 1; i < list.length; i++) {
    const [one, two] = [list[i - 1].score, list[i].score]
    if (Math.abs(one - two) < 1e-5 * (1 + Math.abs(one))) throw new Error(`${name}: answers ${i - 1} and ${i} are nearly equal`)
  }
}
