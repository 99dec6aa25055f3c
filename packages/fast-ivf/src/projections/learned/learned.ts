import type { ProjectionKind, ProjectionPlan } from '../projection.js'
import { checkWidth } from '../width.js'
import { type Schedule, SIMILARITY_DEFAULTS, SUPERVISED_DEFAULTS } from './schedule.js'

/**
 * Learning is loaded when it is asked for: most programs search with what was learned elsewhere.
 *
 * `AE64`: what keeps near vectors near; `NET64`: what tells cells apart, as the original does it.
 */
export const learnedKind: ProjectionKind = {
  words: 'AE<components>, NET<components>',
  examples: ['AE12', 'NET12'],
  parse(word) {
    const [, name, width] = word.match(/^(AE|NET)(\d+)$/) ?? []
    if (name === undefined) return undefined
    return name === 'AE' ? similarity({ width: Number(width) }) : supervised({ width: Number(width) })
  },
}

/** Near vectors stay near: `trainSimilarity`. */
export function similarity(settings: Partial<Schedule> & { width: number }): ProjectionPlan {
  const word = `AE${settings.width}`
  return {
    word,
    width: (dim) => checkWidth(word, settings.width, dim),
    async train(training) {
      const { trainSimilarity } = await import('./similarity.js')
      return trainSimilarity(training, word, { ...SIMILARITY_DEFAULTS, ...settings })
    },
  }
}

/** The original's network: `trainSupervised`. */
export function supervised(settings: Partial<Schedule> & { width: number }): ProjectionPlan {
  const word = `NET${settings.width}`
  return {
    word,
    width: (dim) => checkWidth(word, settings.width, dim),
    async train(training) {
      const { trainSupervised } = await import('./supervised.js')
      return trainSupervised(training, word, { ...SUPERVISED_DEFAULTS, ...settings })
    },
  }
}
