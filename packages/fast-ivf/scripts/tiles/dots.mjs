/**
 * Tiles of integer products: `rows` packed queries by `slots` adjacent slots of a block, whose codes are 8 bits wide or,
 * with `bits`, decoded on the way: for one query alone it does not pay to decode a block first.
 * The relaxed ones multiply bytes (the query's are 7 bits wide, so that pairs of products fit 16 bits); sums of four
 * are made by a second multiplication by ones, which takes fewer instructions than the relaxed dot of four where that
 * is not one of the processor's. The others widen codes to 16 bits; their accumulators hold two halves of two slots.
 */
const TILES = [
  { rows: 1, slots: 32, relaxed: true },
  { rows: 2, slots: 16, relaxed: true },
  { rows: 1, slots: 32, relaxed: true, bits: 2 },
  { rows: 1, slots: 32, relaxed: true, bits: 4 },
  { rows: 1, slots: 16, relaxed: false },
  { rows: 2, slots: 8, relaxed: false },
  { rows: 1, slots: 16, relaxed: false, bits: 2 },
  { rows: 1, slots: 16, relaxed: false, bits: 4 },
]

export function dots() {
  return TILES.map(tile)
}

function tile({ rows, slots, relaxed, bits = 8 }) {
  const vectors = slots / 4
  const each = { rows, relaxed, accumulators: relaxed ? vectors : vectors * 2 }
  const bytes = relaxed ? 4 : 8 // of a query's quad
  const lines = []
  for (let row = 0; row < rows; row++) {
    for (let v = 0; v < each.accumulators; v++)
      lines.push(`  let a${row}_${v} = ${relaxed ? `v128.load(starts, ${v * 16})` : 'i32x4.splat(0)'}`)
  }
  if (relaxed) lines.push('  const one = v128.load(ones)')
  if (bits < 8) lines.push('  const m = v128.load(mask)')
  lines.push(`  const end = q + <usize>quads * ${rows * bytes}`, '  while (q < end) {')
  for (let row = 0; row < rows; row++) lines.push(`    const q${row} = v128.load${bytes * 8}_splat(q, ${row * bytes})`)
  lines.push(...(bits < 8 ? decoded(each, vectors, bits) : loaded(each)))
  lines.push(`    x += ${16 * bits}`, `    q += ${rows * bytes}`, '  }')
  for (let row = 0; row < rows; row++) {
    for (let v = 0; v < vectors; v++) {
      const sums = relaxed
        ? `f32x4.convert_i32x4_s(a${row}_${v})`
        : `joinHalves(a${row}_${2 * v}, a${row}_${2 * v + 1}, v128.load(starts, ${v * 16}))`
      lines.push(`  v128.store(out, ${sums}, ${v * 16})`)
    }
    if (row < rows - 1) lines.push('  out += width')
  }
  const constants = `${relaxed ? ' ones: usize,' : ''}${bits < 8 ? ' mask: usize, levels: v128,' : ''}`
  return `/** out: ${rows} × ${slots} sums that begin at \`starts\`, rows \`width\` bytes apart; x: quads × ${16 * bits} bytes of ${bits}-bit codes; q: quads × ${rows} × 4 components of ${bytes * 2} bits. */
export function dots${rows}x${slots}${bits < 8 ? `of${bits}` : ''}(x: usize, q: usize, quads: u32, starts: usize,${constants} out: usize, width: usize): void {
${lines.join('\n')}
}
`
}

function loaded({ rows, relaxed, accumulators }) {
  const lines = []
  for (let v = 0; v < accumulators; v++)
    lines.push(`    const x${v} = ${relaxed ? `v128.load(x, ${v * 16})` : `v128.load_ext<i8>(x, ${v * 8})`}`)
  for (let row = 0; row < rows; row++) {
    for (let v = 0; v < accumulators; v++) lines.push(multiply(relaxed, row, v))
  }
  return lines
}

function decoded({ relaxed }, vectors, bits) {
  const fields = 8 / bits
  const lines = []
  for (let v = 0; v < vectors; v++) {
    const stored = Math.floor(v / fields)
    const shift = (v % fields) * bits
    if (shift === 0) lines.push(`    const c${stored} = v128.load(x, ${stored * 16})`)
    const field = shift === 0 ? `c${stored}` : `i16x8.shr_u(c${stored}, ${shift})`
    lines.push(`    const ${relaxed ? 'x' : 'd'}${v} = look(levels, v128.and(${field}, m))`)
    if (relaxed) lines.push(multiply(relaxed, 0, v))
    else {
      lines.push(
        `    const x${2 * v} = i16x8.extend_low_i8x16_s(d${v}), x${2 * v + 1} = i16x8.extend_high_i8x16_s(d${v})`,
      )
      lines.push(multiply(relaxed, 0, 2 * v), multiply(relaxed, 0, 2 * v + 1))
    }
  }
  return lines
}

function multiply(relaxed, row, v) {
  const factors = relaxed ? `i16x8.relaxed_dot_i8x16_i7x16_s(x${v}, q${row}), one` : `x${v}, q${row}`
  return `    a${row}_${v} = i32x4.add(a${row}_${v}, i32x4.dot_i16x8_s(${factors}))`
}
