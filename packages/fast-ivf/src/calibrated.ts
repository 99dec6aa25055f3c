import type { Contents } from './ivf/contents.js'
import type { Model } from './ivf/model.js'
import type { SearchSettings } from './ivf/search.js'
import type { Calibration } from './recall/calibration.js'
import type { RecallPlan } from './recall/plan.js'
import type { CalibrationReport } from './recall-options.js'
import type { CalibrationTold } from './saved/calibration.js'

/** What was found, of which contents, and what is made of it when it is asked for. */
interface Kept {
  calibration: Calibration
  model: Model
  /** What there was then. */
  rows: number
  size: number
  /** Vectors that had come and gone before. */
  changed: number
  report(contents: Contents, stale: boolean): CalibrationReport
}

/** Of the vectors, so many may come or go before what was found is called stale. */
const STALE = 0.1

/** What is known of how a recall is had, as long as cells are what they were. */
export class Calibrated {
  #kept: Kept | undefined

  async keep(contents: Contents, calibration: Calibration): Promise<CalibrationReport> {
    const { report } = await this.restore(contents, { calibration, changed: 0 })
    return report(contents, false)
  }

  /** Takes up what a file tells, as if it had been found here. */
  async restore(contents: Contents, { calibration, changed }: CalibrationTold): Promise<Kept> {
    const { reportOf } = await import('./calibrate-index.js')
    const { model, rows, size } = contents
    const report = (now: Contents, stale: boolean): CalibrationReport => reportOf(now, calibration, stale)
    this.#kept = { calibration, model, rows, size, changed, report }
    return this.#kept
  }

  /** What a file is told of it. */
  told(contents: Contents): CalibrationTold | undefined {
    const kept = this.#of(contents)
    return kept && { calibration: kept.calibration, changed: changedSince(kept, contents) }
  }

  report(contents: Contents): CalibrationReport | undefined {
    const kept = this.#of(contents)
    return kept?.report(contents, changedSince(kept, contents) > STALE * kept.calibration.size)
  }

  /** @throws IvfError as `planRecall` */
  async plan<S extends SearchSettings>(contents: Contents, settings: S, recall: number): Promise<RecallPlan<S>> {
    const { planRecall } = await import('./recall/plan.js')
    return planRecall(contents, this.#of(contents)?.calibration, settings, recall)
  }

  #of({ model }: Contents): Kept | undefined {
    return this.#kept?.model === model ? this.#kept : undefined
  }
}

function changedSince({ rows, size, changed }: Kept, now: Contents): number {
  const added = now.rows - rows
  return changed + added + (size + added - now.size)
}
