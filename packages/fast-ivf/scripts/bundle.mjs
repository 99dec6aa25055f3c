/**
 * Bundles what tsc has built into one file per entry: a program that imports forty small files starts more slowly
 * than one that imports a single one.
 */
import { rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const entry = (name) => join(root, 'build', `${name}.js`)

const bundle = await rolldown({
  input: { index: entry('index'), formats: entry('formats/index'), internal: entry('internal') },
  platform: 'neutral',
})
rmSync(join(root, 'dist'), { recursive: true, force: true })
await bundle.write({ dir: join(root, 'dist'), format: 'esm', chunkFileNames: '[name].js' })
await bundle.close()
