import { exactSearch, FastIVF, type RuntimeInfo, recall, runtime } from 'fast-ivf'

/** What the page found; the test waits for it. */
export interface Answer {
  isolated: boolean
  runtime: RuntimeInfo
  size: number
  recallOfAll: number
  recallOfSome: number
  /** Opened again, the index answers alike: from a Blob, and cell by cell from the origin private file system. */
  fromBlob: boolean
  fromFile: boolean
  /** Rounds of reads of a search in the file. */
  rounds: number
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
  const fromBlob = await FastIVF.open(new Blob([(await index.toBytes()) as Uint8Array<ArrayBuffer>]))
  const file = await saved(index)
  const fromFile = await FastIVF.open(file, { resident: 'centroids' })
  const same = async (one: FastIVF): Promise<boolean> => {
    const found = await one.search(queries, { k: 10, nprobe: NLIST / 2, ratioThreshold: 0 })
    return (
      found.ids.every((id, i) => Object.is(id, some.ids[i])) &&
      found.scores.every((x, i) => Object.is(x, some.scores[i]))
    )
  }
  const alone = await fromFile.search(queries.subarray(0, DIM), { k: 10, nprobe: 3 })
  const answer = {
    fromBlob: await same(fromBlob),
    fromFile: await same(fromFile),
    rounds: alone.work.read?.rounds ?? 0,
    isolated: crossOriginIsolated,
    runtime: await runtime(),
    size: index.size,
    recallOfAll: recall(all, truth, 10),
    recallOfSome: recall(some, truth, 10),
  }
  for (const one of [index, fromBlob, fromFile]) await one.close()
  return answer
}

/** Streams the index to a file that only this origin sees. */
async function saved(index: FastIVF): Promise<File> {
  const folder = await navigator.storage.getDirectory()
  const handle = await folder.getFileHandle('index.ivf', { create: true })
  await index.toStream().pipeTo(await handle.createWritable())
  return handle.getFile()
}

;(globalThis as { answer?: Promise<Answer> }).answer = trainAndSearch()
