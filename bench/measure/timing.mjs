/** Seconds of one call. @template T @param {() => T | Promise<T>} call */
export async function timed(call) {
  const start = performance.now()
  const value = await call()
  return { seconds: (performance.now() - start) / 1000, value }
}

/**
 * The best of several calls: on a machine shared with others the least time is the least disturbed one. Everyone in the
 * report is measured this way.
 *
 * @template T
 * @param {number} repeats
 * @param {() => T | Promise<T>} call
 */
export async function best(repeats, call) {
  let least = await timed(call)
  for (let i = 1; i < repeats; i++) {
    const next = await timed(call)
    if (next.seconds < least.seconds) least = next
  }
  return least
}

/** @param {number[]} values */
export function median(values) {
  return percentile(values, 0.5)
}

/** @param {number[]} values @param {number} share */
export function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}

/**
 * Milliseconds of calls made one after another.
 *
 * @param {number} count
 * @param {(i: number) => unknown} call
 */
export async function oneByOne(count, call) {
  const times = []
  for (let i = 0; i < count; i++) times.push((await timed(() => call(i))).seconds * 1000)
  const at = (/** @type {number} */ share) => Math.round(percentile(times, share) * 1e4) / 1e4
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), queries: count }
}

/**
 * The best of several rounds in which all take their turn, there and back again, so that a slow moment hits all.
 * Answers seconds by name.
 *
 * @template {string} N
 * @param {number} rounds
 * @param {Record<N, () => unknown>} calls
 * @returns {Promise<Record<N, number>>}
 */
export async function inTurns(rounds, calls) {
  const names = /** @type {N[]} */ (Object.keys(calls))
  const least = /** @type {Record<N, number>} */ ({})
  for (let round = 0; round < rounds; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const { seconds } = await timed(calls[name])
      least[name] = Math.min(least[name] ?? Number.POSITIVE_INFINITY, seconds)
    }
  }
  return least
}

/**
 * Milliseconds in the middle, of calls that are made one after another, each by all in turn.
 *
 * @template {string} N
 * @param {number} count
 * @param {Record<N, (i: number) => unknown>} calls
 * @returns {Promise<Record<N, number>>}
 */
export async function mediansInTurns(count, calls) {
  const names = /** @type {N[]} */ (Object.keys(calls))
  const times = names.map(() => /** @type {number[]} */ ([]))
  for (let i = 0; i < count; i++) {
    for (const [at, name] of names.entries()) times[at]?.push((await timed(() => calls[name](i))).seconds * 1000)
  }
  return /** @type {Record<N, number>} */ (Object.fromEntries(names.map((name, at) => [name, median(times[at] ?? [])])))
}
