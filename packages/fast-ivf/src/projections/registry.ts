import { learnedKind } from './learned/learned.js'
import { normalizeKind } from './normalize/normalize.js'
import { pcaKind } from './pca/pca.js'
import type { ProjectionKind, ProjectionPlan } from './projection.js'
import { randomKind } from './random/random.js'
import { truncateKind } from './truncate/truncate.js'

/** Every projection there is: a new one is a folder and a line here. */
export const kinds: readonly ProjectionKind[] = [learnedKind, pcaKind, randomKind, truncateKind, normalizeKind]

/** The projection that a word of a spec names; undefined when no kind knows the word. @throws IvfError ERR_ARGUMENT */
export function projectionOf(word: string): ProjectionPlan | undefined {
  for (const kind of kinds) {
    const plan = kind.parse(word)
    if (plan) return plan
  }
  return undefined
}
