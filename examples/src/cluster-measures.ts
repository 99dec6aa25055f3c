/**
 * How well do labels agree with the truth? Five measures over a table of how many points have each pair of classes:
 * homogeneity, completeness and their harmonic mean (A. Rosenberg, J. Hirschberg, "V-Measure", 2007), the Rand index
 * adjusted for chance (L. Hubert, P. Arabie, "Comparing partitions", 1985), and mutual information adjusted for chance
 * (N. X. Vinh, J. Epps, J. Bailey, 2010). Logarithms are natural; all are defined as scikit-learn defines them.
 */

/** All are 1 when the groups are the same, whatever they are called; larger is better. */
export interface Agreement {
  /** 1 when each group holds points of one class only. */
  homogeneity: number
  /** 1 when the points of each class are in one group. */
  completeness: number
  /** The harmonic mean of the two. */
  vMeasure: number
  /** Share of pairs of points on which both agree, so scaled that chance gives 0. */
  adjustedRand: number
  /** Mutual information, so scaled that chance gives 0; normalized by the arithmetic mean of the two entropies. */
  adjustedMutualInformation: number
}

/** How many points have each pair of classes. */
interface Contingency {
  n: number
  /** rows × columns: points of true class i in group j */
  cells: Float64Array
  /** points of each true class */
  rows: Float64Array
  /** points of each group */
  columns: Float64Array
}

/**
 * Compares labels found with true ones: n of each, any numbers.
 *
 * @throws RangeError when there are not as many of one as of the other
 */
export function compareLabels(truth: ArrayLike<number>, found: ArrayLike<number>): Agreement {
  if (truth.length !== found.length) {
    throw new RangeError(`there are ${truth.length} true labels and ${found.length} found; give one of each per point`)
  }
  const table = count(truth, found)
  const information = mutualInformation(table)
  const [trueEntropy, foundEntropy] = [entropy(table.rows, table.n), entropy(table.columns, table.n)]
  const homogeneity = trueEntropy === 0 ? 1 : information / trueEntropy
  const completeness = foundEntropy === 0 ? 1 : information / foundEntropy
  const both = homogeneity + completeness
  return {
    homogeneity,
    completeness,
    vMeasure: both === 0 ? 0 : (2 * homogeneity * completeness) / both,
    adjustedRand: adjustedRand(table),
    adjustedMutualInformation: adjusted(table, information, (trueEntropy + foundEntropy) / 2),
  }
}

function count(truth: ArrayLike<number>, found: ArrayLike<number>): Contingency {
  const [row, rowNames] = numbered(truth)
  const [column, columnNames] = numbered(found)
  const cells = new Float64Array(rowNames * columnNames)
  const rows = new Float64Array(rowNames)
  const columns = new Float64Array(columnNames)
  for (let i = 0; i < truth.length; i++) {
    const [r, c] = [row[i]!, column[i]!]
    cells[r * columnNames + c]!++
    rows[r]!++
    columns[c]!++
  }
  return { n: truth.length, cells, rows, columns }
}

/** Labels as numbers from 0 on, in the order in which they appear, and how many there are. */
function numbered(labels: ArrayLike<number>): [numbers: Uint32Array, names: number] {
  const names = new Map<number, number>()
  const numbers = Uint32Array.from(labels, (label) => {
    const number = names.get(label) ?? names.size
    names.set(label, number)
    return number
  })
  return [numbers, names.size]
}

function entropy(sizes: Float64Array, n: number): number {
  return sizes.reduce((sum, size) => sum - (size / n) * Math.log(size / n), 0)
}

function mutualInformation({ n, cells, rows, columns }: Contingency): number {
  let sum = 0
  cells.forEach((cell, at) => {
    if (cell === 0) return
    const expected = (rows[Math.floor(at / columns.length)]! / n) * columns[at % columns.length]!
    sum += (cell / n) * Math.log(cell / expected)
  })
  return Math.max(0, sum)
}

function adjustedRand({ n, cells, rows, columns }: Contingency): number {
  const pairs = (sizes: Float64Array): number => sizes.reduce((sum, size) => sum + (size * (size - 1)) / 2, 0)
  const [together, inRows, inColumns] = [pairs(cells), pairs(rows), pairs(columns)]
  // all pairs are together, or apart, in both: the same groups
  if (together === inRows && together === inColumns) return 1
  const expected = (inRows * inColumns) / ((n * (n - 1)) / 2)
  return (together - expected) / ((inRows + inColumns) / 2 - expected)
}

function adjusted(table: Contingency, information: number, meanEntropy: number): number {
  const { cells, rows, columns } = table
  const pairs = cells.reduce((sum, cell) => sum + (cell > 0 ? 1 : 0), 0)
  // the same groups: 1, and so where all points are together or each is alone, which the quotient would make 0 / 0
  if (pairs === rows.length && pairs === columns.length) return 1
  const expected = expectedInformation(table)
  return (information - expected) / (meanEntropy - expected)
}

/**
 * The mutual information that groups of these sizes have on average when points are dealt to them by chance: over all
 * sizes of each cell, by the hypergeometric distribution.
 */
function expectedInformation({ n, rows, columns }: Contingency): number {
  const logFactorial = logFactorials(n)
  const log = (value: number): number => logFactorial[value]!
  let sum = 0
  for (const a of rows) {
    for (const b of columns) {
      const fixed = log(a) + log(b) + log(n - a) + log(n - b) - log(n)
      for (let both = Math.max(1, a + b - n); both <= Math.min(a, b); both++) {
        const chance = Math.exp(fixed - log(both) - log(a - both) - log(b - both) - log(n - a - b + both))
        sum += (both / n) * Math.log((n * both) / (a * b)) * chance
      }
    }
  }
  return sum
}

/** ln 0! to ln n!; what rounding loses of each sum is added to the next (W. Kahan, 1965). */
function logFactorials(n: number): Float64Array {
  const logs = new Float64Array(n + 1)
  let lost = 0
  for (let i = 2; i <= n; i++) {
    const term = Math.log(i) - lost
    logs[i] = logs[i - 1]! + term
    lost = logs[i]! - logs[i - 1]! - term
  }
  return logs
}
