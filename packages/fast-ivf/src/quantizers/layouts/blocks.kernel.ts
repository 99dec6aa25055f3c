/** Code rows and the layout in which a segment keeps them. */
@unmanaged
export class CodeRows {
  rows: usize // count code rows of codeSize bytes: codeBytes of packed code, then nfactors floats
  codeSize: u32
  codeBytes: u32
  first: u32 // the first row's slot
  count: u32
  fields: u32 // groups of 4 bits, or components (a multiple of 4)
  bits: u32 // of a component
  codes: usize
  factors: usize // nfactors × stride floats
  nfactors: u32
  stride: u32
}

/** Item: a block of 32 slots, the first one that of slot `first`. Other slots' bits are kept. */
export function writeNibbles(record: usize, from: u32, to: u32, lane: u32): void {
  const r = changetype<CodeRows>(record)
  for (let slot = firstSlot(r, from), end = lastSlot(r, to); slot < end; slot++) {
    const row = rowOf(r, slot)
    const high = (slot >> 2) & 4 // slots 16 … 31 have the high nibbles
    const keep: u32 = 0xf0 >> high
    let at = nibblesOf(r, slot)
    for (let g: u32 = 0; g < r.fields; g++) {
      const nibble = (<u32>load<u8>(row + (g >> 1)) >> ((g & 1) << 2)) & 15
      store<u8>(at, (load<u8>(at) & keep) | (nibble << high))
      at += 16
    }
    writeFactors(r, row, slot)
  }
}

export function readNibbles(record: usize, from: u32, to: u32, lane: u32): void {
  const r = changetype<CodeRows>(record)
  for (let slot = firstSlot(r, from), end = lastSlot(r, to); slot < end; slot++) {
    const row = rowOf(r, slot)
    const high = (slot >> 2) & 4
    let at = nibblesOf(r, slot)
    memory.fill(row, 0, r.codeBytes)
    for (let g: u32 = 0; g < r.fields; g++) {
      const nibble = (<u32>load<u8>(at) >> high) & 15
      store<u8>(row + (g >> 1), load<u8>(row + (g >> 1)) | (nibble << ((g & 1) << 2)))
      at += 16
    }
    readFactors(r, row, slot)
  }
}

/** Item: a block of 32 slots. A slot's quad has a field of `bits` bits in each of four adjacent bytes. */
export function writeQuads(record: usize, from: u32, to: u32, lane: u32): void {
  const r = changetype<CodeRows>(record)
  const step = (<usize>r.bits) << 4
  for (let slot = firstSlot(r, from), end = lastSlot(r, to); slot < end; slot++) {
    const row = rowOf(r, slot)
    const shift = shiftOf(r, slot)
    const keep = ~(((1 << r.bits) - 1) * 0x01010101 << shift)
    let at = quadsOf(r, slot)
    let bit: u32 = 0
    for (let i: u32 = 0; i < r.fields; i += 4) {
      store<u32>(at, (load<u32>(at) & keep) | (spread(row, bit, r.bits) << shift))
      bit += r.bits << 2
      at += step
    }
    writeFactors(r, row, slot)
  }
}

export function readQuads(record: usize, from: u32, to: u32, lane: u32): void {
  const r = changetype<CodeRows>(record)
  const step = (<usize>r.bits) << 4
  const mask = ((1 << r.bits) - 1) * 0x01010101
  for (let slot = firstSlot(r, from), end = lastSlot(r, to); slot < end; slot++) {
    const row = rowOf(r, slot)
    const shift = shiftOf(r, slot)
    let at = quadsOf(r, slot)
    let bit: u32 = 0
    for (let i: u32 = 0; i < r.fields; i += 4) {
      gather((load<u32>(at) >> shift) & mask, row, bit, r.bits)
      bit += r.bits << 2
      at += step
    }
    readFactors(r, row, slot)
  }
}

