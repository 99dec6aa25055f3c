/** Rows and their codes. Multiplications and additions are never fused: every build writes the same bits. */
@unmanaged
export class ProductRows {
  rows: usize // count × dim, row-major
  count: u32
  block: u32 // rows per item
  cells: usize // count: each row's cell; read where there are centroids
  centroids: usize // nlist × dim, row-major; 0: codes are of the rows themselves
  m: u32 // subvectors
  width: u32 // components of each
  k: u32 // codewords of each
  bits: u32 // of a code
  words: usize // m × k × width
  panels: usize // m × npanels × width × 8: the codewords
  bias: usize // m × npanels · 8: half their squared norms; infinite past the last
  npanels: u32 // per subspace, even
  step: u32 // panels compared at a time, even: they stay in the first-level cache
  codes: usize // count × codeSize bytes
  codeSize: u32
  add: u32 // how the factor is made: ADD_NONE …
  scratch: usize // per lane: 32 bytes, block × dim residuals, block × 32 bytes
  scratchStride: u32
}

const ADD_NONE: u32 = 0 // 0
const ADD_APART: u32 = 1 // ½‖x̂‖² − ½‖c‖²
const ADD_UNIT: u32 = 2 // ½‖x̂‖² − ½, infinite for a zero row

/** Item: a block of rows. The nearest codeword of each subvector (of equals the first), packed; then the factor. */
export function encodeProduct(record: usize, from: u32, to: u32, lane: u32): void {
  const p = changetype<ProductRows>(record)
  const dim = p.m * p.width
  const own = p.scratch + <usize>lane * p.scratchStride
  const residuals = own + 32
  const best = residuals + ((<usize>p.block * dim) << 2)
  for (let i: u32 = 0; i < 4; i++) {
    store<u32>(own + ((<usize>i) << 2), i)
    store<u32>(own + ((<usize>i) << 2), 4, 16)
  }
  for (let item = from; item < to; item++) {
    const first = item * p.block
    const count = min(p.block, p.count - first)
    const codes = p.codes + <usize>first * p.codeSize
    memory.fill(codes, 0, <usize>count * p.codeSize)
    let rows = p.rows + ((<usize>first * dim) << 2)
    if (p.centroids) {
      for (let i: u32 = 0; i < count; i++) {
        const at = (<usize>i * dim) << 2
        subtract(rows + at, centroidOf(p, first + i), dim, residuals + at)
      }
      rows = residuals
    }
    for (let j: u32 = 0; j < p.m; j++) {
      findNearest(p, rows + ((<usize>j * p.width) << 2), (<usize>dim) << 2, count, j, own, best)
      for (let i: u32 = 0; i < count; i++) {
        putCode(codes + <usize>i * p.codeSize, j * p.bits, labelOf(best + ((<usize>i) << 5)))
      }
    }
    for (let i: u32 = 0; i < count; i++) {
      const code = codes + <usize>i * p.codeSize
      store<f32>(code + p.codeSize - 4, factorOf(p, first + i, code))
    }
  }
}

/** Item: a block of code rows. Each as the vector that it stands for. */
export function decodeProduct(record: usize, from: u32, to: u32, lane: u32): void {
  const p = changetype<ProductRows>(record)
  const bytes = (<usize>p.width) << 2
  for (let i = from * p.block, end = min(to * p.block, p.count); i < end; i++) {
    const code = p.codes + <usize>i * p.codeSize
    let row = p.rows + <usize>i * p.m * bytes
    let centroid = p.centroids ? centroidOf(p, i) : 0
    for (let j: u32 = 0; j < p.m; j++) {
      memory.copy(row, wordOf(p, j, code), bytes)
      if (centroid) {
        for (let t: usize = 0; t < bytes; t += 4) store<f32>(row + t, load<f32>(centroid + t) + load<f32>(row + t))
        centroid += bytes
      }
      row += bytes
    }
  }
}

