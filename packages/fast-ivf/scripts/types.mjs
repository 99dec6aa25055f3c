/**
 * Leaves out of the package the types that none of its entries reaches: writes types/.npmignore. The compiler keeps its
 * output whole, since it does not write again what has not changed.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

/** @param {string} root the package's folder */
export function ignoreUnreachableTypes(root) {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const waiting = Object.values(exports).flatMap(({ types }) => (types ? [join(root, types)] : []))
  const reached = new Set(waiting)
  for (const path of reached) {
    const text = readFileSync(path, 'utf8')
    for (const [, name] of text.matchAll(/(?:from\s*|import\(\s*|import\s+)['"](\.[^'"]+)\.js['"]/g)) {
      reached.add(join(dirname(path), `${name}.d.ts`))
    }
  }
  const types = join(root, 'types')
  const all = readdirSync(types, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.d.ts'))
  const ignored = all.filter((name) => !reached.has(join(types, name)))
  const lines = ignored.map((name) => `/${relative(types, join(types, name)).replaceAll('\\', '/')}`)
  writeFileSync(join(types, '.npmignore'), `${lines.sort().join('\n')}\n`)
}
