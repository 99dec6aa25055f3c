import { hashRanges, hashRows } from '../engine/hash.js'
import type { Model } from '../ivf/model.js'
import type { Originals } from '../ivf/originals.js'
import type { Segment } from '../ivf/segment.js'
import { bytesOf } from '../storage/bytes.js'
import type { TensorShape } from '../storage/safetensors-write.js'
import type { TensorDtype } from '../storage/tensor-dtypes.js'
import { hashOf, hashParts, shortHash } from './checks.js'
import type { StoredIds } from './ids.js'
import { codesShape, names, originalsShape, type SegmentName } from './layout.js'
import { chunkOf, chunksOf, piecesOf } from './pieces.js'

/** A tensor, and what yields its bytes in order; a view that it yields is valid until the next but one is asked for. */
export interface Part extends TensorShape {
  bytes(): Iterable<Uint8Array> | AsyncIterable<Uint8Array>
}

/** The vectors of a segment, what is kept beside them, and their ids; then the checks of all. */
export function sections(
  model: Model,
  { codes, originals, count, starts }: Pick<Segment, 'codes' | 'originals' | 'count' | 'starts'>,
  s: SegmentName,
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
    const room = Math.min(count, chunkOf(codeSize)) * codeSize
    const rooms = engine.alloc(2 * room)
    let at = rooms
    try {
      for (const { i, from, to, ranges } of chunksOf(coded, codeSize)) {
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
    for (const { i, from, to, ranges } of chunksOf(pieces, rowBytes)) {
      const at = rows + from * rowBytes
      checks.set(await hashRanges(engine, ranges(at), { signal }), firstKept + i)
      const each = await hashRows(engine, { at, rowBytes, count: to - from }, { signal })
      rowChecks.set(Uint32Array.from(each, shortHash), from)
      yield new Uint8Array(engine.memory.buffer, at, (to - from) * rowBytes)
    }
  }

  async function* idRows(): AsyncGenerator<Uint8Array> {
    checks.set(await hashParts(engine, ids.bytes, ids.starts, { signal }), firstId)
    yield ids.bytes
  }

  async function* allChecks(): AsyncGenerator<Uint8Array> {
    checks[checks.length - 1] = await hashOf(engine, bytesOf(checks.subarray(0, -1)), { signal })
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
