import { readFileSync, writeFileSync } from 'node:fs'
import { library, task } from '../process/task.mjs'
import { readSet } from '../sets/sets.mjs'

/** Peak resident memory while training and filling, over what the process held with the caller's vectors in it. */
await task(async ({ set, nlist, threads, revectorize }) => {
  const { FastIVF } = await library()
  const { base, metric } = readSet(set)
  globalThis.gc?.()
  const how = resetPeak()
  const before = process.memoryUsage().rss
  const index = new FastIVF(base.dim, { nlist, metric, threads, revectorize })
  await index.train(base.data)
  const peak = peakBytes()
  return { over: peak - before, index: index.bytes, vectors: base.data.byteLength, threads, how }
})

/** Linux can forget the peak so far, that of reading the file; elsewhere it counts. */
function resetPeak() {
  try {
    writeFileSync('/proc/self/clear_refs', '5')
    return 'peak since the vectors were read'
  } catch {
    return 'peak of the process'
  }
}

function peakBytes() {
  try {
    const line = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))
    if (line) return Number(line[1]) * 1024
  } catch {}
  return process.resourceUsage().maxRSS * 1024
}
