// Run by Node, Deno and Bun: trains, searches on threads, and ends by itself with a pool alive.
import { exactSearch, FastIVF, recall, runtime } from '../../dist/index.js'

const vectors = Float32Array.from({ length: 20000 * 32 }, (_, i) => Math.sin(i * i * 0.37) + Math.cos(i * 0.11))
const index = new FastIVF(32, { nlist: 64, kmeansMaxSteps: 30, ratioThreshold: 0 })
await index.train(vectors)
const queries = vectors.subarray(0, 1000 * 32)
const found = await index.search(queries, { k: 10, nprobe: 64 })
const truth = await exactSearch(vectors, queries, { k: 10, dim: 32 })
console.log(JSON.stringify({ ...(await runtime()), recall: recall(found, truth, 10) }))
