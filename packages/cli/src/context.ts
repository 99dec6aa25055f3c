import type { ProgressBar } from './progress.js'

/** What a command is given beside its arguments. */
export interface Context {
  signal: AbortSignal
  progress: ProgressBar
  /** Tells people something in one line, on stderr. */
  note(text: string): void
}

/** Does the work of a command and prints its report: as `show` puts it, or as JSON. Returns the report. */
export type Run = <R>(work: (context: Context) => Promise<R>, show: (report: R) => string) => Promise<R>
