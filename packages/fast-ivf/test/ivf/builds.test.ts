import { afterAll, describe, expect, test } from 'vitest'
import { kernelBytes } from '../../src/engine/binary.js'
import { Engine } from '../../src/engine/engine.js'
import { toMatrix } from '../../src/engine/vectors.js'
import { contentsOf } from '../../src/ivf/contents.js'
import { createModel } from '../../src/ivf/make-model.js'
import type { Rescore } from '../../src/ivf/rows.js'
import { searchSegments } from '../../src/ivf/search.js'
import { buildSegment } from '../../src/ivf/segment.js'
import { product } from '../../src/quantizers/product/product.js'
import type { QuantizerPlan } from '../../src/quantizers/quantizer.js'
import { parseSpec } from '../../src/spec.js'
import { expectSame, fractions, type Machine, machines, wholes } from '../kernels/machine.js'

// Whole numbers: what the builds compute with fused products (norms, distances to centroids) is exact in both.
const [DIM, NLIST, COUNT, NQ] = [36, 6, 900, 70]
const centroids = wholes(NLIST * DIM, 1, 3)
const vectors = wholes(COUNT * DIM, 2, 4)
const queries = wholes(NQ * DIM, 3, 4)
const codebooks = (k: number): Float32Array => fractions(k * DIM, 4).map((value) => value * 3)

const plans: [string, QuantizerPlan][] = [
  ...['SQ1', 'SQ2', 'SQ4', 'SQ8'].map((word): [string, QuantizerPlan] => [word, parseSpec(word).quantizer]),
  ...[16, 11, 64, 300].flatMap((k) =>
    [true, false].map((residual): [string, QuantizerPlan] => [
      `${k} codewords${residual ? ' of residuals' : ''}`,
      product({ m: 9, k, residual, opq: false, fastScan: true, training: { kind: 'given', codebooks: codebooks(k) } }),
    ]),
  ),
]

const engines = machines.map(engineOf)
afterAll(() => engines.forEach((engine) => engine.close()))

describe.skipIf(machines.length < 2)('the baseline and the relaxed build give the same bits', () => {
  test.each(plans)('%s: code rows, decoded vectors, estimates and what a bound finds', async (_, plan) => {
    for (const metric of ['ip', 'l2'] as const) {
      const outcomes = await Promise.all(
        engines.map(async (engine) => {
          const matrix = toMatrix(vectors, DIM, 'vectors')
          const settings = { metric, dim: DIM, quantizer: plan, keep: 'f32', seed: 2 } as const
          const model = await createModel(engine, settings, centroids, undefined, {})
          const segment = await buildSegment(model, matrix, 0, {})
          const { quantizer } = model
          const codes = await engine.frame(async (scratch) => {
            const rows = scratch.alloc(COUNT * quantizer.codeSize)
            await quantizer.read(segment.codes, rows, 0, COUNT, {})
            const cells = scratch.zeros(COUNT)
            const decoded = await quantizer.decode(scratch, rows, cells, COUNT, {})
            return [
              engine.ints(rows, (COUNT * quantizer.codeSize) / 4).slice(),
              engine.floats(decoded, COUNT * DIM).slice(),
            ]
          })
          const rescores: Rescore[] = [{ kind: 'none' }, { kind: 'factor', factor: 2, reorder: true }]
          if (plan.bounded) rescores.push({ kind: 'bound', epsilon: 1 })
          const answers: (Float64Array | Float32Array)[] = []
          for (const rescore of rescores) {
            for (const nq of [1, 2, NQ]) {
              const asked = toMatrix(queries.subarray(0, nq * DIM), DIM, 'queries')
              const search = { k: 40, nprobe: 4, ratioThreshold: 0, rescore, confidence: false }
              const { ids, scores, work } = await searchSegments(contentsOf(model, [segment]), asked, search, {})
              answers.push(ids, scores, Float64Array.of(work.vectors, work.rescored))
            }
          }
          segment.held.release()
          model.held.release()
          expect(engine.bytes).toBe(0)
          return [...codes, ...answers]
        }),
      )
      const [one = [], two = []] = outcomes as ArrayLike<number>[][]
      expect(two.length).toBe(one.length)
      for (const [i, part] of one.entries()) expectSame(two[i] as ArrayLike<number>, part)
    }
  })
})

/** An engine of one build, without threads. */
function engineOf({ level }: Machine): Engine {
  const module = new WebAssembly.Module(kernelBytes(level, false, false))
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 16384 })
  return new Engine({
    module,
    memory,
    instance: new WebAssembly.Instance(module, { env: { memory } }),
    tileRows: 2,
    pool: undefined,
    giveWay: async () => {},
    onClose: () => {},
  })
}
