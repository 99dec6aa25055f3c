import type { ByteSource } from '../storage/source.js'

/** Bytes of a file that are wanted. */
export interface Wanted {
  readonly from: number
  readonly to: number
}

/** What was asked of a source. */
export interface ReadCount {
  bytes: number
  requests: number
  rounds: number
}

/** Ranges this near to each other are read together. */
const GAP = 4096
/** Requests under way at a time. */
const AT_ONCE = 32

/** Reads all ranges in one round, neighbours together; `each` is given the bytes of every range, in no order. */
export async function readRanges<W extends Wanted>(
  source: ByteSource,
  wanted: readonly W[],
  count: ReadCount,
  signal: AbortSignal | undefined,
  each: (range: W, bytes: Uint8Array) => Promise<void> | void,
): Promise<void> {
  if (wanted.length === 0) return
  const groups = grouped(wanted)
  count.rounds++
  let next = 0
  const one = async (): Promise<void> => {
    while (next < groups.length) {
      signal?.throwIfAborted()
      const group = groups[next++] as { from: number; to: number; ranges: W[] }
      const bytes = await source.read(group.from, group.to)
      count.requests++
      count.bytes += group.to - group.from
      for (const range of group.ranges)
        await each(range, bytes.subarray(range.from - group.from, range.to - group.from))
    }
  }
  const running = await Promise.allSettled(Array.from({ length: Math.min(AT_ONCE, groups.length) }, one))
  const failed = running.find((outcome) => outcome.status === 'rejected')
  if (failed) throw failed.reason
}

function grouped<W extends Wanted>(wanted: readonly W[]): { from: number; to: number; ranges: W[] }[] {
  const groups: { from: number; to: number; ranges: W[] }[] = []
  for (const range of [...wanted].sort((a, b) => a.from - b.from)) {
    const last = groups.at(-1)
    if (last && range.from - last.to <= GAP) {
      last.to = Math.max(last.to, range.to)
      last.ranges.push(range)
    } else groups.push({ from: range.from, to: range.to, ranges: [range] })
  }
  return groups
}
