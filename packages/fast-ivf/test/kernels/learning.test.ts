import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { adam, classify, gradientOf, type PlainLayer, type Rows, stays } from '../projections/learned/reference.js'
import { columnsOf, expectClose, putColumns, rowsOf } from './learning.js'
import { expectSame, fractions, type Machine, machines, numbers, wholes } from './machine.js'
import { panelsOf } from './reference.js'

const f = Math.fround
const seeds = fc.integer({ min: 1, max: 1e6 })
const width16 = fc.integer({ min: 1, max: 4 }).map((n) => 16 * n)
const groups = fc.constantFrom<number[]>(2, 4)

describe.each(machines)('$level kernels', (m) => {
  test('placeBatch takes the mean away, scales, drops by the hash, and tells rows, panels and columns alike', () => {
    const shape = fc.record({
      ...{ dim: fc.integer({ min: 1, max: 70 }), count: fc.integer({ min: 1, max: 33 }), seed: seeds },
      ...{ block: fc.constantFrom(8, 16, 24), mean: fc.boolean(), panels: fc.boolean() },
      rate: fc.constantFrom(0, 0.2, 0.5),
    })
    fc.assert(
      fc.property(shape, ({ dim, count: wanted, seed, block, mean: centred, panels, rate }) => {
        const count = panels ? Math.ceil(wanted / 8) * 8 : wanted
        const [rows, mean] = [fractions(count * dim, seed), centred ? fractions(dim, seed + 1) : undefined]
        const scale = f(1 + (seed % 7) / 3)
        const placed = batch(m, { rows, dim, mean, scale, rate, seed, panels, block })
        const width = Math.ceil(dim / 16) * 16
        const expected = new Float32Array(count * width)
        rows.forEach((value, at) => {
          const [i, j] = [Math.floor(at / dim), at % dim]
          if (rate > 0 && !stays(seed, i, j, width, rate)) return
          const own = f(f(value - (mean?.[j] ?? 0)) * scale)
          expected[i * width + j] = rate > 0 ? f(own * f(1 / (1 - rate))) : own
        })
        // −0 and 0 are alike.
        expectSame(
          placed.rows.map((value) => value + 0),
          expected.map((value) => value + 0),
        )
        expectSame(placed.columns, columnsOf(placed.rows, count, width))
        if (placed.panels) expectSame(placed.panels, panelsOf({ rows: placed.rows, dim: width }, count / 8))
      }),
      { numRuns: 100 },
    )
  })

  test('dropout leaves the share that is asked for, another with another seed', () => {
    const [dim, count] = [512, 64]
    const rows = new Float32Array(dim * count).fill(1)
    for (const rate of [0.05, 0.2, 0.5, 0.9]) {
      const masks = [1, 77_777, 3_000_000_000].map((seed) => {
        const placed = batch(m, { rows, dim, mean: undefined, scale: 1, rate, seed, panels: false, block: 16 })
        expect(new Set(placed.rows)).toEqual(new Set([0, f(1 / (1 - rate))]))
        return placed.rows.map((value) => +(value > 0))
      })
      const n = dim * count
      const near = (hits: number, share: number): void => {
        expect(Math.abs(hits / n - share)).toBeLessThan(4 * Math.sqrt((share * (1 - share)) / n))
      }
      for (const mask of masks) {
        near(
          mask.reduce((sum, bit) => sum + bit, 0),
          1 - rate,
        )
      }
      // Two masks agree as often as chance has it.
      near(masks[0]!.filter((bit, i) => bit === masks[1]![i]).length, (1 - rate) ** 2 + rate ** 2)
      near(masks[0]!.filter((bit, i) => bit === masks[2]![i]).length, (1 - rate) ** 2 + rate ** 2)
    }
  })

  test('updateLayer is a step of Adam along the gradient, and placeLayer shows weights as products want them', () => {
    const shape = fc.record({
      ...{ units: width16, width: width16, count: fc.integer({ min: 1, max: 37 }), seed: seeds, group: groups },
      ...{ block: fc.constantFrom(8, 16, 32), bias: fc.boolean(), columns: fc.boolean() },
    })
    fc.assert(
      fc.property(shape, ({ units, width, count, seed, group, block, bias: biased, columns }) => {
        m.reset()
        const [delta, inputs] = [wholes(count * units, seed, 2), wholes(count * width, seed + 1, 2)]
        // Weights, first and second moments, of which the last are not negative.
        const weights = fractions(3 * units * width, seed + 2)
        const bias = fractions(3 * units, seed + 3)
        for (const all of [weights, bias])
          all.subarray((all.length / 3) * 2).forEach((v, i, own) => (own[i] = Math.abs(v)))
        const plain = layerOf(weights, bias, units, width)
        const fields = {
          ...{ delta: m.put(delta), count, units, inputs: putColumns(m, inputs, count, width), width, block, group },
          ...{ rate: 0.01, decay1: 0.9, decay2: 0.999, epsilon: 1e-7, weights: m.put(weights) },
          ...{ bias: biased ? m.put(bias) : 0, panels: m.room(units * width) },
          ...{ columns: columns ? m.room(units * width) : 0, scratch: m.room(block * (count + width)) },
          scratchStride: 0,
        }
        const record = m.record('Layer', fields)
        const forms = (now: Float32Array): void => {
          expectSame(m.floats(fields.panels, units * width), panelsOf({ rows: now, dim: width }, units / 8))
          if (columns) expectSame(m.floats(fields.columns, units * width), columnsOf(now, units, width))
        }
        m.run('placeLayer', record, Math.ceil(units / block))
        forms(weights.subarray(0, units * width))
        m.run('updateLayer', record, Math.ceil(units / block))
        const now = m.floats(fields.weights, 3 * units * width)
        forms(now.subarray(0, units * width))
        // The reference puts a rate right for the first step: so much that ours is what comes of it.
        adam(
          plain,
          gradientOf(rowsOf(delta, units), rowsOf(inputs, width)),
          (0.01 * (1 - 0.9)) / Math.sqrt(1 - 0.999),
          1,
        )
        expectClose(now, [plain.weights, ...plain.moments.weights].flat(2), 5e-5)
        if (biased) expectClose(m.floats(fields.bias, 3 * units), [plain.bias, ...plain.moments.bias].flat(), 5e-5)
      }),
      { numRuns: 60 },
    )
  })

  test('classifyRows gives losses, ranks and changes for any number of rows and classes, and logits of ± 80', () => {
    const random = numbers(5)
    for (const count of [1, 3, 17]) {
      for (const classes of [1, 7, 16, 17, 40]) {
        for (const group of [2, 4]) {
          for (const high of [0, 80]) {
            const shape = { count, classes, group, dim: 5, width: 6, high, seed: random() }
            compare(m, { ...shape, block: count === 17 ? 4 : 16 })
          }
        }
      }
    }
  })
})

