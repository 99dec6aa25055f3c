import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Context } from '../context.js'
import type { Reply, Task } from './child.js'

// from src, as tests run, and from dist: what was built
const CHILD = fileURLToPath(new URL('../../dist/report/child.js', import.meta.url))

/**
 * What a process of its own answers to a task.
 *
 * @throws Error with the code that the child was given, ERR_CHILD when it ended without a word; the signal's reason
 */
export function askChild<Answer>(task: Task, name: string, { signal, progress }: Context): Promise<Answer> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    // flags of this process are not for it: a debugger's port can be had once
    const child = fork(CHILD, { serialization: 'advanced', execArgv: [], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    const stop = (): void => void child.kill()
    const end = (settle: () => void): void => {
      signal.removeEventListener('abort', stop)
      settle()
    }
    let told = ''
    let reply: Exclude<Reply, { step: unknown }> | undefined
    signal.addEventListener('abort', stop)
    child.stderr?.on('data', (chunk: Buffer) => {
      told = `${told}${chunk}`.slice(-2000)
    })
    child.on('message', (message: Reply) => {
      if ('step' in message) progress.update({ ...message.step, phase: `${name}: ${message.step.phase}` })
      else reply = message
    })
    child.on('error', (error) => end(() => reject(error)))
    child.on('close', (code, by) =>
      end(() => {
        if (signal.aborted) return reject(signal.reason)
        if (reply && 'answer' in reply) return resolve(reply.answer as Answer)
        const { message, code: word = 'ERR_CHILD' } = reply?.error ?? { message: ended(code, by, told) }
        reject(Object.assign(new Error(`${name}: ${message}`), { code: word }))
      }),
    )
    child.send(task)
  })
}

function ended(code: number | null, by: string | null, told: string): string {
  const last = told.trim().split('\n').at(-1)
  const how = by ? `it was ended by ${by}, maybe for want of memory; give --limit` : `its process ended with ${code}`
  return last ? `${how}: ${last}` : how
}
