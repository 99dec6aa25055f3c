import { execFile } from 'node:child_process'

/** A program that the library does not need, but its benchmark and browser test can use. */
export interface Tool {
  name: string
  found: boolean
  use: string
}

/** Looks for each of them; nothing found is no error. */
export async function findTools(signal: AbortSignal): Promise<Tool[]> {
  const [browser, modules] = await Promise.all([
    answer('chromium', ['--version'], signal),
    answer('python3', ['-c', 'import importlib.util as u; print(*filter(u.find_spec, ["numpy", "faiss"]))'], signal),
  ])
  signal.throwIfAborted()
  const has = (module: string): boolean => modules?.split(/\s+/).includes(module) ?? false
  return [
    { name: 'chromium', found: browser !== undefined, use: 'the browser test' },
    { name: 'numpy', found: has('numpy'), use: 'a comparison in the benchmark, through python3' },
    { name: 'faiss', found: has('faiss'), use: 'a comparison in the benchmark, through python3' },
  ]
}

/** What a program prints; undefined when it is not there or fails. */
function answer(program: string, args: readonly string[], signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(program, args, { timeout: 10_000, signal }, (error, stdout) => resolve(error ? undefined : stdout))
  })
}
