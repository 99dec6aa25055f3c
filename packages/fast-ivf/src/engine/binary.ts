import * as generated from '../generated/kernels.js'

/** Instructions of a module: relaxed SIMD fuses multiply and add. */
export type SimdLevel = 'relaxed' | 'baseline'

// (module (func (result v128) i32.const 0 i8x16.splat …)) with one instruction of each level.
const PROBE_HEAD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0]
const PROBES = {
  baseline: [10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11],
  relaxed: [10, 15, 1, 13, 0, 65, 0, 253, 15, 65, 0, 253, 15, 253, 128, 2, 11],
}

/** The best level that this engine of JavaScript validates, or undefined without SIMD at all. */
export function simdLevel(): SimdLevel | undefined {
  return (['relaxed', 'baseline'] as const).find((level) =>
    WebAssembly.validate(new Uint8Array([...PROBE_HEAD, ...PROBES[level]])),
  )
}

/** The kernels' bytes for a level. Sharing is one bit of the memory import, so one build serves both kinds. */
export function kernelBytes(level: SimdLevel, shared: boolean, revectorized: boolean): Uint8Array<ArrayBuffer> {
  const baseline = fromHex(generated.baseline)
  const bytes = level === 'baseline' ? baseline : fromPieces(baseline, generated.relaxed)
  if (!shared) clearSharedBit(bytes)
  // V8 keeps compiled code per content: another content is compiled anew, under the flags of now.
  return revectorized ? new Uint8Array([...bytes, 0, 2, 1, 114]) : bytes
}

function fromHex(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16))
}

/** Repeated bytes and own ones, piece after piece. */
function fromPieces(source: Uint8Array, pieces: typeof generated.relaxed): Uint8Array<ArrayBuffer> {
  const size = pieces.reduce((sum, [, length, own]) => sum + length + own.length / 2, 0)
  const bytes = new Uint8Array(size)
  let at = 0
  for (const [from, length, own] of pieces) {
    bytes.set(source.subarray(from, from + length), at)
    bytes.set(fromHex(own), at + length)
    at += length + own.length / 2
  }
  return bytes
}

function clearSharedBit(bytes: Uint8Array): void {
  const importEnd = [...'memory'].map((char) => char.charCodeAt(0)).concat(2, 3)
  const at = bytes.findIndex((_, i) => importEnd.every((byte, j) => bytes[i + j] === byte))
  if (at < 0) throw new Error('the kernels do not import a shared memory')
  bytes[at + importEnd.length - 1] = 1
}
