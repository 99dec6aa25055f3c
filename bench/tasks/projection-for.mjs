import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The projection of a set that a spec names; kept in a folder, so that the next process need not learn it again.
 *
 * @param {any} Projection the library's
 * @param {{ name: string, metric: string, base: { data: any, n: number, dim: number } }} set
 * @param {{ spec: string, folder: string, threads: number, revectorize: boolean }} options
 */
export async function projectionFor(Projection, { name, metric, base }, { spec, folder, threads, revectorize }) {
  const file = join(folder, `${name}-${spec}.safetensors`)
  if (existsSync(file)) return Projection.fromSafetensors(file, { threads, revectorize })
  const { data, n, dim } = base
  const projection = await Projection.train({ data, dims: [n, dim] }, { spec, metric, seed: 1, threads, revectorize })
  writeFileSync(file, await projection.toSafetensors())
  return projection
}