/** The code that begins at a bit. Up to 3 bytes past it are read. */
// @ts-ignore: decorator
@inline
export function codeAt(codes: usize, bit: u32, bits: u32): u32 {
  return (load<u32>(codes + (bit >> 3)) >> (bit & 7)) & ((1 << bits) - 1)
}

/** The bytes after the code, up to 3, are the factor's, which comes last. */
// @ts-ignore: decorator
@inline
function putCode(codes: usize, bit: u32, code: u32): void {
  const at = codes + (bit >> 3)
  store<u32>(at, load<u32>(at) | (code << (bit & 7)))
}

// @ts-ignore: decorator
@inline
function centroidOf(p: ProductRows, row: u32): usize {
  return p.centroids + ((<usize>load<u32>(p.cells + ((<usize>row) << 2)) * p.m * p.width) << 2)
}

// @ts-ignore: decorator
@inline
function wordOf(p: ProductRows, j: u32, code: usize): usize {
  return p.words + ((<usize>(j * p.k + codeAt(code, j * p.bits, p.bits)) * p.width) << 2)
}

function subtract(row: usize, centroid: usize, dim: u32, to: usize): void {
  let i: u32 = 0
  for (; i + 4 <= dim; i += 4) {
    const at = (<usize>i) << 2
    v128.store(to + at, f32x4.sub(v128.load(row + at), v128.load(centroid + at)))
  }
  for (; i < dim; i++) {
    const at = (<usize>i) << 2
    store<f32>(to + at, load<f32>(row + at) - load<f32>(centroid + at))
  }
}

/** best: per row four distances and their labels, lane by lane. `counters`: 0 1 2 3 and 4 4 4 4. */
function findNearest(p: ProductRows, rows: usize, stride: usize, count: u32, j: u32, counters: usize, best: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    v128.store(best + ((<usize>i) << 5), f32x4.splat(Infinity))
    v128.store(best + ((<usize>i) << 5), i32x4.splat(0), 16)
  }
  for (let panel: u32 = 0; panel < p.npanels; panel += p.step) {
    const all = j * p.npanels + panel
    const x = p.panels + ((<usize>all * p.width) << 5)
    const bias = p.bias + ((<usize>all) << 5)
    const panels = min(p.step, p.npanels - panel)
    for (let i: u32 = 0; i < count; i += 2) {
      const other = min(i + 1, count - 1)
      compare(rows + <usize>i * stride, rows + <usize>other * stride, x, bias, panels, p.width, panel << 3, counters, best + ((<usize>i) << 5), best + ((<usize>other) << 5))
    }
  }
}

