import { IvfError, show } from '../errors.js'
import { joinBytes } from './bytes.js'
import { writeAt } from './files.js'
import { encodeRecord, type LogPosition, MAX_PAYLOAD } from './log-records.js'
import type { FileHandle } from './source.js'

/** When an append is done: `full`, when the disk has it; `none`, when the system has it, which may lose it with power. */
export type LogSync = 'full' | 'none'

export interface Log {
  readonly generation: number
  /** bytes of the file, records and header, as far as appends are done */
  readonly bytes: number
  /** records in them, which is the sequence number of the next */
  readonly records: number
  /** how often the disk was waited for */
  readonly syncs: number
  /** bytes that opening with `repair` took out of the log, and the file that holds them now */
  readonly lost: number
  readonly lostTo: string | undefined
  /**
   * Appends one record, its parts one after the other; they are copied. Answers its sequence number when it is there to
   * stay. Appends in flight at the same time share one write and one wait for the disk.
   * @throws IvfError ERR_ARGUMENT, ERR_MEMORY, ERR_CLOSED also after a write has failed
   */
  append(payload: Uint8Array | readonly Uint8Array[]): Promise<number>
  /** Waits for appends in flight and for the disk. @throws IvfError ERR_CLOSED */
  sync(): Promise<void>
  /** Waits for appends in flight. */
  close(): Promise<void>
}

interface Waiting {
  /** of the record; undefined for one who waits for the disk only */
  readonly bytes: Uint8Array | undefined
  readonly sequence: number
  resolve(sequence: number): void
  reject(reason: IvfError): void
}

export interface AppendState {
  readonly position: LogPosition
  readonly sync: LogSync
  readonly lost: number
  readonly lostTo: string | undefined
}

/** Records up to this size are put together, so that a group is one write. */
const JOINED_BYTES = 2 ** 20

/** The log `path` from `position` on, where its file ends; owns `handle`. */
export function appendTo(path: string, handle: FileHandle, { position, sync, lost, lostTo }: AppendState): Log {
  const { generation } = position
  let bytes = position.at
  let records = position.sequence
  let syncs = 0
  let next = position.sequence
  let queue: Waiting[] = []
  let running: Promise<void> | undefined
  let failure: IvfError | undefined
  let closed: Promise<void> | undefined

  function checkOpen(): void {
    if (failure) throw failure
    if (closed) throw new IvfError('ERR_CLOSED', `${path} was closed; open it again`)
  }

  async function run(): Promise<void> {
    // a turn later: what is appended now, and by those whom the last group woke, goes together
    await undefined
    while (queue.length > 0 && !failure) {
      const group = queue
      queue = []
      try {
        await commit(group)
      } catch (cause) {
        failure = await withdraw(cause)
        for (const waiting of [...group, ...queue]) waiting.reject(failure)
        queue = []
        break
      }
      for (const waiting of group) waiting.resolve(waiting.sequence)
    }
    running = undefined
  }

  async function commit(group: readonly Waiting[]): Promise<void> {
    const encoded = group.flatMap((waiting) => waiting.bytes ?? [])
    let at = bytes
    for (const piece of joined(encoded)) {
      await writeAt(handle, piece, at)
      at += piece.length
    }
    if (sync === 'full' || encoded.length < group.length) {
      syncs++
      await handle.datasync()
    }
    bytes = at
    records += encoded.length
  }

  /** Puts `bytes` of record `sequence` in the queue. */
  function wait(sequence: number, bytes?: Uint8Array): Promise<number> {
    const done = new Promise<number>((resolve, reject) => {
      queue.push({ bytes, sequence, resolve, reject })
    })
    running ??= run()
    return done
  }

  /** After a write or sync has failed nobody knows what of it is in the file, so nothing may follow it there. */
  async function withdraw(cause: unknown): Promise<IvfError> {
    const why = cause instanceof Error ? cause.message : show(cause)
    let rest = 'what was being appended was taken out again'
    try {
      await handle.truncate(bytes)
      await handle.sync()
    } catch {
      rest = 'what was being appended may be found there when the log is opened again'
    }
    return new IvfError(
      'ERR_CLOSED',
      `${path} could not be written from byte ${bytes} on (${why}); ${rest}. It takes no more records: make room or ` +
        'check the disk, and open it again',
      { cause },
    )
  }

  return {
    generation,
    lost,
    lostTo,
    get bytes() {
      return bytes
    },
    get records() {
      return records
    },
    get syncs() {
      return syncs
    },
    async append(payload) {
      checkOpen()
      const parts = payload instanceof Uint8Array ? [payload] : payload
      const length = lengthOf(parts)
      const sequence = next
      const encoded = encodeRecord(parts, length, { generation, sequence })
      next++
      return wait(sequence, encoded)
    },
    async sync() {
      checkOpen()
      await wait(next)
    },
    close() {
      closed ??= (async () => {
        while (running) await running
        await handle.close()
      })()
      return closed
    },
  }
}

function lengthOf(parts: readonly Uint8Array[]): number {
  let length = 0
  for (const part of parts) {
    if (!(part instanceof Uint8Array)) {
      throw new IvfError('ERR_ARGUMENT', `the record holds ${show(part)}; it must be of Uint8Arrays`)
    }
    length += part.length
  }
  if (length <= MAX_PAYLOAD) return length
  throw new IvfError(
    'ERR_ARGUMENT',
    `the record has ${length} bytes; it must have at most ${MAX_PAYLOAD}: append it as several`,
  )
}

/** Neighbours put together, as few pieces as there may be. */
function joined(records: readonly Uint8Array[]): Uint8Array[] {
  const pieces: Uint8Array[] = []
  let small: Uint8Array[] = []
  let length = 0

  function end(): void {
    if (small.length > 0) pieces.push(small.length === 1 ? (small[0] as Uint8Array) : joinBytes(small, length))
    small = []
    length = 0
  }

  for (const record of records) {
    if (record.length > JOINED_BYTES) {
      end()
      pieces.push(record)
      continue
    }
    small.push(record)
    length += record.length
    if (length > 16 * JOINED_BYTES) end()
  }
  end()
  return pieces
}
