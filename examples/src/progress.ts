/** What is the index doing? A bar on stderr; where that is no terminal, a plain line now and then. */

import cliProgress from 'cli-progress'
import type { Progress } from 'fast-ivf'

/** Shows a long call's progress. Call `stop` when it is over: a running bar keeps the process alive. */
export interface ProgressBar {
  update(progress: Progress): void
  stop(): void
}

/** A bar for each phase of a long call, one below the other. */
export function progressBar(): ProgressBar {
  const bar = new cliProgress.SingleBar({
    format: '  {phase} [{bar}] {note}',
    barsize: 30,
    linewrap: true, // cli-progress would turn wrapping off, and Ctrl-C would leave the terminal so
    noTTYOutput: true,
    notTTYSchedule: 2000,
  })
  let phase = ''

  return {
    update(progress: Progress): void {
      const shown = { phase: progress.phase.padEnd(6), note: noteOf(progress) }
      if (progress.phase === phase) {
        bar.update(progress.done, shown)
      } else {
        bar.stop()
        phase = progress.phase
        bar.start(progress.total, progress.done, shown)
      }
    },
    stop(): void {
      bar.stop()
    },
  }
}

/** Training says how many labels still change from step to step; then rows are assigned to cells and stored in them. */
function noteOf({ phase, done, total, delta }: Progress): string {
  const count = `${done.toLocaleString('en')} of ${total.toLocaleString('en')}`
  if (phase === 'train') return `step ${count}${delta === undefined ? '' : `, convergence delta ${delta.toFixed(4)}`}`
  return `${count} rows ${phase === 'assign' ? 'assigned' : 'stored'}`
}
