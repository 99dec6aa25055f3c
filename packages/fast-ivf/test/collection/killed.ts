/** What the process that is killed is given, as one module. */

export { seeded } from '../../src/clustering/random.js'
export { Collection } from '../../src/collection/collection.js'

export const DIM = 8

/** The vector of a version: no two are alike. */
export function vectorOf(version: number): Float32Array {
  return Float32Array.from({ length: DIM }, (_, i) => Math.fround(Math.sin(version * 12.9898 + i * 78.233) * 10))
}
