import type { ProjectionKind, ProjectionPlan } from '../projection.js'
import { checkWidth } from '../width.js'
import type { Schedule } from './schedule.js'
import { SIMILARITY_DEFAULTS, trainSimilarity } from './similarity.js'
import { SUPERVISED_DEFAULTS, trainSupervised } from './supervised.js'

/** `AE64`: what keeps near vectors near; `NET64`: what tells cells apart, as the original does it. */
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
    train: (training) => trainSimilarity(training, word, { ...SIMILARITY_DEFAULTS, ...settings }),
  }
}

/** The original's network: `trainSupervised`. */
export function supervised(settings: Partial<Schedule> & { width: number }): ProjectionPlan {
  const word = `NET${settings.width}`
  return {
    word,
    width: (dim) => checkWidth(word, settings.width, dim),
    train: (training) => trainSupervised(training, word, { ...SUPERVISED_DEFAULTS, ...settings }),
  }
}
