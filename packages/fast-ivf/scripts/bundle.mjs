/**
 * Bundles what tsc has built into one file per entry, and one for each thing that is loaded when it is asked for: a
 * program that imports forty small files starts more slowly than one that imports a single one.
 */
import { rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const entry = (name) => join(root, 'build', `${name}.js`)

/** What only learning needs. */
const learning =
  /build\/(algebra\/(?!transposed)|projections\/(learned\/(?!learned|schedule)|pca\/train)|quantizers\/product\/opq)/
/** What only widened kernels need. */
const check = /build\/self-check/
/** What only files of projections need. */
const files = /build\/(projection-file|storage\/(safetensors|json-cursor|tensor-dtypes))/

const bundle = await rolldown({
  input: { index: entry('index'), formats: entry('formats/index'), internal: entry('internal') },
  platform: 'neutral',
  preserveEntrySignatures: 'allow-extension',
})
rmSync(join(root, 'dist'), { recursive: true, force: true })
await bundle.write({
  dir: join(root, 'dist'),
  format: 'esm',
  chunkFileNames: '[name].js',
  codeSplitting: {
    includeDependenciesRecursively: false,
    groups: [
      { name: 'learning', test: learning, priority: 3 },
      { name: 'projection-file', test: files, priority: 2 },
      { name: 'self-check', test: check, priority: 2 },
      { name: 'storage', test: /build\/storage\//, priority: 1 },
      { name: 'library', test: /build\/(?!index|internal|formats)/ },
    ],
  },
})
await bundle.close()
