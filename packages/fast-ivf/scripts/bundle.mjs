/**
 * Bundles what tsc has built into one file per entry, and one for each thing that is loaded when it is asked for: a
 * program that imports forty small files starts more slowly than one that imports a single one.
 */
import { rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'
import { ignoreUnreachableTypes } from './types.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const entry = (name) => join(root, 'build', `${name}.js`)

/** What only training needs: a program that opens an index does not. */
const training =
  /build\/(ivf\/(train|hierarchy|neighbours)|clustering\/(lloyd|minibatch|centers|each-chunk)|quantizers\/product\/(learn|codebooks|sample|turn))/
/** What only learning needs. */
const learning =
  /build\/(algebra\/(?!transposed)|projections\/(learned\/(?!learned|schedule)|pca\/train)|quantizers\/product\/opq)/
/** What only widened kernels need. */
const check = /build\/self-check/
/** What only files need: of projections, and of indexes. */
const safetensors = /build\/storage\/(safetensors|json-cursor|tensor-dtypes)/
const saved = /build\/saved\//
/** What only changes to cells need. */
const optimize = /build\/ivf\/(optimize|divide|move|coded-rows)/
/** What only many cells, or cells of codes, need. */
const coarse = /build\/ivf\/(coarse|two-level)/
/** What only filters need. */
const filter = /build\/ivf\/(allowed|matches)/

/** What only those who ask for a recall need, and those who measure it. */
const recall = /build\/(recall\/|ivf\/truth|(calibrate|evaluate|explain)-index|tune(-|$|\.))/

const bundle = await rolldown({
  input: {
    index: entry('index'),
    formats: entry('formats/index'),
    hdf5: entry('hdf5'),
    parquet: entry('parquet'),
    faiss: entry('faiss'),
    collection: entry('collection/index'),
    internal: entry('internal'),
  },
  external: /^(#?h5wasm|hyparquet)/,
  platform: 'neutral',
  preserveEntrySignatures: 'allow-extension',
})
rmSync(join(root, 'dist'), { recursive: true, force: true })
await bundle.write({
  dir: join(root, 'dist'),
  format: 'esm',
  chunkFileNames: '[name].js',
  // What is exported is told in the types.
  comments: { annotation: true, jsdoc: false, legal: true },
  // Names stay, so that a stack can be read.
  minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
  codeSplitting: {
    includeDependenciesRecursively: false,
    groups: [
      { name: 'learning', test: learning, priority: 3 },
      { name: 'training', test: training, priority: 2 },
      { name: 'safetensors', test: safetensors, priority: 2 },
      { name: 'projection-file', test: /build\/projection-file/, priority: 2 },
      { name: 'saved', test: saved, priority: 2 },
      { name: 'optimize', test: optimize, priority: 2 },
      { name: 'living', test: /build\/ivf\/(join|entries)/, priority: 2 },
      { name: 'confidence', test: /build\/ivf\/confidence/, priority: 2 },
      { name: 'recall', test: recall, priority: 2 },
      { name: 'exact-search', test: /build\/(exact-search|ivf\/all-pairs)/, priority: 2 },
      { name: 'coarse', test: coarse, priority: 2 },
      { name: 'filter', test: filter, priority: 2 },
      { name: 'self-check', test: check, priority: 2 },
      { name: 'storage', test: /build\/storage\//, priority: 1 },
      { name: 'vector-files', test: /build\/formats\/(dtypes|rows|vector-file)/, priority: 1 },
      { name: 'collection', test: /build\/(collection|filter)\//, priority: 1 },
      { name: 'library', test: /build\/(?!index|internal|formats|hdf5|parquet|faiss)/ },
    ],
  },
})
await bundle.close()

ignoreUnreachableTypes(root)
