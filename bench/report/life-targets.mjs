import { least, most } from './aims.mjs'
import { num } from './table.mjs'

/** What a living index set out to reach. @param {any} results @returns {import('./aims.mjs').Aim[]} */
export function lifeTargets({ life = {} }) {
  const { saved = [], opened, stored, memory = [], adding = [], removal = [], filters = [], drift = [], upserts } = life
  const ofCodes = (/** @type {any[]} */ rows, /** @type {string} */ codes) =>
    rows.find((row) => row.spec.endsWith(`,${codes}`))
  const flat = ofCodes(saved, 'Flat')
  const file = flat ? `${num(flat.n)} × ${flat.dim} ${flat.spec}` : 'IVF1024,Flat'
  const damage = opened && Math.max(opened.middle, opened.header, opened.cut) / opened.all
  return [
    most(`opening ${file}, ms`, opened && opened.all * 1000, 250, 0),
    most("the same with resident: 'centroids', ms", opened && opened.centroids * 1000, 30, 1),
    most('an error about a damaged file over opening a good one, the slowest', damage, 1.05),
    least('saving it without waiting for the disk, MB/s', flat && flat.saved / 1e6, 500, 0),
    most('one query in a file of SQ4, nprobe 16, nothing cached, p50 ms', stored?.p50.stored, 3),
    most('bytes read for it over codes and ids of the cells it visits', stored?.overread, 1.2),
    most('rounds of reading for it', stored?.rounds, 2, 0),
    ...['none', 'f32'].map((keep) => {
      const row = memory.find((/** @type {any} */ one) => one.keep === keep)
      const what = row ? `${num(row.n)} × ${row.dim} ${row.spec}` : 'a large index'
      return most(`memory of 200 searches in a file of ${what}, keep '${keep}', MB`, row && row.over / 1e6, 80, 0)
    }),
    ...['SQ4', 'Flat'].flatMap((codes) => {
      const row = ofCodes(adding, codes)
      return [
        least(`vectors added per second, batches of 1,000, ${codes}`, row?.added?.perSecond, 100_000, 0),
        most(`p99 of a search while they are added over p99 without, ${codes}`, row?.busy?.ratio, 3),
      ]
    }),
    least('single durable upserts per second, 64 at a time', upserts?.upserted, 5000, 0),
    ...['Flat', 'SQ4'].flatMap((codes) => {
      const row = ofCodes(removal, codes)
      return [
        most(`searching after 10 % are removed over before, ${codes}`, row?.after, 1.15),
        most(`the same after compact(), ${codes}`, row?.compacted, 1.02),
      ]
    }),
    ...['Flat', 'SQ4'].flatMap((codes) => {
      const rows = ofCodes(filters, codes)?.rows
      const worst = (/** @type {(row: any) => number} */ of) => rows && Math.max(...rows.map(of))
      return [
        least(`filters, the least recall@10, ${codes}`, rows && -worst((row) => -row.recall), 0.95, 4),
        most(
          `filtered batch over all, the slowest of sets and predicates, ${codes}`,
          worst(({ seconds }) => Math.max(seconds.set, seconds.predicate) / seconds.all),
          2,
        ),
        most(
          `one filtered query over one of all, filter known, the slowest, ${codes}`,
          worst(({ p50 }) => p50.known / p50.all),
          2,
        ),
      ]
    }),
    ...['Flat', 'SQ4'].map((codes) => {
      const row = ofCodes(drift, codes)
      return least(`recall@10 after drift, optimized − not, at equal vectors scored, ${codes}`, gainOf(row)?.gain, 0, 4)
    }),
  ]
}

/**
 * Recall with `optimize` and without, at as many vectors scored as find nine of ten without, or as nearly that as any.
 *
 * @param {any} row
 */
export function gainOf(row) {
  if (!row) return undefined
  const distance = (/** @type {any} */ point) => Math.abs(point.recall - 0.9)
  const without = [...row.before].sort((a, b) => distance(a) - distance(b))[0]
  const recall = recallAt(row.after, without.vectors)
  return { vectors: without.vectors, without: without.recall, recall, gain: recall - without.recall }
}

/** Between two points by the logarithm of the vectors; past the last one, as there. @param {any[]} points @param {number} vectors */
function recallAt(points, vectors) {
  const after = points.findIndex((point) => point.vectors >= vectors)
  if (after <= 0) return points.at(after).recall
  const [low, high] = [points[after - 1], points[after]]
  const share = Math.log(vectors / low.vectors) / Math.log(high.vectors / low.vectors)
  return low.recall + share * (high.recall - low.recall)
}
