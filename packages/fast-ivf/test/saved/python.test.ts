import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { type Id, IvfIndex } from '../../src/index.js'
import { COUNT, DIM, lived, NLIST, vectors } from './indexes.js'

const reader = fileURLToPath(new URL('../storage/read-safetensors.py', import.meta.url))
const folder = await mkdtemp(join(tmpdir(), 'fast-ivf-saved-'))
afterAll(() => rm(folder, { recursive: true }))
const there = spawnSync('python3', ['-c', 'import json'], { encoding: 'utf8' }).status === 0
const note = there ? '' : ' (not run: no python3 on the PATH)'

interface Read {
  metadata: Record<string, string>
  tensors: Record<string, [dtype: string, shape: number[], numbers: (number | string)[]]>
}

async function inPython(index: IvfIndex<Id>): Promise<Read> {
  const path = join(folder, 'index.safetensors')
  await index.save(path)
  const { stdout, stderr } = spawnSync('python3', [reader, 'stdlib', path], { encoding: 'utf8', timeout: 60_000 })
  expect(stderr).toBe('')
  return JSON.parse(stdout)
}

test.skipIf(!there)(`Python reads the vectors of Flat, and their rows${note}`, async () => {
  const index = await IvfIndex.build<Id>(vectors, { spec: 'Flat', metric: 'ip', dim: DIM, threads: 0 })
  const { metadata, tensors } = await inPython(index)
  expect(metadata).toMatchObject({
    kind: 'fast-ivf.index',
    version: '1',
    class: 'IvfIndex',
    spec: 'Flat',
    metric: 'ip',
  })
  expect(metadata).toMatchObject({ dim: `${DIM}`, vectors: `${COUNT}`, segments: '1', ids: 'rows' })
  expect(tensors['segment.0.codes']?.slice(0, 2)).toEqual(['F32', [COUNT, DIM]])
  expect(tensors['segment.0.codes']?.[2]).toEqual([...vectors])
  expect(tensors['segment.0.ids']).toEqual(['U32', [COUNT], Array.from({ length: COUNT }, (_, i) => i)])
  await index.close()
})

test.skipIf(!there)(`Python reads cells, masks, ids and what is kept beside codes${note}`, async () => {
  const index = await lived('bigint', { spec: `IVF${NLIST},SQ4`, metric: 'l2', keep: 'f32' })
  const { tensors } = await inPython(index)
  expect(tensors.centroids?.slice(0, 2)).toEqual(['F32', [NLIST, DIM]])
  expect(tensors.centroids?.[2]).toEqual([...index.centroids])
  let size = 0
  for (const s of [0, 1]) {
    const part = (name: string): (number | string)[] => tensors[`segment.${s}.${name}`]?.[2] ?? []
    const starts = part('starts') as number[]
    const count = starts[NLIST] as number
    const [ids, rows, mask] = [part('ids'), part('originals') as number[], part('mask') as number[]]
    expect(tensors[`segment.${s}.originals`]?.slice(0, 2)).toEqual(['F32', [count, DIM]])
    for (let slot = 0; slot < count; slot++) {
      const alive = (((mask[slot >> 3] as number) >> (slot & 7)) & 1) === 1
      const vector = await index.get(BigInt(ids[slot] as string))
      expect(vector && [...vector]).toEqual(alive ? rows.slice(slot * DIM, (slot + 1) * DIM) : undefined)
      size += alive ? 1 : 0
    }
  }
  expect(size).toBe(index.size)
  await index.close()
})
