import type { ProjectionKind, ProjectionPlan } from '../projection.js'
import { checkWidth } from '../width.js'

export interface TruncateOptions {
  /** Components that are kept, the first. */
  width: number
}

/**
 * `T64`: the first 64 components, as vectors of length 1: for models trained so that these alone tell much (A. Kusupati
 * et al., "Matryoshka Representation Learning", 2022).
 */
export const truncateKind: ProjectionKind = {
  words: 'T<components>',
  examples: ['T12'],
  parse(word) {
    const [, width] = word.match(/^T(\d+)$/) ?? []
    return width === undefined ? undefined : truncate({ width: Number(width) })
  },
}

/** The first components, divided by their norm whatever the metric. Nothing is learned. */
export function truncate({ width }: TruncateOptions): ProjectionPlan {
  const word = `T${width}`
  return {
    word,
    width: (dim) => checkWidth(word, width, dim),
    train: async ({ metric, dim }) => ({
      ...{ word, metric, dim, width: checkWidth(word, width, dim) },
      ...{ weight: undefined, bias: undefined, unit: true },
    }),
  }
}