interface BatchCase {
  rows: Float32Array
  dim: number
  mean: Float32Array | undefined
  scale: number
  rate: number
  seed: number
  panels: boolean
  block: number
}

function batch(m: Machine, { rows, dim, mean, scale, rate, seed, panels: wanted, block }: BatchCase) {
  m.reset()
  const count = rows.length / dim
  const width = Math.ceil(dim / 16) * 16
  const [out, columns] = [m.room(count * width), m.room(count * width)]
  const panels = wanted ? m.room(count * width) : 0
  const record = m.record('Batch', {
    ...{ rows: m.put(rows), dim, width, count, block, mean: mean ? m.put(mean) : 0, scale, out, panels, columns },
    ...{ keep: rate > 0 ? Math.floor((1 - rate) * 2 ** 32) : 0, kept: 1 / (1 - rate), seed },
  })
  // In two calls, the last items first.
  const items = Math.ceil(count / block)
  m.exports.placeBatch(record, 1, items, 1)
  m.run('placeBatch', record, 1)
  return {
    rows: m.floats(out, count * width),
    columns: m.floats(columns, count * width),
    panels: wanted ? m.floats(panels, count * width) : undefined,
  }
}

function layerOf(weights: Float32Array, bias: Float32Array, units: number, width: number): PlainLayer {
  const rows = rowsOf(weights, width)
  const part = (from: number): Rows => rows.slice(from * units, (from + 1) * units)
  const numbersOf = (from: number): number[] => [...bias.subarray(from * units, (from + 1) * units)]
  const moments = {
    weights: [part(1), part(2)] as [Rows, Rows],
    bias: [numbersOf(1), numbersOf(2)] as [number[], number[]],
  }
  return { weights: part(0), bias: numbersOf(0), moments }
}

