import type { Contents } from '../ivf/contents.js'
import type { LongCallOptions } from '../options.js'
import { memorySink, type SinkOptions, type WriteTarget, writeWhole } from '../storage/sink.js'
import { type Face, writeIndex } from './write.js'

/** Writes an index to a file of its own, whole or not at all. @throws IvfError as the sink; the signal's reason */
export async function saveTo(
  target: WriteTarget,
  contents: Contents,
  told: Face,
  { sync = true, ...options }: SinkOptions & LongCallOptions,
): Promise<void> {
  options.signal?.throwIfAborted()
  await writeWhole(target, { sync }, (sink) => writeIndex(sink, contents, told, options))
}

/** The bytes of that file. @throws IvfError ERR_MEMORY; the signal's reason */
export async function savedBytes(contents: Contents, told: Face, options: LongCallOptions): Promise<Uint8Array> {
  const sink = memorySink()
  await writeIndex(sink, contents, told, options)
  return sink.bytes()
}
