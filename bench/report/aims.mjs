import { table } from './table.mjs'

/**
 * @typedef {{ what: string, measured: string, reach: string, state: 'ok' | 'missed' | 'not measured' }} Aim
 */

/** @param {string} what @param {number | undefined} value @param {number} reach @param {number} [digits] @returns {Aim} */
export function least(what, value, reach, digits = 2) {
  return entry(what, value, `≥ ${show(reach, digits)}`, digits, (value ?? 0) >= reach)
}

/** @param {string} what @param {number | undefined} value @param {number} reach @param {number} [digits] @returns {Aim} */
export function most(what, value, reach, digits = 2) {
  return entry(what, value, `≤ ${show(reach, digits)}`, digits, (value ?? 0) <= reach)
}

/** @param {Aim[]} aims */
export function aimTable(aims) {
  const marks = { ok: 'ok', missed: '**missed**', 'not measured': 'not measured' }
  const rows = aims.map(({ what, measured, reach, state }) => [what, measured, reach, marks[state]])
  return table(['what', 'measured', 'reach', ''], rows)
}

/** @param {string} what @param {number | undefined} value @param {string} reach @param {number} digits @param {boolean} good */
function entry(what, value, reach, digits, good) {
  if (value === undefined || Number.isNaN(value)) {
    return { what, measured: '–', reach, state: /** @type {const} */ ('not measured') }
  }
  return {
    what,
    measured: show(value, digits),
    reach,
    state: good ? /** @type {const} */ ('ok') : /** @type {const} */ ('missed'),
  }
}

/** @param {number} value @param {number} digits */
function show(value, digits) {
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
