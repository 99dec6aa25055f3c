import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { task } from '../process/task.mjs'

/** Bytes of the package as published, and of what a browser loads: the bundle, minified and compressed. */
await task(async ({ root }) => {
  const folder = join(root, 'packages', 'fast-ivf')
  const { files, exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const installed = ['package.json', ...files].reduce((sum, name) => sum + bytes(join(folder, name)), 0)
  const entry = join(folder, exports['.'].browser ?? exports['.'].default)
  const out = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    write: false,
    outdir: dirname(entry),
    external: ['node:*'],
    logLevel: 'silent',
  })
  const gzip = out.outputFiles.reduce((sum, file) => sum + gzipSync(file.contents, { level: 9 }).length, 0)
  return { installed, gzip, minified: out.outputFiles.reduce((sum, file) => sum + file.contents.length, 0) }
})

/** @param {string} path @returns {number} */
function bytes(path) {
  const entry = statSync(path, { throwIfNoEntry: false })
  if (!entry) return 0
  if (!entry.isDirectory()) return entry.size
  return readdirSync(path).reduce((sum, name) => sum + bytes(join(path, name)), 0)
}
