/**
 * Rows picked at random, a share of all: the same ones in every run.
 *
 * @param {number} n
 * @param {number} share
 */
export function pickRows(n, share) {
  const rows = []
  for (let row = 0; row < n; row++) if (scattered(row) < share * 2 ** 32) rows.push(row)
  return rows
}

/** A number of 32 bits that tells nothing of the row's own; the last step of MurmurHash3. @param {number} row */
function scattered(row) {
  let h = row + 1
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
