/** Data of a seed: the same on every run, and different for every seed. */

import { xorshift32 } from './embed.js'

/** A sequence of random numbers. */
export interface Chance {
  /** From 0 up to 1, every number as likely as the next. */
  uniform(): number
  /** Normal, of mean 0 and variance 1. */
  normal(): number
}

export function chanceOf(seed: number): Chance {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0 || 1
  let spare: number | undefined

  function uniform(): number {
    state = xorshift32(state)
    return state / 0x100000000
  }

  /** Two at a time, by the polar method of G. Marsaglia (1964). */
  function normal(): number {
    if (spare !== undefined) {
      const value = spare
      spare = undefined
      return value
    }
    for (;;) {
      const [x, y] = [2 * uniform() - 1, 2 * uniform() - 1]
      const squares = x * x + y * y
      if (squares >= 1 || squares === 0) continue
      const scale = Math.sqrt((-2 * Math.log(squares)) / squares)
      spare = y * scale
      return x * scale
    }
  }

  return { uniform, normal }
}
