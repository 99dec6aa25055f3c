import { readFileSync } from 'node:fs'
import { Command, CommanderError, type OutputConfiguration } from 'commander'
import { addConvert } from './commands/convert.js'
import { addDoctor } from './commands/doctor.js'
import { addEvaluate } from './commands/evaluate.js'
import { addInfo } from './commands/info.js'
import type { Run } from './context.js'
import { isUsageError, oneLine } from './errors.js'
import { progressBar } from './progress.js'

/** Where a run of the command reads and writes; tests give their own. */
export interface Surroundings {
  stdout: NodeJS.WritableStream
  stderr: NodeJS.WritableStream
  /** Aborting it stops the command. */
  signal?: AbortSignal
  /** Shows the stack of an error. */
  debug?: boolean
}

/**
 * Runs the command line `args`. Data go to stdout, progress and errors to stderr; it never throws.
 * @returns the exit code: 0, 1 when the operation failed, 2 for a usage error, 130 when aborted
 */
export async function main(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const { stdout, stderr, signal = new AbortController().signal, debug = false } = surroundings
  const progress = progressBar(stderr)
  let printed = false
  const print = (text: string): void => {
    progress.stop()
    stdout.write(text)
    printed = true
  }
  const note = (text: string): void => {
    progress.stop()
    stderr.write(`fast-ivf: ${text}\n`)
  }
  const run: Run = async (work, show) => {
    const report = await work({ signal, progress, note })
    signal.throwIfAborted()
    print(`${program.opts().json ? JSON.stringify(report, undefined, 2) : show(report)}\n`)
    return report
  }
  const program = createProgram(run, {
    writeOut: print,
    writeErr: (text) => stderr.write(text),
    outputError: () => {}, // thrown as well, and reported below
  })
  try {
    if (args.length === 0) program.help({ error: true })
    await program.parseAsync([...args], { from: 'user' })
    return 0
  } catch (error) {
    progress.stop()
    if (error instanceof CommanderError && error.exitCode === 0) return 0
    if (signal.aborted) {
      stderr.write('fast-ivf: interrupted\n')
      return 130
    }
    if (error instanceof CommanderError && error.code === 'commander.help') return 2 // the help says it
    const usage = isUsageError(error)
    const message = usage ? `${oneLine(error)}; see fast-ivf ${helpFor(program, args)}--help` : oneLine(error)
    stderr.write(`fast-ivf: ${message}\n`)
    if (debug && error instanceof Error) stderr.write(`${error.stack}\n`)
    const code = usage ? 'ERR_USAGE' : ((error as { code?: string }).code ?? 'ERR_UNKNOWN')
    if (!printed && args.includes('--json')) print(`${JSON.stringify({ error: { code, message } }, undefined, 2)}\n`)
    return usage ? 2 : 1
  }
}

/** The version of this package. */
export const version: string = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version

function createProgram(run: Run, output: OutputConfiguration): Command {
  const program = new Command('fast-ivf')
    .description('Measures a vector index on your data; converts and inspects files of vectors.')
    .version(version)
    .option('--json', 'print one JSON document')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput(output)
    .exitOverride()
  for (const add of [addEvaluate, addConvert, addInfo, addDoctor]) add(program, run)
  return program
}

/** The command whose help tells more, with a space behind it. */
function helpFor(program: Command, args: readonly string[]): string {
  const command = program.commands.find((each) => args.includes(each.name()))
  return command ? `${command.name()} ` : ''
}
