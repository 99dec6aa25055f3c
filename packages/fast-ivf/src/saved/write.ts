import type { Engine } from '../engine/engine.js'
import { hashRanges, hashRows } from '../engine/hash.js'
import { wordsFor } from '../ivf/bits.js'
import type { Contents } from '../ivf/contents.js'
import type { Model } from '../ivf/model.js'
import type { Originals } from '../ivf/originals.js'
import type { Segment } from '../ivf/segment.js'
import type { LongCallOptions } from '../options.js'
import { layTensors, type TensorShape } from '../storage/safetensors-write.js'
import type { Sink } from '../storage/sink.js'
import { sizeOfDtype, type TensorDtype } from '../storage/tensor-dtypes.js'
import { xxh64 } from '../storage/xxh64.js'
import { bytesOf, hashHex, hashParts, hex } from './checks.js'
import { type StoredIds, storeIds } from './ids.js'
import { type IndexHeader, NO_CHECKSUM, names, piecesOf, toMetadata } from './layout.js'

/** A tensor, and what yields its bytes in order; a view that it yields is valid until the next but one is asked for. */
interface Part extends TensorShape {
  bytes(): Iterable<Uint8Array> | AsyncIterable<Uint8Array>
}

/** A tensor that is at hand. */
interface Small extends TensorShape {
  data: ArrayBufferView
}

/** What a class says of an index that it writes. */
export type Face = Pick<IndexHeader, 'face' | 'spec' | 'seed' | 'options'>

/** A tensor of one dimension that is beside the index in its file; who opens the index passes over it. */
export interface Extra {
  readonly name: string
  readonly dtype: TensorDtype
  readonly data: ArrayBufferView
}

export interface WriteOptions extends LongCallOptions {
  /**
   * What else the file is to hold, in parts of a few megabytes; it is asked twice, for its checksums and for its bytes,
   * and must answer the same.
   */
  extras?: (() => AsyncIterable<Extra>) | undefined
}

/** Bytes that are read, hashed and written at a time. */
const CHUNK = 8 << 20

/** Writes an index. The bytes depend on nothing but the index. @throws IvfError as the sink; the signal's reason */
export async function writeIndex(
  sink: Sink,
  contents: Contents,
  face: Face,
  { signal, onProgress, extras }: WriteOptions,
): Promise<void> {
  const { model, segments } = contents
  const { engine } = model
  const small = modelTensors(model)
  const order = contents.ids.kind === 'rows' ? undefined : orderOf(contents)
  const parts: Part[] = []
  for (const [s, segment] of segments.entries()) {
    const rows = engine.ints(segment.rows, segment.count).slice()
    const ids = storeIds(contents.ids, rows, segment.starts)
    if (order)
      small.push({ name: names.segment(s, 'order'), dtype: 'U32', shape: [rows.length], data: rows.map(order) })
    small.push(...directory(engine, segment, s, ids))
    parts.push(...sections(model, segment, s, ids, signal))
  }
  const checksums: Record<string, string> = {}
  for (const { name, data } of small) checksums[name] = await hashHex(engine, bytesOf(data), { signal })
  if (extras) parts.push(...(await extraParts(engine, extras, checksums, signal)))
  const all = [...small.map(({ data, ...shape }) => ({ ...shape, bytes: () => [bytesOf(data)] })), ...parts]
  const { header, spaces } = layTensors(all, toMetadata(headerOf(contents, face), checksums))
  const total = all.length
  await sink.write(withChecksum(header))
  for (const [i, part] of all.entries()) {
    const space = spaces[i]
    if (space) await sink.write(new Uint8Array(space))
    // The next bytes are made while these are written.
    let written: Promise<void> = Promise.resolve()
    try {
      for await (const bytes of part.bytes()) {
        await written
        signal?.throwIfAborted()
        // Memory that is not shared may grow meanwhile, and takes its views away.
        written = sink.write(sink.keeps || !engine.shared ? bytes.slice() : bytes)
        written.catch(() => {})
      }
    } finally {
      await written
    }
    onProgress?.({ phase: 'save', done: i + 1, total })
  }
}

