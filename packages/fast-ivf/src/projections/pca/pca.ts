import type { ProjectionKind, ProjectionPlan } from '../projection.js'
import { checkWidth } from '../width.js'

export interface PcaOptions {
  /** Components of what comes out. */
  width: number
  /** Directions are those about the mean, which is taken away. Default: for l2 only, where it changes no distance. */
  centred?: boolean
}

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
      const { trainPca } = await import('./train.js')
      return trainPca(training, word, width, centred || training.metric === 'l2')
    },
  }
}
