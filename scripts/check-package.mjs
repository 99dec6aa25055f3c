/**
 * Checks what would be published: the packed packages by publint and attw, the library's size against its limits.
 * Needs a build.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { rolldown } from 'rolldown'

const INSTALLED_LIMIT = 1_000_000
// 60,000 until indexes had ids, changed and were kept, 64,000 until recall could be asked for and vectors be in two
// cells; files, filters, learning, what calibrates, tunes, explains are loaded when asked for
const BROWSER_LIMIT = 68_500
const ON_WINDOWS = process.platform === 'win32' // there npm is a script
const PACKAGES = ['--workspace=packages/fast-ivf', '--workspace=packages/cli']

const folder = mkdtempSync(join(tmpdir(), 'packed-'))
try {
  const packed = JSON.parse(npm('pack', '--json', '--silent', ...PACKAGES, '--pack-destination', folder))
  for (const { name, filename, unpackedSize } of Object.values(packed)) {
    const tarball = join(folder, filename)
    run('publint', 'run', '--strict', tarball)
    run('attw', tarball, '--profile', 'esm-only')
    if (name === 'fast-ivf') atMost('installed size of fast-ivf', unpackedSize, INSTALLED_LIMIT)
  }
  atMost('what a browser loads of fast-ivf, gzip', gzipSync(await bundled(), { level: 9 }).length, BROWSER_LIMIT)
} finally {
  rmSync(folder, { recursive: true })
}

/** The library as an application's bundler would ship it, without what is loaded only when it is asked for. */
async function bundled() {
  const bundle = await rolldown({ input: 'packages/fast-ivf/dist/index.js', platform: 'browser' })
  const { output } = await bundle.generate({ minify: true })
  await bundle.close()
  const chunks = new Map(output.map((chunk) => [chunk.fileName, chunk]))
  const loaded = new Set(output.filter((chunk) => chunk.isEntry).map((chunk) => chunk.fileName))
  for (const name of loaded) for (const next of chunks.get(name)?.imports ?? []) if (chunks.has(next)) loaded.add(next)
  return [...loaded].map((name) => chunks.get(name).code).join('')
}

function atMost(what, bytes, limit) {
  console.log(`${what}: ${bytes} bytes of at most ${limit}`)
  if (bytes > limit) process.exitCode = 1
}

function npm(...args) {
  return execFileSync('npm', args, { encoding: 'utf8', shell: ON_WINDOWS })
}

function run(tool, ...args) {
  console.log(`${tool} ${args.join(' ')}`.replaceAll(folder, '…'))
  const { status } = spawnSync('npx', ['--no', '--', tool, ...args], { stdio: 'inherit', shell: ON_WINDOWS })
  if (status !== 0) process.exitCode = 1
}
