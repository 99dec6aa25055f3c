import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { clumps, folder, start, write } from './harness.js'

const at = folder()

/** Starts the command and waits for its end. */
async function spawned(
  args: readonly string[],
  env?: Record<string, string>,
): Promise<[number | null, string, string]> {
  const child = start(args, env)
  let [out, err] = ['', '']
  child.stdout?.on('data', (chunk) => (out += chunk))
  child.stderr?.on('data', (chunk) => (err += chunk))
  const [code] = await once(child, 'close')
  return [code, out, err]
}

test('the process exits by itself, with data on stdout and exit codes 0, 1 and 2', async () => {
  const path = await write(at('a.fbin'), clumps(10, 4, 1), 4)
  const [code, out, err] = await spawned(['info', path, '--json'])
  expect([code, JSON.parse(out).count, err]).toEqual([0, 10, ''])
  expect(await spawned(['info', at('b.fbin')])).toMatchObject([1, '', /^fast-ivf: .* is not there/])
  expect((await spawned(['inf']))[0]).toBe(2)
})

test('it ends after work on threads too', async () => {
  const base = await write(at('threads.fbin'), clumps(3000, 8, 1), 8)
  const args = ['--base', base, '--queries', base, '--nlist', '8', '--threads', '2', '--single', '5', '--nprobe', '1']
  const [code, out, err] = await spawned(['evaluate', ...args])
  expect(err).toMatch(/^fast-ivf: no --truth was given: .*\n$/)
  expect(code).toBe(0)
  expect(out).toContain('threads 2')
})

test('the stack of an error is shown for FAST_IVF_DEBUG only', async () => {
  const [, , quiet] = await spawned(['info', 'nothing.npy'], { FAST_IVF_DEBUG: '' })
  const [, , loud] = await spawned(['info', 'nothing.npy'], { FAST_IVF_DEBUG: '1' })
  expect(quiet.split('\n').length).toBe(2)
  expect(loud.startsWith(quiet)).toBe(true)
  expect(loud).toMatch(/\n {4}at /)
})

test('a reader that leaves early is no failure', async () => {
  const child = start(['--help'])
  child.stdout?.destroy()
  let err = ''
  child.stderr?.on('data', (chunk) => (err += chunk))
  expect((await once(child, 'close'))[0]).toBe(0)
  expect(err).toBe('')
})

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s ends it with exit code %i', async (signal, expected) => {
  const path = await write(at('served.fbin'), clumps(100, 4, 1), 4)
  // The command is stopped at a known point: while it waits for this answer.
  const server = createServer((_, response) => {
    child.kill(signal)
    response.end(readFileSync(path))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/served.fbin`
  const child = start(['convert', url, at('out.npy')])
  let err = ''
  child.stderr?.on('data', (chunk) => (err += chunk))
  const [code] = await once(child, 'close')
  server.close()
  expect([code, err]).toEqual([expected, 'fast-ivf: interrupted\n'])
})
