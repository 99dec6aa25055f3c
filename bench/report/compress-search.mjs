import { spreadOf } from '../measure/spread.mjs'
import { num, ratio, table } from './table.mjs'

/** @typedef {'compressed' | 'coded'} Kind CompressedFastIVF, or an index of a spec with a projection */

/** @param {any} one */
function kindOf(one) {
  return one.spec ? 'coded' : one.width === undefined ? 'plain' : 'compressed'
}

/**
 * The best of a kind and of FastIVF where they met: by the best of each point over all rounds; `rounds` compares within
 * each.
 *
 * @param {any} row of the section's search
 * @param {Kind} kind
 */
export function contest(row, kind) {
  const best = (/** @type {string} */ wanted) =>
    row?.met
      .filter((/** @type {any} */ one) => kindOf(one) === wanted && one.qps !== undefined)
      .sort((/** @type {any} */ a, /** @type {any} */ b) => b.qps - a.qps)[0]
  const [plain, compressed] = [best('plain'), best(kind)]
  if (!plain || !compressed) return undefined
  const rounds = compressed.perRound.map(
    (/** @type {number} */ qps, /** @type {number} */ i) => qps / plain.perRound[i],
  )
  return { plain, compressed, ratio: compressed.qps / plain.qps, rounds: spreadOf(rounds) }
}

/** @type {Kind[]} */
const kinds = ['compressed', 'coded']

/** @param {any[]} rows */
export function searchTable(rows) {
  return table(
    ['set', 'FastIVF', 'QPS', 'compressed', 'QPS', '×', 'in single rounds', 'shapes tried'],
    rows.flatMap((row) =>
      kinds.map((kind) => {
        const met = contest(row, kind)
        const name = `${row.set}${row.revectorize ? ', revectorize' : ''}`
        const tried = `${row.tried.plain} and ${row.tried[kind]}`
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
    ),
  )
}

/** @param {{ nlist: number, spec?: string, width?: number, factor?: number, keep?: string, points: { setting: number }[] }} of */
function shape({ nlist, spec, width, factor, keep, points }) {
  const nprobes = points.map((point) => point.setting).join(' to ')
  if (spec) return `${spec}, ${keep}, rescoreFactor ${factor}, nprobe ${nprobes}`
  const cells = `nlist ${nlist}, nprobe ${nprobes}`
  return width === undefined
    ? cells
    : `CompressedFastIVF, ${width} components, ${keep}, rescoreFactor ${factor}, ${cells}`
}
