import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type Id, openIndex } from '../../src/index.js'
import { fixture } from '../formats/files.js'

interface Expected {
  told: Record<string, string | number>
  queries: number[]
  answers: {
    options: { k: number; nprobe?: number; rescoreFactor?: number; recall?: number }
    ids: Id[][]
    scores: number[][]
  }[]
}

const folder = fixture('index-v1')
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.safetensors'))
  .map((name) => name.slice(0, -'.safetensors'.length))

test('files of every kind are here', () => {
  expect(names.length).toBeGreaterThanOrEqual(20)
})

test.each(names.flatMap((name) => (['all', 'centroids'] as const).map((resident) => ({ name, resident }))))(
  'a file of the first version opens and answers as it did: $name, resident $resident',
  async ({ name, resident }) => {
    const { told, queries, answers }: Expected = JSON.parse(readFileSync(`${folder}/${name}.json`, 'utf8'))
    const index = await openIndex<Id>(`${folder}/${name}.safetensors`, { threads: 0, resident })
    const { class: face, ...members } = told
    expect(index.constructor.name).toBe(face)
    expect(index).toMatchObject(members)
    for (const { options, ids, scores } of answers) {
      // There all queries visit equally many cells.
      if (options.recall !== undefined && resident === 'centroids') continue
      const found = await index.search(Float32Array.from(queries), options)
      for (const [q, list] of ids.entries()) {
        const own = found.of(q)
        expect(own.map(({ id }) => (typeof id === 'bigint' ? `${id}n` : id))).toEqual(list)
        const wanted = new Float32Array(Uint32Array.from(scores[q] as number[]).buffer)
        for (const [i, { score }] of own.entries()) {
          const slack = 1e-6 * (1 + Math.abs(wanted[i] as number))
          expect(Math.abs(score - (wanted[i] as number))).toBeLessThanOrEqual(slack)
        }
      }
    }
    if (resident === 'all') {
      expect(Buffer.compare(await index.toBytes(), readFileSync(`${folder}/${name}.safetensors`))).toBe(0)
    }
    await index.close()
  },
)
