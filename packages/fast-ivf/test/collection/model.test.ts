import fc from 'fast-check'
import { test } from 'vitest'
import { expectHolds, folders, noteOf, open, type Versions, vectorOf } from './collections.js'

const folder = folders()

type Step =
  | { kind: 'upsert'; ids: number[] }
  | { kind: 'together'; ids: number[] }
  | { kind: 'remove'; ids: number[] }
  | { kind: 'checkpoint' | 'optimize' | 'reopen' | 'check' }

const ids = fc.uniqueArray(fc.nat(40), { maxLength: 25 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('upsert' as const), ids }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('together' as const), ids: fc.array(fc.nat(40)) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('remove' as const), ids }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('checkpoint' as const, 'optimize' as const, 'reopen' as const, 'check' as const),
    }),
  },
)
const settings = fc.record({
  strings: fc.boolean(),
  spec: fc.constantFrom(undefined, 'IVF1,Flat', 'IVF2,Flat', 'IVF2s,Flat'),
  checkpointBytes: fc.constantFrom(1, 2000, 1 << 26),
  sync: fc.boolean(),
})

test('whatever is done, a collection holds what a map would, also when it is opened again', async () => {
  await fc.assert(
    fc.asyncProperty(settings, fc.array(step, { maxLength: 25 }), async ({ strings, spec, ...rest }, steps) => {
      const options = { dim: 4, metric: 'l2' as const, ...(spec && { spec }), ...rest }
      const at = folder()
      const idOf = (i: number): string | number => (strings ? `é${i}` : i - 20)
      const versions: Versions<string | number> = new Map()
      let version = 0
      let docs = await open<string | number>(at, options)
      const write = (numbers: number[]) =>
        numbers.map((i) => {
          versions.set(idOf(i), ++version)
          return { id: idOf(i), vector: vectorOf(version), metadata: noteOf(version) }
        })
      try {
        for (const step of steps) {
          if (step.kind === 'upsert') await docs.upsert(write(step.ids))
          else if (step.kind === 'together') await Promise.all(write(step.ids).map((one) => docs.upsert(one)))
          else if (step.kind === 'remove') {
            for (const i of step.ids) versions.delete(idOf(i))
            await docs.remove(step.ids.map(idOf))
          } else if (step.kind === 'reopen') {
            await docs.close()
            docs = await open<string | number>(at, options)
          } else if (step.kind === 'check') await expectHolds(docs, versions)
          else await docs[step.kind]()
        }
        await expectHolds(docs, versions)
        await docs.close()
        docs = await open<string | number>(at)
        await expectHolds(docs, versions)
      } finally {
        await docs.close()
      }
    }),
    { numRuns: 60, seed: 11 },
  )
})
