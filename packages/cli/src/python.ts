/** What does a Python package answer, where there is one? */

import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** PASSIVE: otherwise faiss and its matrix library wait for each other in busy loops, and seem slower than they are. */
const env = { ...process.env, OMP_WAIT_POLICY: 'PASSIVE', PYTHONWARNINGS: 'ignore' }

/** A Python that has the package, or undefined: the first on the path, or the system's, to which its packages belong. */
export async function pythonWith(module: string): Promise<string | undefined> {
  for (const command of [process.env.PYTHON, 'python3', '/usr/bin/python3']) {
    if (!command) continue
    const found = await run(command, ['-c', `import numpy, ${module}`], { env }).catch(() => undefined)
    if (found) return command
  }
  return undefined
}

/** What a script is told, beside arrays. */
export interface PythonOptions extends Record<string, unknown> {
  /** Written as raw files into a folder of this call's, under these names. */
  arrays: Record<string, Float32Array | Int32Array>
}

/**
 * Runs a script over arrays, which it finds as raw files in `folder`. The answer is the JSON that it prints; `read` gives
 * the files that it wrote, until `use` is done.
 *
 * @throws Error when the script fails; the signal's reason
 */
export async function askPython<Answer, T>(
  command: string,
  script: URL,
  { arrays, ...options }: PythonOptions,
  use: (answer: Answer, read: (name: string) => Promise<ArrayBuffer>) => Promise<T>,
  { signal }: { signal?: AbortSignal } = {},
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'fast-ivf-python-'))
  try {
    for (const [name, array] of Object.entries(arrays)) await writeFile(join(folder, name), array)
    const args = [fileURLToPath(script), JSON.stringify({ ...options, folder })]
    const { stdout } = await run(command, args, { env, maxBuffer: 2 ** 26, ...(signal && { signal }) })
    return await use(JSON.parse(stdout), async (name) => Uint8Array.from(await readFile(join(folder, name))).buffer)
  } finally {
    await rm(folder, { recursive: true })
  }
}
