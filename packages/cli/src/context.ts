import type { ProgressBar } from './progress.js'

/** What a command is given beside its arguments. */
export interface Context {
  signal: AbortSignal
  progress: ProgressBar
  /** Tells people something in one line, on stderr. */
  note(text: string): void
  /** Data that come before the report, on stdout. */
  write(text: string): void
  /** Whether data are to be JSON. */
  json: boolean
  /** What is piped in; undefined where that is a terminal. */
  stdin: AsyncIterable<Uint8Array | string> | undefined
}

/**
 * Does the work of a command and prints its report: as `show` puts it, or as JSON. Returns the report. `summary`: of a
 * report that follows data on stdout; it is told on stderr, and to --json in a last line.
 */
export type Run = <R>(
  work: (context: Context) => Promise<R>,
  show: (report: R) => string,
  options?: { summary?: boolean },
) => Promise<R>
