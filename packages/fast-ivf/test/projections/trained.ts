import {
  CompressedFastIVF,
  type CompressedFastIVFOptions,
  type Metric,
  type Progress,
  Projection,
} from '../../src/index.js'
import { mixture } from '../mixture.js'

export const DIM = 48
export const METRICS = ['cosine', 'ip', 'l2'] as const satisfies Metric[]
export const sample = mixture(400, DIM, 1)

/** A few steps: what is learned is no matter here. */
export const quick = {
  compressorStepsPerEpoch: 3,
  compressorEpochs: 2,
  compressorBatchSize: 64,
  kmeansMaxSteps: 5,
} as const

/** An index that learns from the sample, or from other vectors, in few steps. */
export async function compressed(
  options: Partial<CompressedFastIVFOptions> = {},
  vectors = sample,
  onProgress?: (progress: Progress) => void,
  onMade?: (index: CompressedFastIVF) => void,
): Promise<CompressedFastIVF> {
  const shape = { nlist: 8, nprobe: 8, ratioThreshold: 0, compressionNdim: 12, threads: 0 }
  const index = new CompressedFastIVF(DIM, { ...shape, ...quick, ...options })
  onMade?.(index)
  await index.train(vectors, { onProgress })
  return index
}

/** A projection of the word; one that learns does so for a few steps, in an index. */
export async function quickly(spec: string, metric: Metric): Promise<Projection> {
  const compressor = /^AE/.test(spec) ? 'similarity' : /^NET/.test(spec) ? 'supervised' : undefined
  if (!compressor) return Projection.train(sample, { spec, metric, dim: DIM, threads: 0 })
  const index = await compressed({ compressor, metric, compressionNdim: Number(spec.match(/\d+$/)?.[0]) })
  const { parameters } = index.projection!
  await index.close()
  return Projection.of(parameters, { threads: 0 })
}

/** All numbers are there. */
export function expectFinite(...all: readonly (ArrayLike<number> | undefined)[]): void {
  for (const numbers of all) {
    for (let i = 0; i < (numbers?.length ?? 0); i++) {
      if (!Number.isFinite(numbers![i])) throw new Error(`number ${i} is ${numbers![i]}`)
    }
  }
}
