import { test } from 'vitest'
import { toMatrix } from '../../src/engine/vectors.js'
import { CompressedFastIVF } from '../../src/index.js'
import { supervised } from '../../src/projections/learned/learned.js'
import { createEngine } from '../../src/runtime.js'
import { mixture } from '../mixture.js'

const bad = (a?: Float32Array) => (a ? a.reduce((n, v) => n + (Number.isFinite(v) ? 0 : 1), 0) : 'none')
test('probe', async () => {
  const engine = await createEngine({ threads: 0 })
  let nan = 0,
    zero = 0
  const examples: string[] = []
  for (let seed = 1; seed < 150; seed++)
    for (const dim of [3, 8]) {
      const row = mixture(1, dim, seed).map((v) => v * (seed % 3 ? 1 : 100))
      const rows = Float32Array.from({ length: 130 * dim }, (_, i) => row[i % dim]!)
      const p = await supervised({ width: 2, batchSize: 128, stepsPerEpoch: 2, epochs: 1 }).train({
        engine,
        metric: 'l2',
        dim,
        sample: toMatrix(rows, dim, 'x'),
        centroids: undefined,
        seed,
        options: {},
      })
      if (bad(p.weight)) {
        nan++
        examples.push(`seed ${seed} dim ${dim} ${[...row]} w ${[...p.weight!].slice(0, 3)}`)
      }
      if (p.weight!.every((v) => v === 0)) zero++
    }
  console.log('nan', nan, 'zero', zero, examples.slice(0, 3).join('\n'))
})
