/**
 * A process that appends to a log as fast as it can, and prints each sequence number once it is told that the record is
 * there: node appender.mjs MODULE FOLDER. It holds the lock of the folder and never ends by itself.
 */
import { writeSync } from 'node:fs'

const [module, folder] = process.argv.slice(2)
const { createLog, lockFolder, openLog, payloadOf } = await import(module)

await lockFolder(folder)
const path = `${folder}/log`
const log = await openLog(path, { onRecord() {} }).catch((error) => {
  if (error.code === 'ERR_NOT_FOUND') return createLog(path, 1)
  throw error
})
let next = log.records
const lane = async () => {
  for (;;) writeSync(1, `${await log.append(payloadOf(next++))}\n`)
}
await Promise.all(Array.from({ length: 16 }, lane))
