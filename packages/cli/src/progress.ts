/** How far is it? A bar on a terminal; elsewhere a plain line now and then, so that short runs are quiet. */

import cliProgress from 'cli-progress'
import { count } from './text.js'

/** How far a long step has come. */
export interface Step {
  phase: string
  done: number
  total: number
  /** Convergence, while training. */
  delta?: number
  /** Of a learned projection. */
  loss?: number
  top10Accuracy?: number
}

/** Shows one step after another. A running bar keeps the process alive: call `stop`. */
export interface ProgressBar {
  update(step: Step): void
  stop(): void
}

/** Progress for people who look at `stream`. `every`: milliseconds between lines where it is no terminal. */
export function progressBar(stream: NodeJS.WritableStream, every = 5000): ProgressBar {
  return (stream as { isTTY?: boolean }).isTTY ? bar(stream) : lines(stream, every)
}

function bar(stream: NodeJS.WritableStream): ProgressBar {
  const single = new cliProgress.SingleBar({
    stream,
    format: '{phase} [{bar}] {note}',
    barsize: 30,
    clearOnComplete: true,
    linewrap: true, // turned off, it would stay off when the process is killed
    gracefulExit: false, // signals are the caller's
  })
  let phase: string | undefined
  return {
    update(step) {
      const shown = { phase: step.phase, note: noteOf(step) }
      if (step.phase === phase) return single.update(step.done, shown)
      single.stop()
      phase = step.phase
      single.start(step.total, step.done, shown)
    },
    stop() {
      single.stop()
      phase = undefined
    },
  }
}

function lines(stream: NodeJS.WritableStream, every: number): ProgressBar {
  let last = performance.now()
  return {
    update(step) {
      if (performance.now() - last < every) return
      last = performance.now()
      stream.write(`${step.phase}: ${noteOf(step)}\n`)
    },
    stop() {},
  }
}

function noteOf({ done, total, delta, loss, top10Accuracy }: Step): string {
  const told = [
    `${count(done)} of ${count(total)}`,
    delta !== undefined && `convergence delta ${delta.toFixed(4)}`,
    loss !== undefined && `loss ${loss.toPrecision(4)}`,
    top10Accuracy !== undefined && `top-10 accuracy ${top10Accuracy.toFixed(3)}`,
  ]
  return told.filter(Boolean).join(', ')
}
