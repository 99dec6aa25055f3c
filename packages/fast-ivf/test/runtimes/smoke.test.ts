import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const script = fileURLToPath(new URL('./smoke.mjs', import.meta.url))
const runtimes = [
  { name: 'node', args: [script] },
  { name: 'deno', args: ['run', '--allow-all', script] },
  { name: 'bun', args: [script] },
]

for (const { name, args } of runtimes) {
  const path = (process.env.PATH ?? '').split(delimiter).find((folder) => existsSync(join(folder, name)))
  test.skipIf(!path)(
    `the built library works on threads in ${name}, which then ends by itself${path ? '' : ` (not run: no ${name} on the PATH)`}`,
    () => {
      const { status, stdout, stderr } = spawnSync(name, args, { encoding: 'utf8', timeout: 60_000 })
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
      const report = JSON.parse(stdout)
      expect(report).toMatchObject({ memory: 'shared', recall: 1 })
      expect(report.threads).toBeGreaterThan(0)
    },
  )
}
