import { CommanderError } from 'commander'

/** Arguments that do not go together; the parser reports the others. */
export class UsageError extends Error {}

/** Whether the command line was wrong, rather than what it led to. */
export function isUsageError(error: unknown): boolean {
  return error instanceof UsageError || error instanceof CommanderError
}

/**
 * Does `work`, whose errors may name an option of the library as a remedy, `{ format: 'fbin' }`: they come to name the
 * command's own, as `flags` tells. Where an argument lacks it, the command line was wrong.
 */
export async function withFlags<T>(flags: Readonly<Record<string, string>>, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const message = (error as Error).message.replace(
      /\{ (\w+)(?:: '(\w+)')? \}/g,
      (all, name: string, value?: string) => {
        const flag = flags[name]
        return flag === undefined ? all : `${flag} ${value ?? `<${name}>`}`
      },
    )
    if (message === (error as Error).message) throw error
    const { code } = error as { code?: string }
    if (code === 'ERR_ARGUMENT') throw new UsageError(message, { cause: error })
    throw Object.assign(new Error(message, { cause: error }), { code })
  }
}

/** The message of an error on one line. */
export function oneLine(error: unknown): string {
  const message = error instanceof Error ? error.message || error.name : String(error)
  return message
    .replace(/^error: /, '')
    .replace(/\s*\n\s*/g, ' ')
    .replace(/\.$/, '')
    .trim()
}
