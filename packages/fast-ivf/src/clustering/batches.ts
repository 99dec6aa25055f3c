import { type Matrix, toMatrix, type VectorBatches, type Vectors } from '../engine/vectors.js'

/**
 * Batches as matrices, one at a time, empty ones left out; rows are numbered over all of them. Without `dim` (0) the
 * first batch tells it. An abort does not wait for a batch that is still to come.
 *
 * @throws IvfError ERR_DIM, ERR_DETACHED, ERR_ARGUMENT; what the iterable throws; the signal's reason
 */
export async function* readBatches(
  batches: VectorBatches,
  dim: number,
  signal?: AbortSignal,
): AsyncGenerator<Matrix, undefined> {
  const iterator = Symbol.asyncIterator in batches ? batches[Symbol.asyncIterator]() : batches[Symbol.iterator]()
  let owed = true // the iterator is to be closed: it has neither ended nor failed by itself
  let width = dim
  let next = 0
  try {
    while (true) {
      const first = next
      signal?.throwIfAborted()
      const { value, done } = await orAbort(
        ask(iterator, () => (owed = false)),
        signal,
      )
      if (done) {
        owed = false
        return undefined
      }
      const matrix = toMatrix(value, width, `vectors (the batch that begins with row ${first})`)
      if (matrix.rows === 0) continue
      width = matrix.dim
      next += matrix.rows
      yield { rows: matrix.rows, dim: width, origin: (row) => first + row, copy: matrix.copy }
    }
  } finally {
    const closing = owed ? close(iterator) : undefined
    // A generator in the middle of its work closes after it, which may be never.
    if (!signal?.aborted) await closing
  }
}

async function ask(
  iterator: Iterator<Vectors> | AsyncIterator<Vectors>,
  onFailure: () => void,
): Promise<IteratorResult<Vectors>> {
  try {
    const { value, done } = await iterator.next()
    return { value: await value, done } as IteratorResult<Vectors>
  } catch (error) {
    onFailure()
    throw error
  }
}

/** What goes wrong while closing does not hide why. */
async function close(iterator: Iterator<Vectors> | AsyncIterator<Vectors>): Promise<void> {
  try {
    await iterator.return?.()
  } catch {}
}

async function orAbort<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise
  let abort = (): void => {}
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort)
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
