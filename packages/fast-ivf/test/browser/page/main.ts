import { exactSearch, FastIVF, type RuntimeInfo, recall, runtime } from 'fast-ivf'

/** What the page found; the test waits for it. */
export interface Answer {
  isolated: boolean
  runtime: RuntimeInfo
  size: number
  recallOfAll: number
  recallOfSome: number
}

const N = 2000
const DIM = 32
const NLIST = 20
const NQ = 500 // with so many, exact search and training are worth a pool

async function trainAndSearch(): Promise<Answer> {
  const vectors = Float32Array.from({ length: N * DIM }, (_, i) => Math.sin(i * i))
  const queries = Float32Array.from({ length: NQ * DIM }, (_, i) => Math.cos(i * i))
  const index = new FastIVF(DIM, { nlist: NLIST, kmeansMaxSteps: 200 })
  await index.train(vectors)
  const truth = await exactSearch(vectors, queries, { k: 10, dim: DIM })
  const all = await index.search(queries, { k: 10, nprobe: NLIST, ratioThreshold: 0 })
  const some = await index.search(queries, { k: 10, nprobe: NLIST / 2, ratioThreshold: 0 })
  const answer = {
    isolated: crossOriginIsolated,
    runtime: await runtime(),
    size: index.size,
    recallOfAll: recall(all, truth, 10),
    recallOfSome: recall(some, truth, 10),
  }
  await index.close()
  return answer
}

;(globalThis as { answer?: Promise<Answer> }).answer = trainAndSearch()
