import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { task } from '../process/task.mjs'

/**
 * Bytes of the package as published, and of what a browser loads, minified and compressed: without what is loaded only
 * when it is asked for.
 */
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
    splitting: true,
    metafile: true,
    outdir: dirname(entry),
    external: ['node:*'],
    logLevel: 'silent',
  })
  const { outputs } = out.metafile
  const loaded = new Set(Object.keys(outputs).filter((path) => outputs[path]?.entryPoint?.endsWith('dist/index.js')))
  for (const path of loaded) {
    for (const { path: next, kind } of outputs[path]?.imports ?? []) {
      if (kind === 'import-statement' && outputs[next]) loaded.add(next)
    }
  }
  const sent = out.outputFiles.filter((file) =>
    [...loaded].some((path) => file.path.endsWith(path.split('/').at(-1) ?? path)),
  )
  const gzip = sent.reduce((sum, file) => sum + gzipSync(file.contents, { level: 9 }).length, 0)
  return { installed, gzip, minified: sent.reduce((sum, file) => sum + file.contents.length, 0) }
})

/** @param {string} path @returns {number} */
function bytes(path) {
  const entry = statSync(path, { throwIfNoEntry: false })
  if (!entry) return 0
  if (!entry.isDirectory()) return entry.size
  return readdirSync(path).reduce((sum, name) => sum + bytes(join(path, name)), 0)
}
