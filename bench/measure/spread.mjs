/**
 * What several seeds gave: the mean, the least and the greatest.
 *
 * @typedef {{ mean: number, least: number, greatest: number, count: number }} Spread
 */

/** @param {(number | undefined)[]} values @returns {Spread | undefined} undefined where there is none */
export function spreadOf(values) {
  const there = values.filter((value) => value !== undefined)
  if (there.length === 0) return undefined
  const mean = there.reduce((sum, value) => sum + value, 0) / there.length
  return { mean, least: Math.min(...there), greatest: Math.max(...there), count: there.length }
}