/** Puts the checksum of the header, as it is with zeros in its place, into the header. */
function withChecksum(header: Uint8Array): Uint8Array {
  const text = new TextDecoder('latin1').decode(header)
  const at = text.indexOf(`"checksum":"${NO_CHECKSUM}"`) + '"checksum":"'.length
  header.set(new TextEncoder().encode(hex(xxh64(header))), at)
  return header
}

/** What is beside the index, whose checksums are put with the others. */
async function extraParts(
  engine: Engine,
  extras: () => AsyncIterable<Extra>,
  checksums: Record<string, string>,
  signal: AbortSignal | undefined,
): Promise<Part[]> {
  const parts: Part[] = []
  let again: AsyncIterator<Extra> | undefined
  for await (const { name, dtype, data } of extras()) {
    const tensor = names.extra(name)
    checksums[tensor] = await hashHex(engine, bytesOf(data), { signal })
    parts.push({ name: tensor, dtype, shape: [data.byteLength / sizeOfDtype(dtype)], bytes })
  }
  return parts

  async function* bytes(): AsyncGenerator<Uint8Array> {
    again ??= extras()[Symbol.asyncIterator]()
    const step = await again.next()
    if (step.done) throw new Error('there are fewer extras than before')
    yield bytesOf(step.value.data)
  }
}

/** What a file says of an index before its numbers. */
export function headerOf({ model, segments, ids, rows, size }: Contents, face: Face): IndexHeader {
  const { metric, dim, nlist, keep, quantizer, projection } = model
  const { word, width, unit } = projection?.place.parameters ?? {}
  return {
    ...face,
    ...{ metric, dim, nlist, keep, ids: ids.kind, size, segments: segments.length },
    // Where ids are the vectors' own, rows are numbered anew when they are read.
    rows: ids.kind === 'rows' ? rows : segments.reduce((sum, { count }) => sum + count, 0),
    quantizer: {
      ...quantizer.learned.traits,
      word: quantizer.word,
      exact: quantizer.exact,
      bounded: quantizer.bounded,
    },
    projection:
      projection && word !== undefined && width !== undefined && unit !== undefined
        ? { word, width, unit, beforeCells: projection.beforeCells }
        : undefined,
  }
}

/** The place of a row among all that are stored: where ids are the vectors' own, they are numbered so when they are read. */
function orderOf({ model: { engine }, segments }: Contents): (row: number) => number {
  const rows = new Uint32Array(segments.reduce((sum, { count }) => sum + count, 0))
  let at = 0
  for (const segment of segments) {
    rows.set(engine.ints(segment.rows, segment.count), at)
    at += segment.count
  }
  rows.sort()
  return (row) => {
    let [low, high] = [0, rows.length - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((rows[middle] as number) < row) low = middle + 1
      else high = middle
    }
    return low
  }
}

function modelTensors({ rows, nlist, projection, quantizer }: Model): Small[] {
  const floats = (name: string, shape: readonly number[], data: Float32Array): Small => ({
    ...{ name, shape, data },
    dtype: 'F32',
  })
  const { weight, bias, width, dim } = projection?.place.parameters ?? {}
  return [
    floats(names.centroids, [nlist, rows.length / nlist], rows),
    ...(weight ? [floats(names.weight, [width as number, dim as number], weight)] : []),
    ...(bias ? [floats(names.bias, [bias.length], bias)] : []),
    ...quantizer.learned.tensors.map(({ name, shape, data }) => floats(names.quantizer(name), shape, data)),
  ]
}

/** What tells where a segment's cells are. */
function directory(engine: Engine, { starts, mask, count }: Segment, s: number, ids: StoredIds): Small[] {
  const tensor = (part: string, dtype: TensorDtype, data: Uint32Array | Uint8Array | BigUint64Array): Small => ({
    ...{ name: names.segment(s, part), dtype, data },
    shape: [data.length],
  })
  const bits =
    mask === 0 ? undefined : bytesOf(engine.ints(mask, wordsFor(count)).slice()).subarray(0, (count + 7) >> 3)
  return [
    tensor('starts', 'U32', starts),
    ...(bits ? [tensor('mask', 'U8', bits)] : []),
    ...(ids.dtype === 'U8' ? [tensor('ids.starts', 'U64', BigUint64Array.from(ids.starts, BigInt))] : []),
  ]
}

