/**
 * Compiles the kernels and writes src/generated: the tiles, the records, the binaries as base64, the worker as text.
 * Does nothing when the sources have not changed since (a hash in the generated file tells).
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { difference } from './difference.mjs'
import { tileSource } from './tiles.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const src = join(root, 'src')
const target = join(src, 'generated', 'kernels.ts')

const sources = findKernels(src).map((path) => ({ path, text: readFileSync(path, 'utf8') }))
const worker = readFileSync(join(src, 'threads', 'worker.js'), 'utf8')
const tiles = tileSource()
const hash = createHash('sha256')
  .update(
    JSON.stringify([
      sources.map((s) => s.text),
      worker,
      tiles,
      readFileSync(fileURLToPath(import.meta.url), 'utf8'),
      String(difference),
    ]),
  )
  .digest('hex')

if (!readIfThere(target).startsWith(`// ${hash}\n`)) await generate()

async function generate() {
  mkdirSync(dirname(target), { recursive: true })
  writeFileSync(join(src, 'generated', 'tiles.ts'), tiles)
  const [baseline, relaxed] = await Promise.all([compile('simd,threads'), compile('simd,relaxed-simd,threads')])
  const records = sources.flatMap(({ text }) => readRecords(text))
  writeFileSync(
    target,
    `// ${hash}
// Written by scripts/generate.mjs; do not edit.
/** Hexadecimal: twice the bytes, but it compresses better than base64, whose letters are no whole bytes. */
export const baseline: string = '${baseline.toString('hex')}'
/** What of the baseline it repeats (from, length) and what it has of its own, in hexadecimal. */
export const relaxed: readonly (readonly [from: number, length: number, own: string])[] = ${JSON.stringify(difference(baseline, relaxed))}
export const worker: string = ${JSON.stringify(worker)}

/** The fields of each kernel record in order, 4 bytes each: f = f32, u = u32 or pointer. */
export const records = {
${records.map(({ name, fields }) => `  ${name}: { ${fields.map((f) => `${f.name}: '${f.type}'`).join(', ')} },`).join('\n')}
} as const
`,
  )
  console.error(`kernels: ${baseline.length} bytes baseline, ${relaxed.length} relaxed`)
}

/** One build: shared memory; the engine clears the shared bit where memory cannot be shared. */
async function compile(features) {
  const folder = mkdtempSync(join(tmpdir(), 'kernels-'))
  const out = join(folder, 'kernels.wasm')
  const asc = join(dirname(createRequire(import.meta.url).resolve('assemblyscript/package.json')), 'bin', 'asc.js')
  const flags =
    '--runtime stub --noAssert -O3 --converge --importMemory --sharedMemory --initialMemory 1 --maximumMemory 65536 --disableWarning'
  try {
    const entry = join(src, 'kernels', 'index.kernel.ts')
    await promisify(execFile)(process.execPath, [asc, entry, ...flags.split(' '), '--enable', features, '-o', out])
    return readFileSync(out)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function readRecords(text) {
  return [...text.matchAll(/@unmanaged\s+export class (\w+) \{([^}]*)\}/g)].map(([, name, body]) => ({
    name,
    fields: [...body.matchAll(/^ {2}(\w+): (usize|u32|f32)/gm)].map(([, field, type]) => ({
      name: field,
      type: type === 'f32' ? 'f' : 'u',
    })),
  }))
}

function findKernels(folder) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.kernel.ts') || name.endsWith('simd.ts'))
    .sort()
    .map((name) => join(folder, name))
}

function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
