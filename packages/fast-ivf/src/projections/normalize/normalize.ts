import type { ProjectionKind, ProjectionPlan } from '../projection.js'

/** `L2norm`: every vector is divided by its norm, so that inner products and distances are those of directions. */
export const normalizeKind: ProjectionKind = {
  words: 'L2norm',
  examples: ['L2norm'],
  parse: (word) => (word === 'L2norm' ? normalize() : undefined),
}

/** Vectors of length 1, whatever the metric. Nothing is learned. */
export function normalize(): ProjectionPlan {
  const word = 'L2norm'
  return {
    word,
    width: (dim) => dim,
    train: async ({ metric, dim }) => ({
      ...{ word, metric, dim, width: dim },
      ...{ weight: undefined, bias: undefined, unit: true },
    }),
  }
}
