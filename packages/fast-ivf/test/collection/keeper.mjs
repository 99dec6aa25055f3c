/**
 * A process that writes to a collection as fast as it can, and says what it does: `? id version` before it writes (or
 * removes: version `-`), `! id` when it is told that it is done: node keeper.mjs MODULE FOLDER FIRST_VERSION SEED. Each
 * lane has ids of its own. It never ends by itself.
 */
import { writeSync } from 'node:fs'

const [module, folder, first, seed] = process.argv.slice(2)
const { Collection, DIM, seeded, vectorOf } = await import(module)

const docs = await Collection.open(folder, {
  dim: DIM,
  metric: 'l2',
  spec: 'IVF2,Flat',
  checkpointBytes: 6000,
  threads: 0,
})
let version = Number(first)
const random = seeded(Number(seed))

const lane = async (name) => {
  for (;;) {
    // Several of them, of which all are to be there, or none.
    const ids = [...random.sample(1 + random.below(3), 6)].map((i) => `${name}-${i}`)
    const versions = random.below(4) === 0 ? ids.map(() => '-') : ids.map(() => ++version)
    writeSync(1, `? ${ids.map((id, i) => `${id} ${versions[i]}`).join(' ')}\n`)
    if (versions[0] === '-') await docs.remove(ids)
    else
      await docs.upsert(ids.map((id, i) => ({ id, vector: vectorOf(versions[i]), metadata: { version: versions[i] } })))
    writeSync(1, `! ${ids[0]}\n`)
    if (random.below(60) === 0) await docs.optimize()
    if (random.below(30) === 0) await docs.checkpoint()
  }
}
await Promise.all(Array.from({ length: 12 }, (_, i) => lane(i)))
