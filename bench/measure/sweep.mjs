import { recalls } from './recall.mjs'
import { best } from './timing.mjs'

/**
 * @typedef {{ rescore?: boolean, epsilon?: number, rescoreFactor?: number }} Way how what was estimated is compared exactly
 * @typedef {{ vectors: number, cells: number, rescored?: number }} Work
 */

/**
 * One point of a curve: the whole batch, asked for several times.
 *
 * @param {{ query: { data: any, n: number }, truth: { data: ArrayLike<number>, dim: number, n: number } }} set
 * @param {{ nprobe: number, k: number, repeats: number } & Way} settings
 * @param {(queries: any, options: { k: number, nprobe: number } & Way) => Promise<{ ids: ArrayLike<number>, work: Work }>} search
 */
export async function measurePoint({ query, truth }, { repeats, nprobe, k, ...way }, search) {
  const { seconds, value } = await best(repeats, () => search(query.data, { k, nprobe, ...way }))
  const { vectors, cells, rescored } = value.work
  return {
    setting: nprobe,
    ...way,
    ...recalls(value.ids, k, truth),
    qps: query.n / seconds,
    vectors,
    cells,
    ...(rescored !== undefined && { rescored }),
    vectorsPerQuery: vectors / query.n,
    seconds,
  }
}

/**
 * Whether more cells are not worth their time: nearly everything is found, or the last step found next to nothing. It
 * looks at recall only, so that a sweep has the same points in every run.
 *
 * @param {{ recall: number, setting: number }[]} points of one way, nprobe ascending
 */
export function isFull(points) {
  const [before, last] = points.slice(-2)
  if (!before || !last) return false
  return last.recall >= 0.9975 || (last.setting >= 16 && last.recall - before.recall < 0.0005)
}
