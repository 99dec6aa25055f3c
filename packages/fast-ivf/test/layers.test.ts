import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { expect, test } from 'vitest'

/** The files beside the folders ('.') are entries, above them all, except those that everybody may import. */
const LAYERS: Record<string, number> = {
  ...{ engine: 0, platform: 0, clustering: 1, algebra: 2, projections: 3, quantizers: 3, ivf: 4 },
  ...{ storage: 5, threads: 5, filter: 5, recall: 5, formats: 6, faiss: 6, saved: 6, '.': 7, collection: 8 },
}
const FOR_ALL = ['errors.ts', 'options.ts', 'result.ts', 'generated/kernels.ts']

const src = new URL('../src/', import.meta.url)
const imports = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => path.endsWith('.ts') && !/^(kernels|generated)\/|\.kernel\.ts$/.test(path)) // AssemblyScript
  .flatMap(importsOf)
const inside = imports.filter(({ to }) => to.startsWith('.'))
const between = inside.map(({ from, to, type }) => ({ from, to: fileOf(from, to), type }))

test('imports point to a lower layer or stay in the folder', () => {
  expect(between.length).toBeGreaterThan(100)
  const upwards = between.filter(({ from, to }) => {
    if (FOR_ALL.includes(to) || (folderOf(from) === folderOf(to) && !FOR_ALL.includes(from))) return false
    return FOR_ALL.includes(from) || !(layerOf(to) < layerOf(from))
  })
  expect(upwards).toEqual([])
})

test('only threads and the entries import platform', () => {
  const users = between.filter(({ to }) => folderOf(to) === 'platform').map(({ from }) => folderOf(from))
  expect(users.filter((folder) => folder !== 'threads' && folder !== '.')).toEqual([])
})

test('no file imports itself, however far round', () => {
  const next = (file: string): string[] => between.filter((i) => i.from === file && !i.type).map(({ to }) => to)
  const clear = new Set<string>()
  const walk = (file: string, way: string[]): void => {
    if (way.includes(file)) throw new Error([...way, file].join(' → '))
    if (!clear.has(file)) for (const to of next(file)) walk(to, [...way, file])
    clear.add(file)
  }
  for (const { from } of between) walk(from, [])
})

/** Entries that load packages of their user's, when they are called. */
const PEERS: Record<string, string[]> = {
  'hdf5.ts': ['#h5wasm-for-paths', 'h5wasm'],
  'parquet.ts': ['hyparquet', 'hyparquet-writer', 'hyparquet/src/column.js'],
}

test('the library imports nothing but itself, and two entries their peers, when they are called', () => {
  const outside = imports.filter(({ to }) => !to.startsWith('.'))
  expect(outside.filter(({ call }) => !call)).toEqual([])
  const found = outside.map(({ from, to }) => `${from} ${to}`).sort()
  expect(found).toEqual(Object.entries(PEERS).flatMap(([from, names]) => names.map((to) => `${from} ${to}`)))
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  expect(manifest).not.toHaveProperty('dependencies')
  const peers = Object.keys(manifest.peerDependencies)
  expect(peers).toEqual(['h5wasm', 'hyparquet', 'hyparquet-writer'])
  for (const peer of peers) expect(manifest.peerDependenciesMeta[peer]).toEqual({ optional: true })
})

interface Import {
  from: string
  to: string
  /** gone at run time */
  type: boolean
  /** done when the code is run */
  call: boolean
}

/** A type written as `typeof import('…')` is not an import. */
function importsOf(from: string): Import[] {
  const text = readFileSync(new URL(from, src), 'utf8')
  const statements = text.matchAll(/^(?:import|export)( type)? (?:[\w*{][^'"}]*\}? from )?'([^']+)'/gm)
  const calls = text.matchAll(/(?<!typeof )\b()import\('([^']+)'\)/g)
  const all = (found: Iterable<RegExpExecArray>, call: boolean): Import[] =>
    [...found].map(([, type, to = '']) => ({ from, to, type: type === ' type', call }))
  return [...all(statements, false), ...all(calls, true)]
}

function fileOf(from: string, to: string): string {
  return posix.join(posix.dirname(from), to).replace(/\.js$/, '.ts')
}

function folderOf(file: string): string {
  return file.includes('/') ? file.slice(0, file.indexOf('/')) : '.'
}

/** NaN for a folder without a layer: it may import nothing and be imported by nobody. */
function layerOf(file: string): number {
  return LAYERS[folderOf(file)] ?? Number.NaN
}
