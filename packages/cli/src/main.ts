import { readFileSync } from 'node:fs'
import { Command, CommanderError, type OutputConfiguration } from 'commander'
import { addAdd } from './commands/add.js'
import { addBuild } from './commands/build.js'
import { addCompact } from './commands/compact.js'
import { addConvert } from './commands/convert.js'
import { addDoctor } from './commands/doctor.js'
import { addEvaluate } from './commands/evaluate.js'
import { addExport } from './commands/export.js'
import { addImport } from './commands/import.js'
import { addInfo } from './commands/info.js'
import { addRemove } from './commands/remove.js'
import { addReport } from './commands/report.js'
import { addSearch } from './commands/search.js'
import { addVerify } from './commands/verify.js'
import type { Run } from './context.js'
import { isUsageError, oneLine } from './errors.js'
import { progressBar } from './progress.js'

/** Where a run of the command reads and writes; tests give their own. */
export interface Surroundings {
  stdout: NodeJS.WritableStream
  stderr: NodeJS.WritableStream
  /** What is piped in; absent where it is a terminal. */
  stdin?: AsyncIterable<Uint8Array | string>
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
  const { stdout, stderr, stdin, signal = new AbortController().signal, debug = false } = surroundings
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
  const run: Run = async (work, show, { summary = false } = {}) => {
    const json = program.opts().json === true
    const report = await work({ signal, progress, note, write: print, json, stdin })
    signal.throwIfAborted()
    if (!summary) print(`${json ? JSON.stringify(report, undefined, 2) : show(report)}\n`)
    else if (json) print(`${JSON.stringify({ summary: report })}\n`)
    else note(show(report))
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

const EXAMPLES = `
Examples:
  fast-ivf build base.fbin -o base.ivf --spec IVF1024,SQ4 --ids names.txt
  fast-ivf search base.ivf queries.fbin -k 10 --nprobe 16
  fast-ivf info base.ivf
  fast-ivf add base.ivf more.fbin --ids more.txt --upsert
  fast-ivf remove base.ivf --ids-file gone.txt
  fast-ivf compact base.ivf
  fast-ivf verify base.ivf
  fast-ivf import base.faiss -o base.ivf
  fast-ivf export base.ivf -o base.parquet
  fast-ivf evaluate --base base.fbin --queries queries.fbin --spec IVF1024,SQ4
  fast-ivf report base.fbin queries.fbin --out report.html
  fast-ivf convert base.fvecs base.npy
  fast-ivf doctor`

const COMMANDS = [
  ...[addBuild, addSearch, addInfo, addAdd, addRemove, addCompact, addVerify, addImport, addExport],
  ...[addEvaluate, addReport, addConvert, addDoctor],
]

/** The version of this package. */
export const version: string = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version

function createProgram(run: Run, output: OutputConfiguration): Command {
  const program = new Command('fast-ivf')
    .description('Builds, searches and measures vector indexes; converts and inspects files of vectors.')
    .version(version)
    .option('--json', 'print one JSON document')
    .addHelpText('after', EXAMPLES)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput(output)
    .exitOverride()
  for (const add of COMMANDS) add(program, run)
  return program
}

/** The command whose help tells more, with a space behind it. */
function helpFor(program: Command, args: readonly string[]): string {
  const command = program.commands.find((each) => args.includes(each.name()))
  return command ? `${command.name()} ` : ''
}
