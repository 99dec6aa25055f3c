import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const bench = join(dirname(fileURLToPath(import.meta.url)), '..')

/**
 * The Node to measure on: 24 or newer, because older ones lack the V8 option behind `revectorize`. The npm package
 * `node` only runs an install script that fetches one of the packages below, and npm may block such scripts; these
 * carry the binary itself.
 *
 * @returns {{ path: string, version: string, from: string, reason?: string }}
 */
export function benchNode() {
  const named = process.env.BENCH_NODE
  if (named) return { path: named, version: versionOf(named) ?? 'unknown', from: 'BENCH_NODE' }
  const bundled = packagedNode()
  if (bundled) return bundled
  const installed = installedNode()
  if (major(installed.version) >= 24) return installed
  const reason = `no Node 24 for ${process.platform}-${process.arch} from npm; measured on the installed Node`
  return { ...installed, reason }
}

export function installedNode() {
  return { path: process.execPath, version: process.version, from: 'installed' }
}

function packagedNode() {
  const platform = process.platform === 'win32' ? 'win' : process.platform
  for (const name of [`node-${platform}-${process.arch}`, `node-bin-${platform}-${process.arch}`, 'node']) {
    for (const binary of ['bin/node', 'bin/node.exe']) {
      const path = join(bench, 'node_modules', name, binary)
      const version = existsSync(path) && versionOf(path)
      if (version) return { path, version, from: `npm package ${name}` }
    }
  }
  return undefined
}

/** @param {string} path */
function versionOf(path) {
  try {
    return execFileSync(path, ['--version'], { encoding: 'utf8' }).trim()
  } catch {
    return undefined
  }
}

/** @param {string} version */
export function major(version) {
  return Number(/^v(\d+)/.exec(version)?.[1] ?? 0)
}