/** Item: a block of 32 slots, whose packed codes follow each other. */
export function writeRows(record: usize, from: u32, to: u32, lane: u32): void {
  const r = changetype<CodeRows>(record)
  for (let slot = firstSlot(r, from), end = lastSlot(r, to); slot < end; slot++) {
    memory.copy(r.codes + <usize>slot * r.codeBytes, rowOf(r, slot), r.codeBytes)
    writeFactors(r, rowOf(r, slot), slot)
  }
}

export function readRows(record: usize, from: u32, to: u32, lane: u32): void {
  const r = changetype<CodeRows>(record)
  for (let slot = firstSlot(r, from), end = lastSlot(r, to); slot < end; slot++) {
    memory.copy(rowOf(r, slot), r.codes + <usize>slot * r.codeBytes, r.codeBytes)
    readFactors(r, rowOf(r, slot), slot)
  }
}

function firstSlot(r: CodeRows, item: u32): u32 {
  return max(r.first, ((r.first >> 5) + item) << 5)
}

function lastSlot(r: CodeRows, item: u32): u32 {
  return min(r.first + r.count, ((r.first >> 5) + item) << 5)
}

// @ts-ignore: decorator
@inline
function rowOf(r: CodeRows, slot: u32): usize {
  return r.rows + <usize>(slot - r.first) * r.codeSize
}

// @ts-ignore: decorator
@inline
function nibblesOf(r: CodeRows, slot: u32): usize {
  return r.codes + (((<usize>(slot >> 5)) * r.fields) << 4) + (slot & 15)
}

/** Four slots share a vector of 16 bytes; the next four have its next field, or the next vector. */
// @ts-ignore: decorator
@inline
function quadsOf(r: CodeRows, slot: u32): usize {
  const vector = ((slot & 31) >> 2) * r.bits >> 3
  return r.codes + (((<usize>(slot >> 5)) * r.fields * r.bits) << 2) + (vector << 4) + ((slot & 3) << 2)
}

// @ts-ignore: decorator
@inline
function shiftOf(r: CodeRows, slot: u32): u32 {
  return ((slot >> 2) * r.bits) & 7
}

/** Four fields from a bit of the row on, each in a byte of its own. */
// @ts-ignore: decorator
@inline
function spread(row: usize, bit: u32, bits: u32): u32 {
  const at = row + (bit >> 3)
  if (bits == 8) return load<u32>(at)
  if (bits == 4) {
    const x = <u32>load<u16>(at)
    return (x & 0xf) | ((x & 0xf0) << 4) | ((x & 0xf00) << 8) | ((x & 0xf000) << 12)
  }
  const x = <u32>load<u8>(at)
  return (x & 3) | ((x & 12) << 6) | ((x & 48) << 12) | ((x & 192) << 18)
}

/** Packs the low bits of four bytes into the row. */
// @ts-ignore: decorator
@inline
function gather(x: u32, row: usize, bit: u32, bits: u32): void {
  const at = row + (bit >> 3)
  if (bits == 8) store<u32>(at, x)
  else if (bits == 4) store<u16>(at, <u16>((x & 0xf) | ((x >> 4) & 0xf0) | ((x >> 8) & 0xf00) | ((x >> 12) & 0xf000)))
  else store<u8>(at, <u8>(x | (x >> 6) | (x >> 12) | (x >> 18)))
}

// @ts-ignore: decorator
@inline
function writeFactors(r: CodeRows, row: usize, slot: u32): void {
  let at = r.factors + ((<usize>slot) << 2)
  for (let f: u32 = 0; f < r.nfactors; f++) {
    store<u32>(at, load<u32>(row + r.codeBytes + (f << 2)))
    at += (<usize>r.stride) << 2
  }
}

// @ts-ignore: decorator
@inline
function readFactors(r: CodeRows, row: usize, slot: u32): void {
  let at = r.factors + ((<usize>slot) << 2)
  for (let f: u32 = 0; f < r.nfactors; f++) {
    store<u32>(row + r.codeBytes + (f << 2), load<u32>(at))
    at += (<usize>r.stride) << 2
  }
}
