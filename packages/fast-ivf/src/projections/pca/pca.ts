import { topEigenvectors } from '../../algebra/eigen.js'
import { secondMoments } from '../../algebra/moments.js'
import { sampleRows } from '../../clustering/sample.js'
import { IvfError } from '../../errors.js'
import type { ProjectionKind, ProjectionParameters, ProjectionPlan, ProjectionTraining } from '../projection.js'
import { checkWidth } from '../width.js'

export interface PcaOptions {
  /** Components of what comes out. */
  width: number
  /** Directions are those about the mean, which is taken away. Default: for l2 only, where it changes no distance. */
  centred?: boolean
}

/** Vectors that are learned from, at most. */
const MOST = 65536

/**
 * `PCA64`: components along the 64 orthogonal directions in which the vectors (normalized for cosine) are longest, so
 * that inner products stay as they are as nearly as they can; for l2 about the mean, so that distances do. `PCAC64`:
 * about the mean for every metric (H. Hotelling, "Analysis of a complex of statistical variables into principal
 * components", 1933).
 */
export const pcaKind: ProjectionKind = {
  words: 'PCA<components>, PCAC<components>',
  examples: ['PCA12', 'PCAC12'],
  parse(word) {
    const [, name, width] = word.match(/^(PCAC?)(\d+)$/) ?? []
    return name === undefined ? undefined : pca({ width: Number(width), centred: name === 'PCAC' })
  },
}

/** Principal components. */
export function pca({ width, centred = false }: PcaOptions): ProjectionPlan {
  const word = `${centred ? 'PCAC' : 'PCA'}${width}`
  return {
    word,
    width: (dim) => checkWidth(word, width, dim),
    async train(training) {
      checkWidth(word, width, training.dim)
      return trainPca(training, word, width, centred || training.metric === 'l2')
    },
  }
}

async function trainPca(
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
