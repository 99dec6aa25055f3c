import type { LongCallOptions } from './options.js'
import { createEngine, type RuntimeOptions } from './runtime.js'
import type { SourceInput } from './storage/source.js'

/** What `verifyIndex` found. */
export interface IndexVerification {
  /** Number of vectors, as the file tells. */
  size: number
  /** In words, the parts whose bytes are not those that were written; none when the file is whole. */
  damaged: string[]
}

/**
 * Compares all of an index's file with its checksums, piece by piece, so that the file may be larger than memory.
 *
 * @param source a path, a URL, a Blob, bytes or a ByteSource, which is closed
 * @throws IvfError ERR_NOT_FOUND; ERR_FORMAT when it is no index, or its header is damaged; the signal's reason
 */
export async function verifyIndex(
  source: SourceInput,
  options: RuntimeOptions & LongCallOptions = {},
): Promise<IndexVerification> {
  const [{ openIndexFile }, { verifyFile }] = await Promise.all([
    import('./saved/file.js'),
    import('./saved/verify.js'),
  ])
  const file = await openIndexFile(source)
  try {
    const engine = await createEngine(options)
    try {
      return { size: file.header.size, damaged: await verifyFile(engine, file, options) }
    } finally {
      engine.close()
    }
  } finally {
    await file.close()
  }
}
