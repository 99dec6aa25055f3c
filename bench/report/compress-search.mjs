import { spreadOf } from '../measure/spread.mjs'
import { num, ratio, table } from './table.mjs'

/**
 * The best of each kind where they met: by the best of each point over all rounds; `rounds` compares within each.
 *
 * @param {any} row of the section's search
 */
export function contest(row) {
  const best = (/** @type {boolean} */ compressed) =>
    row?.met
      .filter((/** @type {any} */ one) => (one.width !== undefined) === compressed && one.qps !== undefined)
      .sort((/** @type {any} */ a, /** @type {any} */ b) => b.qps - a.qps)[0]
  const [plain, compressed] = [best(false), best(true)]
  if (!plain || !compressed) return undefined
  const rounds = compressed.perRound.map(
    (/** @type {number} */ qps, /** @type {number} */ i) => qps / plain.perRound[i],
  )
  return { plain, compressed, ratio: compressed.qps / plain.qps, rounds: spreadOf(rounds) }
}

/** @param {any[]} rows */
export function searchTable(rows) {
  return table(
    ['set', 'FastIVF', 'QPS', 'CompressedFastIVF', 'QPS', '×', 'in single rounds', 'shapes tried'],
    rows.map((row) => {
      const met = contest(row)
      const name = `${row.set}${row.revectorize ? ', revectorize' : ''}`
      const tried = `${row.tried.plain} and ${row.tried.compressed}`
      if (!met) return [name, '–', '–', '–', '–', '–', '–', tried]
      const { plain, compressed, rounds } = met
      const spread = rounds ? `${ratio(rounds.least)} to ${ratio(rounds.greatest)}` : '–'
      return [
        name,
        shape(plain),
        num(plain.qps),
        shape(compressed),
        num(compressed.qps),
        ratio(met.ratio),
        spread,
        tried,
      ]
    }),
  )
}

/** @param {{ nlist: number, width?: number, factor?: number, keep?: string, points: { setting: number }[] }} of */
function shape({ nlist, width, factor, keep, points }) {
  const nprobes = points.map((point) => point.setting).join(' to ')
  const cells = `nlist ${nlist}, nprobe ${nprobes}`
  return width === undefined ? cells : `${width} components, ${keep}, rescoreFactor ${factor}, ${cells}`
}
