/** What an example is told on its command line. */

import { parseArgs } from 'node:util'

/** Arguments as they are used; what was not given is undefined. */
export type Arguments<Size extends string> = { [size in Size]: number | undefined } & {
  /** The page to write. */
  out: string | undefined
  /** Do not look for Python. */
  alone: boolean
  /** Everything that is no option. */
  files: string[]
}

/** Reads `--<size> <number>`, `--out <path>` and `--alone`; what cannot be read ends the process, with the reason. */
export function readArguments<Size extends string>(sizes: readonly Size[]): Arguments<Size> {
  const numbers = Object.fromEntries(sizes.map((size) => [size, { type: 'string' as const }]))
  try {
    const { values, positionals: files } = parseArgs({
      options: { ...numbers, out: { type: 'string' }, alone: { type: 'boolean' } },
      allowPositionals: true,
    })
    const { out, alone = false, ...given } = values as { out?: string; alone?: boolean; [size: string]: unknown }
    const read = Object.fromEntries(sizes.map((size) => [size, sizeOf(size, given[size])]))
    return { ...(read as { [size in Size]: number | undefined }), out, alone, files }
  } catch (error) {
    return refuse(error)
  }
}

/** Ends the process: what was asked for cannot be done, for this reason. */
export function refuse(error: unknown): never {
  console.error(error instanceof Error ? error.message : error)
  process.exit(2)
}

function sizeOf(name: string, given: unknown): number | undefined {
  if (given === undefined) return undefined
  const value = Number(given)
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new RangeError(`--${name} is ${given}; it must be a whole number above 0`)
}
