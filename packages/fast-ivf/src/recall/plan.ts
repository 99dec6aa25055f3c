import { IvfError } from '../errors.js'
import type { Contents } from '../ivf/contents.js'
import type { SearchSettings } from '../ivf/search.js'
import { type Calibration, type Choice, choose, highest, rulesFor } from './calibration.js'
import { type RecallRule, ruleOf } from './rule.js'

/** What a search that asks for a recall is to do, and what may be told of its recall when it is done. */
export interface RecallPlan<S> {
  settings: S
  choice: Choice
  /** Whether queries are compared with all vectors themselves: `trueNearest` answers. */
  exact: Choice['exact']
  /** What stops it, which the settings hold, too; undefined: it visits so many cells, or all. */
  rule: RecallRule | undefined
  /** Recall of each query where no rule tells; undefined: a rule does, or nobody knows. */
  flat: number | undefined
}

/**
 * How k answers are found with this recall. With a filter, or where cells stay in a file, all queries visit equally
 * many cells: as many as reach the recall on average.
 * @throws IvfError ERR_NOT_CALIBRATED, ERR_ARGUMENT when the recall cannot be had
 */
export function planRecall<S extends Omit<SearchSettings, 'confidence'>>(
  contents: Contents,
  calibration: Calibration | undefined,
  settings: S,
  recall: number,
): RecallPlan<S> {
  const { model } = contents
  // Nobody has more neighbours than there are others.
  const k = Math.min(settings.k, Math.max(1, contents.size - 1))
  const choice = chooseFor(contents, calibration, k, recall)
  const { spreads } = calibration as Calibration
  const { rescore } = choice.level
  const base = { ...settings, ratioThreshold: 0, rescore }
  if (settings.filter || contents.stored) {
    const nprobe = choice.by ? Math.min(model.nlist, choice.by.fixed) : model.nlist
    const fixed = { ...base, nprobe, rescore: leftOpen(rescore) }
    return { settings: fixed, choice, exact: 'never', rule: undefined, flat: undefined }
  }
  if (!choice.by) {
    const { exact, recall: flat } = choice
    return { settings: { ...base, nprobe: model.nlist }, choice, exact, rule: undefined, flat }
  }
  const shapes = { spreads, norms: model.norms }
  const rule = ruleOf(choice, { metric: model.metric, shapes, exact: rescore.kind === 'bound' })
  return {
    settings: { ...base, nprobe: Math.min(model.nlist, rule.usual), rule },
    choice,
    exact: 'never',
    rule,
    flat: undefined,
  }
}

/** @throws IvfError as `planRecall` */
export function chooseFor(contents: Contents, calibration: Calibration | undefined, k: number, recall: number): Choice {
  if (!calibration) {
    throw new IvfError(
      'ERR_NOT_CALIBRATED',
      `recall ${recall} is asked for, and how it is had is not known yet; call and await calibrate() first, or give nprobe`,
    )
  }
  const rules = rulesFor(calibration, k)
  if (!rules) {
    const most = calibration.rules.at(-1)?.k
    throw new IvfError(
      'ERR_NOT_CALIBRATED',
      `recall is known for k up to ${most}, and k is ${k}; call and await calibrate({ k: ${k} }) first, or give nprobe`,
    )
  }
  const choice = choose(contents, calibration, rules, recall)
  if (choice) return choice
  const most = Math.floor(highest(contents, calibration, rules) * 1000) / 1000
  throw new IvfError(
    'ERR_ARGUMENT',
    `recall is ${recall}, and the codes of this index lose too much for it: at most ${most} can be had at k = ${k}; ask for less, or build with more bits or with the vectors kept (keep 'f32')`,
  )
}

/** In a file candidates cannot be bounded: it does what it can. */
function leftOpen(rescore: SearchSettings['rescore']): SearchSettings['rescore'] {
  return rescore.kind === 'bound' ? { ...rescore, given: false } : rescore
}
