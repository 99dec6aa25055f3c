import { topEigenvectors } from '../../algebra/eigen.js'
import { secondMoments } from '../../algebra/moments.js'
import { sampleRows } from '../../clustering/sample.js'
import { IvfError } from '../../errors.js'
import type { ProjectionParameters, ProjectionTraining } from '../projection.js'

/** Vectors that are learned from, at most. */
const MOST = 65536

/** @throws IvfError ERR_TOO_FEW, ERR_NOT_FINITE */
export async function trainPca(
  { engine, metric, dim, sample, seed, options: { signal } }: ProjectionTraining,
  word: string,
  width: number,
  centred: boolean,
): Promise<ProjectionParameters> {
  if (sample.rows < width) {
    const fewer = sample.rows > 0 ? `, or ask for at most ${sample.rows} components` : ''
    throw new IvfError(
      'ERR_TOO_FEW',
      `${sample.rows} vectors cannot teach ${word}, which needs at least ${width}; give more vectors${fewer}`,
    )
  }
  const rows = sample.rows > MOST ? sampleRows(sample, MOST, seed) : sample
  const normalize = metric === 'cosine'
  const { mean, products } = await secondMoments(engine, rows, { normalize, centred, name: 'vectors', signal })
  const { vectors: weight } = await topEigenvectors(engine, products, dim, width, seed, { signal })
  const bias = centred ? moved(weight, mean) : undefined
  return { word, metric, dim, width, weight, bias, unit: metric === 'cosine' }
}

/** −weight · mean. */
function moved(weight: Float32Array, mean: Float64Array): Float32Array {
  const dim = mean.length
  return Float32Array.from({ length: weight.length / dim }, (_, i) => {
    let sum = 0
    for (let k = 0; k < dim; k++) sum += (weight[i * dim + k] as number) * (mean[k] as number)
    return 0 - sum
  })
}
