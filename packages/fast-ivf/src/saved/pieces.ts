/** Bytes that are read or written, and checked, at a time. */
export const CHUNK_BYTES: number = 8 << 20

/** Rows of a section are hashed in pieces of at most this many bytes, none of more than one cell. */
const PIECE_BYTES = 4 << 20

/** Slots from which pieces begin, and the end. */
export function piecesOf(starts: Uint32Array, rowBytes: number): Uint32Array {
  const most = Math.max(1, Math.floor(PIECE_BYTES / rowBytes))
  const found: number[] = []
  for (let cell = 0; cell + 1 < starts.length; cell++) {
    const end = starts[cell + 1] as number
    for (let from = starts[cell] as number; from < end; from += most) found.push(from)
  }
  found.push(starts.at(-1) as number)
  return Uint32Array.from(found)
}

/** Rows of a chunk, at most. */
export function chunkOf(rowBytes: number): number {
  return Math.max(1, Math.floor(CHUNK_BYTES / rowBytes))
}

/** Whole pieces, as many as a chunk may hold. */
export function* chunksOf(
  pieces: Uint32Array,
  rowBytes: number,
): Generator<{
  /** The first piece's number. */
  i: number
  from: number
  to: number
  ranges: (at: number) => { at: number; bytes: number }[]
}> {
  const most = chunkOf(rowBytes)
  for (let i = 0; i + 1 < pieces.length; ) {
    const from = pieces[i] as number
    let end = i + 1
    while (end + 1 < pieces.length && (pieces[end + 1] as number) - from <= most) end++
    const own = pieces.subarray(i, end + 1)
    const ranges = (at: number) =>
      Array.from({ length: own.length - 1 }, (_, j) => {
        const [first, last] = [own[j] as number, own[j + 1] as number]
        return { at: at + (first - from) * rowBytes, bytes: (last - first) * rowBytes }
      })
    yield { i, from, to: own.at(-1) as number, ranges }
    i = end
  }
}

/** The place of the first number that is not less, in ascending ones. */
export function placeIn(numbers: Uint32Array, least: number): number {
  let [low, high] = [0, numbers.length - 1]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((numbers[middle] as number) < least) low = middle + 1
    else high = middle
  }
  return low
}

/** The cell of a slot. */
export function cellOf(starts: Uint32Array, slot: number): number {
  return starts.findIndex((_, cell) => (starts[cell + 1] as number) > slot)
}