interface NetworkCase {
  count: number
  classes: number
  group: number
  block: number
  dim: number
  width: number
  /** Logits are about ± this. */
  high: number
  seed: number
}

function compare(m: Machine, { count, classes, group, block, dim, width, high, seed }: NetworkCase): void {
  m.reset()
  const [inputs, middle, outputs] = [dim, width, classes].map((n) => Math.ceil(n / 16) * 16) as [number, number, number]
  const padded = (data: Float32Array, from: number, to: number, rows: number): Float32Array => {
    const all = new Float32Array(rows * to)
    data.forEach((value, i) => (all[Math.floor(i / from) * to + (i % from)] = value))
    return all
  }
  const rows = padded(fractions(count * dim, seed), dim, inputs, count)
  const weights1 = padded(fractions(width * dim, seed + 1), dim, inputs, middle)
  const weights2 = padded(fractions(classes * width, seed + 2), width, middle, outputs)
  const bias1 = padded(fractions(width, seed + 3), width, middle, 1)
  const bias2 = padded(
    fractions(classes, seed + 4).map((value, i) => value + (i % 2 ? -high : high)),
    classes,
    outputs,
    1,
  )
  // Labels at both ends, and some between.
  const labels = Array.from({ length: count }, (_, i) => [0, classes - 1, Math.floor(classes / 2)][i % 3]!)
  const whole = Math.ceil(count / 4) * 4
  const [hidden, delta1, delta2] = [m.room(count * middle), m.room(whole * middle), m.room(whole * outputs)]
  const [losses, ranks] = [m.room(count * 2), m.room(count)]
  const record = m.record('Network', {
    ...{ rows: m.put(rows), dim: inputs, count, block, group, labels: m.putInts(labels) },
    ...{ weights1: m.put(panelsOf({ rows: weights1, dim: inputs }, middle / 8)), bias1: m.put(bias1), width: middle },
    weights2: m.put(panelsOf({ rows: weights2, dim: middle }, outputs / 8)),
    columns2: putColumns(m, weights2, outputs, middle),
    ...{ bias2: m.put(bias2), outputs, classes, smoothing: 0.01, hidden, delta1, delta2, losses, ranks },
    ...{ scratch: m.room(block * (Math.max(inputs, middle, outputs) + middle)), scratchStride: 0 },
  })
  m.run('classifyRows', record, Math.ceil(count / block))
  const layer = (weights: Float32Array, from: number, units: number, bias: Float32Array): PlainLayer => {
    return {
      ...layerOf(new Float32Array(0), bias, 0, 1),
      weights: rowsOf(weights, from).slice(0, units),
      bias: [...bias],
    }
  }
  const network = {
    first: layer(weights1, inputs, middle, bias1),
    second: layer(weights2, middle, classes, bias2),
    smoothing: 0.01,
  }
  const plain = classify(network, rowsOf(rows, inputs), labels)
  const told = m.floats(losses, 2 * count)
  const loss = labels.reduce((sum, _, i) => sum + Math.log(told[2 * i]!) - told[2 * i + 1]!, 0) / count
  expect(Math.abs(loss - plain.loss)).toBeLessThan(1e-4)
  expect([...m.ints(ranks, count)]).toEqual(plain.ranks)
  const columns = columnsOf(Float32Array.from(plain.hidden.flat()), count, middle)
  expectClose(m.floats(hidden, count * middle), [...columns], 1e-6)
  const beyond = new Array<number>(outputs - classes).fill(0)
  expectClose(
    m.floats(delta2, count * outputs),
    plain.delta2.flatMap((row) => [...row, ...beyond]),
    1e-5,
  )
  expectClose(m.floats(delta1, count * middle), plain.delta1.flat(), 1e-5)
}
