/** Writes the tiles: AssemblyScript has no macros, and a tile is one accumulator per line. */
import { dots } from './tiles/dots.mjs'
import { sums } from './tiles/sums.mjs'

/** A GEMM tile multiplies `rows` packed query rows by `panels` adjacent panels of 8 vectors. */
const TILES = [
  { rows: 1, panels: 2, unroll: 2 },
  { rows: 1, panels: 4, unroll: 1 },
  { rows: 2, panels: 2, unroll: 1 },
  { rows: 4, panels: 2, unroll: 1 },
]

export function tileSource() {
  return `// Written by scripts/tiles.mjs; edit that.
import { madd } from '../kernels/simd'
import { joinHalves, look, storeSums } from '../quantizers/layouts/lanes.kernel'

${[...TILES.map(tile), ...sums(), ...dots()].join('\n')}`
}

function tile({ rows, panels, unroll }) {
  const vectors = panels * 2
  const lines = []
  for (let row = 0; row < rows; row++) {
    for (let v = 0; v < vectors; v++) lines.push(`  let a${row}_${v} = f32x4.splat(0)`)
  }
  for (let p = 1; p < panels; p++) lines.push(`  let x${p} = x0 + stride * ${p}`)
  if (unroll > 1) {
    lines.push(`  const even = q + (<usize>(dim & ~${unroll - 1})) * ${rows * 4}`)
    lines.push('  while (q < even) {', ...step(rows, panels, unroll), '  }')
  }
  lines.push(`  const end = ${unroll > 1 ? `q + (<usize>(dim & ${unroll - 1}))` : 'q + <usize>dim'} * ${rows * 4}`)
  lines.push('  while (q < end) {', ...step(rows, panels, 1), '  }')
  for (let row = 0; row < rows; row++) {
    for (let v = 0; v < vectors; v++) lines.push(`  v128.store(out, a${row}_${v}, ${v * 16})`)
    if (row < rows - 1) lines.push('  out += width')
  }
  return `/** out: ${rows} × ${panels * 8} products, rows \`width\` bytes apart; q: dim × ${rows}; x0: ${panels} panels of dim × 8. */
export function tile${rows}x${panels * 8}(q: usize, x0: usize, stride: usize, dim: u32, out: usize, width: usize): void {
${lines.join('\n')}
}
`
}

function step(rows, panels, unroll) {
  const lines = []
  for (let u = 0; u < unroll; u++) {
    for (let p = 0; p < panels; p++) {
      lines.push(`    const b${u}_${2 * p} = v128.load(x${p}, ${u * 32})`)
      lines.push(`    const b${u}_${2 * p + 1} = v128.load(x${p}, ${u * 32 + 16})`)
    }
    for (let row = 0; row < rows; row++) {
      lines.push(`    const q${u}_${row} = v128.load32_splat(q, ${(u * rows + row) * 4})`)
      for (let v = 0; v < panels * 2; v++) {
        lines.push(`    a${row}_${v} = madd(q${u}_${row}, b${u}_${v}, a${row}_${v})`)
      }
    }
  }
  lines.push(`    q += ${rows * 4 * unroll}`)
  for (let p = 0; p < panels; p++) lines.push(`    x${p} += ${32 * unroll}`)
  return lines
}
