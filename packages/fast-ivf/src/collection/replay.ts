import { IvfError } from '../errors.js'
import type { LongCallOptions } from '../options.js'
import type { OnRecord } from '../storage/log.js'
import { logPath } from './folder.js'
import { decodeEntry } from './records.js'
import { applyWrites, type State } from './state.js'
import type { Write } from './writes.js'

/** Writes are done together until they hold so many numbers. */
const MOST_NUMBERS = 1 << 21

/** The records of one log, done in order. */
export interface Replay {
  /** @throws IvfError ERR_FORMAT, ERR_MEMORY; the signal's reason */
  onRecord: OnRecord
  /** Does what is left. */
  end(): Promise<void>
  /** Of a log that follows another: whether it has said so. */
  readonly begun: boolean
}

/** Thrown where a log begins, and not all of the one before had been read. */
export class Behind extends Error {
  readonly records: number

  constructor(records: number) {
    super(`the log before has ${records} records`)
    this.records = records
  }
}

/** For log n of a folder; `before`: how many records the one before had, where it is to follow one. */
export function replayLog(
  folder: string,
  n: number,
  state: State,
  before: number | undefined,
  options: LongCallOptions,
): Replay {
  const { dim } = state.index
  const path = logPath(folder, n)
  let waiting: Write[] = []
  let numbers = 0
  let begun = false

  async function end(): Promise<void> {
    const writes = waiting
    waiting = []
    numbers = 0
    if (writes.length > 0) await applyWrites(state, writes, { signal: options.signal })
  }

  return {
    end,
    get begun() {
      return begun
    },
    onRecord(payload, sequence) {
      options.signal?.throwIfAborted()
      const name = `${path}, record ${sequence},`
      const entry = decodeEntry(payload, dim, name)
      if (entry.op === 'begin') {
        if (sequence !== 0) throw new IvfError('ERR_FORMAT', `${name} is out of place; restore the file from a copy`)
        if (before !== undefined && entry.records !== before) throw new Behind(entry.records)
        begun = true
        return
      }
      if (sequence === 0 && before !== undefined) {
        throw new IvfError('ERR_FORMAT', `${name} does not tell of the log before; restore the file from a copy`)
      }
      waiting.push(entry)
      numbers += entry.ids.length * (entry.op === 'upsert' ? dim : 16)
      return numbers > MOST_NUMBERS ? end() : undefined
    },
  }
}

/** The error for a log that is shorter than the next one says. */
export function cutShort(folder: string, n: number, found: number, told: number): IvfError {
  return new IvfError(
    'ERR_FORMAT',
    `${logPath(folder, n)} has ${found} records, and ${logPath(folder, n + 1)} tells of ${told}; restore the file from a copy, or open with recover: true what is left`,
  )
}
