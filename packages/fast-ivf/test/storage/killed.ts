/** What the process that is killed is given, as one module. */
export { lockFolder } from '../../src/storage/lock.js'
export { createLog, openLog } from '../../src/storage/log.js'

/** The payload of record `sequence`: most are short, a few so long that a write of them can be cut in two. */
export function payloadOf(sequence: number): Uint8Array {
  const length = sequence % 53 === 52 ? 700_000 : (sequence * 7919) % 3000
  return new Uint8Array(length).fill(sequence % 251)
}
