import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import { inTurns } from '../measure/timing.mjs'
import { library, task } from '../process/task.mjs'

/**
 * Opening a file whose bytes the system holds, whole and damaged: how long until the index is there, or the error.
 * Answers seconds.
 */
await task(async ({ path, threads, rounds }) => {
  const { IvfIndex } = await library()
  const file = openSync(path, 'r+')
  const { size } = fstatSync(file)
  const open = async (/** @type {object} */ options = {}) =>
    (await IvfIndex.open(path, { threads, ...options })).close()
  const refused = async () => {
    const code = await open().then(
      () => 'no error',
      (error) => error.code,
    )
    if (code !== 'ERR_FORMAT') throw new Error(`a damaged file gave ${code}`)
  }
  const spoilt = (/** @type {number} */ at) => async () => {
    const flip = () => {
      const byte = new Uint8Array(1)
      readSync(file, byte, 0, 1, at)
      writeSync(file, Uint8Array.of((byte[0] ?? 0) ^ 1), 0, 1, at)
    }
    flip()
    await refused().finally(flip)
  }
  const cut = async () => {
    const tail = new Uint8Array(Math.min(4096, size >> 1))
    readSync(file, tail, 0, tail.length, size - tail.length)
    ftruncateSync(file, size - tail.length)
    await refused().finally(() => writeSync(file, tail, 0, tail.length, size - tail.length))
  }
  try {
    await open()
    return await inTurns(rounds, {
      all: () => open(),
      centroids: () => open({ resident: 'centroids' }),
      middle: spoilt(size >> 1),
      // within the text that tells what is in the file
      header: spoilt(40),
      cut,
    })
  } finally {
    closeSync(file)
  }
})