/** Compares two rows with `panels` panels of codewords, the first of which is number `label`. */
function compare(a: usize, b: usize, x: usize, bias: usize, panels: u32, width: u32, label: u32, counters: usize, bestA: usize, bestB: usize): void {
  const stride = (<usize>width) << 5
  const bytes = (<usize>width) << 2
  const four = v128.load(counters, 16)
  let at = i32x4.add(v128.load(counters), i32x4.splat(label))
  let dA = v128.load(bestA), nA = v128.load(bestA, 16)
  let dB = v128.load(bestB), nB = v128.load(bestB, 16)
  for (let panel: u32 = 0; panel < panels; panel += 2) {
    let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0
    for (let t: usize = 0; t < bytes; t += 4) {
      const qa = v128.load32_splat(a + t), qb = v128.load32_splat(b + t)
      const x0 = v128.load(x), x1 = v128.load(x, 16), x2 = v128.load(x + stride), x3 = v128.load(x + stride, 16)
      a0 = f32x4.add(a0, f32x4.mul(qa, x0))
      a1 = f32x4.add(a1, f32x4.mul(qa, x1))
      a2 = f32x4.add(a2, f32x4.mul(qa, x2))
      a3 = f32x4.add(a3, f32x4.mul(qa, x3))
      b0 = f32x4.add(b0, f32x4.mul(qb, x0))
      b1 = f32x4.add(b1, f32x4.mul(qb, x1))
      b2 = f32x4.add(b2, f32x4.mul(qb, x2))
      b3 = f32x4.add(b3, f32x4.mul(qb, x3))
      x += 32
    }
    x += stride
    let half = v128.load(bias)
    let ca = f32x4.sub(half, a0), cb = f32x4.sub(half, b0)
    nA = v128.bitselect(at, nA, f32x4.lt(ca, dA))
    nB = v128.bitselect(at, nB, f32x4.lt(cb, dB))
    dA = f32x4.pmin(dA, ca)
    dB = f32x4.pmin(dB, cb)
    at = i32x4.add(at, four)
    half = v128.load(bias, 16)
    ca = f32x4.sub(half, a1)
    cb = f32x4.sub(half, b1)
    nA = v128.bitselect(at, nA, f32x4.lt(ca, dA))
    nB = v128.bitselect(at, nB, f32x4.lt(cb, dB))
    dA = f32x4.pmin(dA, ca)
    dB = f32x4.pmin(dB, cb)
    at = i32x4.add(at, four)
    half = v128.load(bias, 32)
    ca = f32x4.sub(half, a2)
    cb = f32x4.sub(half, b2)
    nA = v128.bitselect(at, nA, f32x4.lt(ca, dA))
    nB = v128.bitselect(at, nB, f32x4.lt(cb, dB))
    dA = f32x4.pmin(dA, ca)
    dB = f32x4.pmin(dB, cb)
    at = i32x4.add(at, four)
    half = v128.load(bias, 48)
    ca = f32x4.sub(half, a3)
    cb = f32x4.sub(half, b3)
    nA = v128.bitselect(at, nA, f32x4.lt(ca, dA))
    nB = v128.bitselect(at, nB, f32x4.lt(cb, dB))
    dA = f32x4.pmin(dA, ca)
    dB = f32x4.pmin(dB, cb)
    at = i32x4.add(at, four)
    bias += 64
  }
  v128.store(bestA, dA)
  v128.store(bestA, nA, 16)
  v128.store(bestB, dB)
  v128.store(bestB, nB, 16)
}

/** The label of the least of four distances; of equals the lowest. */
function labelOf(best: usize): u32 {
  let distance = load<f32>(best), label = load<u32>(best, 16)
  for (let i: usize = 4; i < 16; i += 4) {
    const d = load<f32>(best + i), n = load<u32>(best + i, 16)
    if (d < distance || (d == distance && n < label)) {
      distance = d
      label = n
    }
  }
  return label
}

function factorOf(p: ProductRows, row: u32, code: usize): f32 {
  if (p.add == ADD_NONE) return 0
  const dim = p.m * p.width
  if (p.add == ADD_UNIT && isZero(p.rows + ((<usize>row * dim) << 2), dim)) return Infinity
  let sum: f32 = 0
  if (!p.centroids) {
    for (let j: u32 = 0; j < p.m; j++) {
      const all = j * (p.npanels << 3) + codeAt(code, j * p.bits, p.bits)
      sum += load<f32>(p.bias + ((<usize>all) << 2))
    }
  } else {
    const bytes = (<usize>p.width) << 2
    let centroid = centroidOf(p, row)
    for (let j: u32 = 0; j < p.m; j++) {
      const word = wordOf(p, j, code)
      for (let t: usize = 0; t < bytes; t += 4) {
        const c = load<f32>(centroid + t), y = load<f32>(word + t)
        if (p.add == ADD_UNIT) sum += (c + y) * (c + y) * 0.5
        else sum += y * (c + y * 0.5)
      }
      centroid += bytes
    }
  }
  return p.add == ADD_UNIT ? sum - 0.5 : sum
}

// @ts-ignore: decorator
@inline
function isZero(row: usize, dim: u32): bool {
  for (let i: u32 = 0; i < dim; i++) if (load<f32>(row + ((<usize>i) << 2)) != 0) return false
  return true
}
