import { expect, it } from 'vitest'
import { chanceOf } from '../src/chance.js'
import { blobs, synth } from '../src/synth.js'

const options = { rows: 500, dim: 64, clusters: 20, seed: 1 }

it('the same seed makes the same vectors, another one others', () => {
  expect(synth(options)).toEqual(synth(options))
  expect(synth({ ...options, seed: 2 })).not.toEqual(synth(options))
  expect(blobs(options)).toEqual(blobs(options))
})

it('synthetic vectors have length 1, and no component tells more than another', () => {
  const vectors = synth(options)
  const squares = new Float64Array(64)
  for (let row = 0; row < 500; row++) {
    let length = 0
    for (let i = 0; i < 64; i++) {
      const square = vectors[row * 64 + i]! ** 2
      length += square
      squares[i]! += square / 500
    }
    expect(length).toBeCloseTo(1, 5)
  }
  for (const share of squares) {
    expect(share * 64).toBeGreaterThan(0.3)
    expect(share * 64).toBeLessThan(3)
  }
})

it('a point of a blob is about √dim from its center', () => {
  const { points, labels } = blobs({ rows: 2000, dim: 32, clusters: 4, seed: 3 })
  const sums = new Float64Array(4 * 32)
  const counts = new Uint32Array(4)
  for (let row = 0; row < 2000; row++) {
    counts[labels[row]!]!++
    for (let i = 0; i < 32; i++) sums[labels[row]! * 32 + i]! += points[row * 32 + i]!
  }
  let squares = 0
  for (let at = 0; at < points.length; at++) {
    const label = labels[Math.floor(at / 32)]!
    squares += (points[at]! - sums[label * 32 + (at % 32)]! / counts[label]!) ** 2
  }
  expect(squares / 2000).toBeGreaterThan(31)
  expect(squares / 2000).toBeLessThan(33)
})

it('normal numbers have mean 0 and variance 1', () => {
  const { normal } = chanceOf(5)
  const values = Float64Array.from({ length: 50_000 }, normal)
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
  expect(Math.abs(mean)).toBeLessThan(0.02)
  expect(Math.abs(variance - 1)).toBeLessThan(0.03)
})
