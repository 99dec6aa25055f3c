import { spreadOf } from '../measure/spread.mjs'

/** The default first; what the library calls them. */
export const compressors = /** @type {const} */ (['similarity', 'supervised', 'pca', 'random'])

/** The sets on which they are compared, and those on which searches are timed. */
export const compressedSets = ['bge-base-768', 'imdb-lsa-128', 'mnist-784-60k']
export const searchedSets = ['bge-base-768', 'mnist-784-60k']

/** The share of the components that most figures are about. */
export const half = 0.5

/**
 * What one seed gave. Without a compressor: FastIVF.
 *
 * @typedef {{ set: string, seed: number, compressor?: string, share: number, width: number, dim: number, nlist: number,
 *   nprobe: number, build: number, learning?: number, bytesPerVector: number, all: number, probed?: number,
 *   rescored?: number }} Quality
 */

/**
 * One figure of all seeds.
 *
 * @param {Quality[]} quality
 * @param {{ set: string, compressor?: string | undefined, share?: number }} of
 * @param {'all' | 'probed' | 'rescored' | 'learning' | 'bytesPerVector'} figure
 */
export function figureOf(quality, { set, compressor, share = compressor ? half : 1 }, figure) {
  const here = quality.filter((row) => row.set === set && row.compressor === compressor && row.share === share)
  return spreadOf(here.map((row) => row[figure]))
}
