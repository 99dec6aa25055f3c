import type { Engine } from '../engine/engine.js'
import { wordsFor } from '../ivf/bits.js'
import type { Contents } from '../ivf/contents.js'
import type { Model } from '../ivf/model.js'
import type { Segment } from '../ivf/segment.js'
import type { LongCallOptions } from '../options.js'
import { bytesOf } from '../storage/bytes.js'
import { layTensors, type TensorShape } from '../storage/safetensors-write.js'
import type { Sink } from '../storage/sink.js'
import { sizeOfDtype, type TensorDtype } from '../storage/tensor-dtypes.js'
import { xxh64 } from '../storage/xxh64.js'
import { type CalibrationTold, storeCalibration } from './calibration.js'
import { hashHex, hex } from './checks.js'
import { type StoredIds, storeIds } from './ids.js'
import { type IndexHeader, NO_CHECKSUM, names, toMetadata } from './layout.js'
import { placeIn } from './pieces.js'
import { type Part, sections } from './sections.js'

/** A tensor that is at hand. */
interface Small extends TensorShape {
  data: ArrayBufferView
}

/** What a class says of an index that it writes. */
export interface Face extends Pick<IndexHeader, 'face' | 'spec' | 'seed' | 'options'> {
  readonly calibration?: CalibrationTold | undefined
}

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
  const calibrated = face.calibration && (await storeCalibration(face.calibration))
  if (calibrated) small.push(floats(names.calibration, [calibrated.numbers.length], calibrated.numbers))
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
  const { header, spaces } = layTensors(
    all,
    toMetadata({ ...headerOf(contents, face), recall: calibrated?.recall }, checksums),
  )
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
export function headerOf(
  { model, segments, ids, rows, size }: Contents,
  { face, spec, seed, options }: Face,
): IndexHeader {
  const { metric, dim, nlist, keep, quantizer, projection } = model
  const { word, width, unit } = projection?.place.parameters ?? {}
  return {
    ...{ face, spec, seed, options },
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
    recall: undefined,
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
  return (row) => placeIn(rows, row)
}

function modelTensors({ rows, nlist, projection, quantizer }: Model): Small[] {
  const { weight, bias, width, dim } = projection?.place.parameters ?? {}
  return [
    floats(names.centroids, [nlist, rows.length / nlist], rows),
    ...(weight ? [floats(names.weight, [width as number, dim as number], weight)] : []),
    ...(bias ? [floats(names.bias, [bias.length], bias)] : []),
    ...quantizer.learned.tensors.map(({ name, shape, data }) => floats(names.quantizer(name), shape, data)),
  ]
}

function floats(name: string, shape: readonly number[], data: Float32Array): Small {
  return { name, shape, data, dtype: 'F32' }
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
