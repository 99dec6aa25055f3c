/** Copies the named files of the root into the package that npm is packing (its folder is the working one). */
import { copyFileSync } from 'node:fs'

for (const name of process.argv.slice(2)) copyFileSync(new URL(`../${name}`, import.meta.url), name)
