import { IvfError } from '../errors.js'
import type { ProjectionParameters, ProjectionPlan } from './projection.js'

/** A projection that is trained already. */
export function given(parameters: ProjectionParameters): ProjectionPlan {
  const { word, dim, width } = parameters
  return {
    word,
    width(wanted) {
      if (wanted === dim) return width
      throw new IvfError(
        'ERR_DIM',
        `the projection ${word} takes vectors of dim ${dim}, and these have dim ${wanted}; was it trained for another model?`,
      )
    },
    train: async () => parameters,
  }
}
