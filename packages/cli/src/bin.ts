/** The edges of the process: streams, signals, exit code. */

import { main } from './main.js'

const exitCodes = { SIGINT: 130, SIGTERM: 143 }
const aborting = new AbortController()
for (const name of Object.keys(exitCodes) as (keyof typeof exitCodes)[]) {
  // once: the second Ctrl-C ends a call that does not look at its signal
  process.once(name, () => aborting.abort(name))
}
// A reader that has seen enough (`| head`) is no failure.
process.stdout.on('error', quietly)
process.stderr.on('error', quietly)

const code = await main(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  ...(!process.stdin.isTTY && { stdin: process.stdin }),
  signal: aborting.signal,
  debug: Boolean(process.env.FAST_IVF_DEBUG),
})
process.exitCode = aborting.signal.aborted ? exitCodes[aborting.signal.reason as keyof typeof exitCodes] : code

function quietly(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit()
  throw error
}
