/**
 * A markdown table; numbers to the right.
 *
 * @param {string[]} head
 * @param {(string | number | undefined)[][]} rows
 */
export function table(head, rows) {
  if (rows.length === 0) return '*not measured*\n'
  const line = (/** @type {(string | number | undefined)[]} */ cells) =>
    `| ${cells.map((cell) => cell ?? '–').join(' | ')} |`
  const right = head.map((_, column) => rows.every((row) => /^[–\d.,×<>=%±\s]*$/.test(String(row[column] ?? ''))))
  return `${[line(head), line(right.map((is) => (is ? '--:' : '---'))), ...rows.map(line)].join('\n')}\n`
}

/** @param {number | undefined} value @param {number} [digits] */
export function num(value, digits = 0) {
  if (value === undefined || Number.isNaN(value)) return '–'
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

/** Recalls as ann people write them: .9512 and 1.0000. @param {number | undefined} value */
export function share(value) {
  return value === undefined ? '–' : value.toFixed(4).replace(/^0/, '')
}

/** @param {number | undefined} value */
export function ratio(value) {
  return value === undefined || Number.isNaN(value) ? '–' : `${value.toFixed(2)} ×`
}

/**
 * The mean of several seeds ± half the distance between the least and the greatest.
 *
 * @param {import('../measure/spread.mjs').Spread | undefined} spread
 * @param {(value: number) => string} show
 */
export function within(spread, show) {
  if (!spread) return '–'
  const { mean, least, greatest, count } = spread
  return count === 1 ? show(mean) : `${show(mean)} ± ${show((greatest - least) / 2)}`
}
