/** What the learners do, in plain numbers of 64 bits, a loop for each sum. */

export type Rows = number[][]

/** A dense layer with its moments. */
export interface PlainLayer {
  weights: Rows
  bias: number[]
  moments: { weights: [Rows, Rows]; bias: [number[], number[]] }
}

export function plainLayer(weights: Float32Array, units: number, width: number): PlainLayer {
  const zeros = (): Rows => Array.from({ length: units }, () => new Array(width).fill(0))
  const none = (): number[] => new Array(units).fill(0)
  return {
    weights: zeros().map((row, i) => row.map((_, j) => weights[i * width + j]!)),
    bias: none(),
    moments: { weights: [zeros(), zeros()], bias: [none(), none()] },
  }
}

export function apply({ weights, bias }: Pick<PlainLayer, 'weights' | 'bias'>, rows: Rows): Rows {
  return rows.map((row) => weights.map((unit, i) => dot(unit, row) + bias[i]!))
}

export function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0)
}

/** One step of Adam with these gradients (D. Kingma, J. Ba, 2015; ε as Keras has it). */
export function adam({ weights, bias, moments }: PlainLayer, gradient: Gradient, rate: number, step: number): void {
  const now = (rate * Math.sqrt(1 - 0.999 ** step)) / (1 - 0.9 ** step)
  const descend = (at: number[], first: number[], second: number[], by: readonly number[]): void => {
    by.forEach((g, j) => {
      first[j] = 0.9 * first[j]! + 0.1 * g
      second[j] = 0.999 * second[j]! + 0.001 * g * g
      at[j]! -= (now * first[j]!) / (Math.sqrt(second[j]!) + 1e-7)
    })
  }
  weights.forEach((unit, i) => {
    descend(unit, moments.weights[0][i]!, moments.weights[1][i]!, gradient.weights[i]!)
  })
  descend(bias, moments.bias[0], moments.bias[1], gradient.bias)
}

export interface Gradient {
  weights: Rows
  bias: number[]
}

/** delta: how the loss changes with what the layer gives for each row; inputs: what it took. */
export function gradientOf(delta: Rows, inputs: Rows): Gradient {
  const units = delta[0]!.map((_, i) => delta.map((row) => row[i]!))
  return {
    weights: units.map((unit) => inputs[0]!.map((_, j) => unit.reduce((sum, d, n) => sum + d * inputs[n]![j]!, 0))),
    bias: units.map((unit) => unit.reduce((sum, d) => sum + d, 0)),
  }
}

export interface PlainNetwork {
  first: PlainLayer
  second: PlainLayer
  smoothing: number
}

/** The mean loss, how it changes with what the layers give, and how many classes beat the right one. */
export function classify(network: PlainNetwork, rows: Rows, labels: readonly number[]) {
  const { first, second, smoothing } = network
  const hidden = apply(first, rows).map((row) => row.map((value) => Math.max(0, value)))
  const given = apply(second, hidden)
  let loss = 0
  const ranks: number[] = []
  const delta2 = given.map((row, n) => {
    const label = labels[n]!
    const top = Math.max(...row)
    const sum = row.reduce((all, z) => all + Math.exp(z - top), 0)
    const wanted = row.map((_, j) => smoothing / row.length + (j === label ? 1 - smoothing : 0))
    row.forEach((z, j) => {
      loss -= (wanted[j]! * (z - top - Math.log(sum))) / rows.length
    })
    ranks.push(row.filter((z) => z > row[label]!).length)
    return row.map((z, j) => (Math.exp(z - top) / sum - wanted[j]!) / rows.length)
  })
  const delta1 = delta2.map((row, n) =>
    hidden[n]!.map((value, i) => (value > 0 ? row.reduce((sum, d, j) => sum + d * second.weights[j]![i]!, 0) : 0)),
  )
  return { loss, ranks, hidden, delta1, delta2 }
}

/** A batch of one step: the loss before it. */
export function trainStep(
  network: PlainNetwork,
  rows: Rows,
  labels: readonly number[],
  rate: number,
  step: number,
): { loss: number; ranks: number[] } {
  const { loss, ranks, hidden, delta1, delta2 } = classify(network, rows, labels)
  const [one, two] = [gradientOf(delta1, rows), gradientOf(delta2, hidden)]
  adam(network.second, two, rate, step)
  adam(network.first, one, rate, step)
  return { loss, ranks }
}

/** Which components of a batch stay: the finalizer of MurmurHash3 of their number. */
export function stays(seed: number, row: number, component: number, width: number, rate: number): boolean {
  let h = (seed + row * width + component) >>> 0
  h ^= h >>> 16
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  h ^= h >>> 16
  return h >>> 0 < Math.floor((1 - rate) * 2 ** 32)
}

/** By how much the shares that rows give each other differ after a linear map: the mean relative entropy. */
export function dissimilarity(
  weights: Rows,
  rows: Rows,
  { unit, squared, sharpness }: { unit: boolean; squared: boolean; sharpness: number },
): number {
  const made = rows.map((row) => {
    const out = weights.map((w) => dot(w, row))
    const norm = unit ? Math.sqrt(dot(out, out)) : 1
    return out.map((value) => value / norm)
  })
  const logShares = (all: Rows): Rows =>
    all.map((x, i) => {
      const likenesses = all.map((y, j) => {
        if (i === j) return Number.NEGATIVE_INFINITY
        const product = dot(x, y)
        return sharpness * (squared ? product - (dot(x, x) + dot(y, y)) / 2 : product)
      })
      const most = Math.max(...likenesses)
      const sum = likenesses.reduce((all, value) => all + Math.exp(value - most), 0)
      return likenesses.map((value) => value - most - Math.log(sum))
    })
  const [before, after] = [logShares(rows), logShares(made)]
  const entropy = (i: number): number =>
    before[i]!.reduce((sum, was, j) => (i === j ? sum : sum + Math.exp(was) * (was - after[i]![j]!)), 0)
  return rows.reduce((sum, _, i) => sum + entropy(i), 0) / rows.length
}