/** The vectors of a segment, what is kept beside them, and their ids; then the checks of all. */
function sections(
  model: Model,
  { codes, originals, count, starts }: Segment,
  s: number,
  ids: StoredIds,
  signal: AbortSignal | undefined,
): Part[] {
  const { engine, dim, quantizer, nlist } = model
  const { codeSize } = quantizer
  const [coded, kept] = [piecesOf(starts, codeSize), originals ? piecesOf(starts, originals.rowBytes) : undefined]
  const firstKept = coded.length - 1
  const firstId = firstKept + (kept ? kept.length - 1 : 0)
  const checks = new BigUint64Array(firstId + nlist + 1)
  const rowChecks = new Uint32Array(originals ? count : 0)
  const tensor = (part: string, dtype: TensorDtype, shape: readonly number[], bytes: Part['bytes']): Part => ({
    ...{ name: names.segment(s, part), dtype, shape, bytes },
  })

  async function* codeRows(): AsyncGenerator<Uint8Array> {
    const most = Math.min(count, Math.max(1, Math.floor(CHUNK / codeSize)))
    const room = most * codeSize
    const rooms = engine.alloc(2 * room)
    let at = rooms
    try {
      for (const { i, from, to, ranges } of chunksOf(coded, most, codeSize)) {
        await quantizer.read(codes, at, from, to - from, { signal })
        checks.set(await hashRanges(engine, ranges(at), { signal }), i)
        yield new Uint8Array(engine.memory.buffer, at, (to - from) * codeSize)
        at = rooms + (at === rooms ? room : 0)
      }
      // The last bytes are written before their room is given back.
      yield new Uint8Array(0)
    } finally {
      engine.free(rooms)
    }
  }

  async function* originalRows({ rows, rowBytes }: Originals, pieces: Uint32Array): AsyncGenerator<Uint8Array> {
    for (const { i, from, to, ranges } of chunksOf(pieces, Math.max(1, Math.floor(CHUNK / rowBytes)), rowBytes)) {
      const at = rows + from * rowBytes
      checks.set(await hashRanges(engine, ranges(at), { signal }), firstKept + i)
      const each = await hashRows(engine, { at, rowBytes, count: to - from }, { signal })
      rowChecks.set(
        Uint32Array.from(each, (hash) => Number(hash & 0xffffffffn)),
        from,
      )
      yield new Uint8Array(engine.memory.buffer, at, (to - from) * rowBytes)
    }
  }

  async function* idRows(): AsyncGenerator<Uint8Array> {
    checks.set(await hashParts(engine, ids.bytes, ids.starts, { signal }), firstId)
    yield ids.bytes
  }

  async function* allChecks(): AsyncGenerator<Uint8Array> {
    checks[checks.length - 1] = BigInt(`0x${await hashHex(engine, bytesOf(checks.subarray(0, -1)), { signal })}`)
    yield bytesOf(checks)
  }

  return [
    tensor('codes', ...codesShape(count, codeSize, quantizer.exact), codeRows),
    ...(originals && kept
      ? [
          tensor('originals', ...originalsShape(originals, count, dim), () => originalRows(originals, kept)),
          tensor('originals.checks', 'U32', [count], () => [bytesOf(rowChecks)]),
        ]
      : []),
    tensor('ids', ids.dtype, ids.shape, idRows),
    tensor('checks', 'U64', [checks.length], allChecks),
  ]
}

/** As other readers may use them: vectors themselves are floats. */
export function codesShape(count: number, codeSize: number, exact: boolean): [TensorDtype, number[]] {
  return exact ? ['F32', [count, codeSize / 4]] : ['U8', [count, codeSize]]
}

/** As other readers may use them. */
export function originalsShape({ keep, rowBytes }: Originals, count: number, dim: number): [TensorDtype, number[]] {
  if (keep === 'f32') return ['F32', [count, dim]]
  return keep === 'f16' ? ['F16', [count, rowBytes / 2]] : ['U8', [count, rowBytes]]
}

/** Whole pieces of at most `most` rows together, or one. */
export function* chunksOf(
  pieces: Uint32Array,
  most: number,
  rowBytes: number,
): Generator<{
  /** The first piece's number. */
  i: number
  from: number
  to: number
  ranges: (at: number) => { at: number; bytes: number }[]
}> {
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
