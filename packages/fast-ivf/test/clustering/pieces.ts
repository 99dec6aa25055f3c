/** Rows of `data`, in batches of these sizes in turn. */
export function* pieces(data: Float32Array, dim: number, ...sizes: number[]): Generator<Float32Array> {
  let from = 0
  for (let i = 0; from < data.length; i++) {
    const to = from + (sizes[i % sizes.length] as number) * dim
    yield data.subarray(from, to)
    from = to
  }
}

/** The same batches, each a turn of the event loop later. */
export async function* slowly<T>(batches: Iterable<T>): AsyncGenerator<T> {
  for (const batch of batches) {
    await new Promise((resolve) => setTimeout(resolve))
    yield batch
  }
}
