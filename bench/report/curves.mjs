/**
 * @typedef {{ setting: number, recall: number, recall1: number, qps: number, vectorsPerQuery?: number, vectors?: number, cells?: number, shareOfGemm?: number,
 *   epsilon?: number, rescoreFactor?: number, rescore?: boolean, rescored?: number }} Point
 * @typedef {{ set: string, who: string, index: string, version?: string, node?: string, installed?: boolean, threads: number,
 *   revectorize?: boolean, build: { total: number, train?: number, add?: number }, bytesPerVector?: number, points: Point[],
 *   spec?: string, keep?: string, estimates?: boolean, codeBytes?: number,
 *   single?: { setting: number, recall: number, p50: number, p95: number, p99: number }, [key: string]: any }} Curve
 */

/** Points that no other point beats in both, least recall first. @param {Point[]} points */
export function frontier(points) {
  return [...points]
    .sort((a, b) => a.recall - b.recall || a.qps - b.qps)
    .filter((point, i, all) => all.slice(i + 1).every((later) => later.qps < point.qps))
}

/**
 * QPS at a recall, between the measured settings by the logarithm of QPS; undefined where the curve does not reach.
 * Where it begins above the recall, its fastest setting counts.
 *
 * @param {Point[]} points
 * @param {number} recall
 */
export function qpsAt(points, recall) {
  const line = frontier(points)
  const after = line.findIndex((point) => point.recall >= recall)
  const high = line[after]
  const low = line[after - 1]
  if (!high) return undefined
  if (!low) return high.qps
  const share = (recall - low.recall) / (high.recall - low.recall)
  return Math.exp(Math.log(low.qps) + share * (Math.log(high.qps) - Math.log(low.qps)))
}

/**
 * The fastest curve at a recall; nothing is interpolated between two of them.
 *
 * @param {Curve[]} curves
 * @param {number} recall
 */
export function bestAt(curves, recall) {
  return curves
    .flatMap((curve) => {
      const qps = qpsAt(curve.points, recall)
      return qps === undefined ? [] : [{ curve, qps }]
    })
    .sort((a, b) => b.qps - a.qps)[0]
}

/** @param {Curve} curve */
export function isOurs(curve) {
  return curve.who === 'fast-ivf'
}

/** Ours of a spec, an `IvfIndex`. @param {Curve} curve */
export function isOfSpec(curve) {
  return isOurs(curve) && curve.spec !== undefined
}

/** @param {Curve} curve */
export function isFastIVF(curve) {
  return isOurs(curve) && curve.spec === undefined
}

/** @param {Curve} curve */
export function nameOf(curve) {
  const threads = curve.threads === 1 ? ' (1 thread)' : ''
  if (isOurs(curve)) return `${curve.index}${curve.installed ? `, Node ${curve.node}` : ''}`
  return `${curve.who} ${curve.index}${threads}`
}
