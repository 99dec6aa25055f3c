import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'

/**
 * Installs the npm peers with the npm at hand but under the benchmark's Node: under an older one npm leaves out, without
 * a word, every optional package whose `engines` asks for more.
 *
 * @param {string} folder bench/peers
 * @param {{ path: string }} node
 * @returns {string} why packages may be missing; empty when the install went well
 */
export function installPeers(folder, node) {
  const lock = join(folder, 'package-lock.json')
  const done = join(folder, 'node_modules', '.package-lock.json')
  if (existsSync(done) && statSync(done).mtimeMs >= statSync(lock).mtimeMs) return ''
  const env = {
    ...process.env,
    PATH: `${dirname(node.path)}${delimiter}${process.env.PATH}`,
    // hnswlib-node compiles C++; the headers come with the npm package of Node, so no download is needed.
    npm_config_nodedir: join(dirname(node.path), '..'),
  }
  const npm = process.env.npm_execpath?.endsWith('.js') ? [node.path, process.env.npm_execpath] : ['npm']
  // `npm ci` refuses this lock file: some of lancedb's builds for other platforms are not on every registry.
  const args = [...npm.slice(1), 'install', '--no-save', '--foreground-scripts']
  const run = spawnSync(npm[0] ?? 'npm', args, {
    cwd: folder,
    env,
    encoding: 'utf8',
    timeout: 400_000,
    shell: process.platform === 'win32' && npm.length === 1,
  })
  const log = `${run.stdout ?? ''}\n${run.stderr ?? ''}`
  writeFileSync(join(folder, 'install.log'), log)
  if (run.error) return run.error.message
  const line = log.split('\n').find((text) => /gyp ERR! (find|stack|build)|npm error|EBADENGINE|ENOTFOUND/.test(text))
  return line?.trim().slice(0, 160) ?? ''
}

/** @param {string} folder @param {string} name */
export function installedVersion(folder, name) {
  const file = join(folder, 'node_modules', name, 'package.json')
  return existsSync(file) ? String(JSON.parse(readFileSync(file, 'utf8')).version) : undefined
}
