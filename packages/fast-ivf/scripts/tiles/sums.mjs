/**
 * Tiles of the 4-bit fast scan: sums of table entries for the 32 slots of a block, for `queries` queries at once. Entries
 * are 6 bits wide: four are added in 8 bits, then widened.
 */
const QUERIES = [1, 2, 4]
const CHUNK = 1040 // groups whose sums fit 16 bits: 1040 · 63 < 2¹⁶

export function sums() {
  return QUERIES.map(tile)
}

function tile(queries) {
  const tables = Array.from({ length: queries }, (_, q) => `t${q}`)
  const rows = tables.flatMap((_, q) => [`${q}_0`, `${q}_1`])
  const next = (groups) => ['codes', ...tables].map((name) => `      ${name} += ${groups * 16}`)
  const lines = [
    '  const m = v128.load(mask)',
    `  for (let done: u32 = 0; done < groups; done += ${CHUNK}) {`,
    `    const count = min<u32>(${CHUNK}, groups - done)`,
    '    const fours = codes + ((<usize>(count & ~3)) << 4)',
    '    const end = codes + ((<usize>count) << 4)',
    ...rows.map((row) => `    let e${row} = i16x8.splat(0), o${row} = i16x8.splat(0)`),
    ...['    while (codes < fours) {', ...step(tables, 4), ...widen(rows), ...next(4), '    }'],
    ...['    while (codes < end) {', ...step(tables, 1), ...widen(rows), ...next(1), '    }'],
    ...rows.map((row, i) => `    storeSums(e${row}, o${row}, out + width * ${i >> 1} + ${(i & 1) * 64}, done > 0)`),
    '  }',
  ]
  return `/** out: ${queries} × 32 sums, rows \`width\` bytes apart; codes: groups × 16 bytes of two nibbles; each table: groups × 16. */
export function sums${queries}(codes: usize, groups: u32, ${tables.map((t) => `${t}: usize`).join(', ')}, mask: usize, out: usize, width: usize): void {
${lines.join('\n')}
}
`
}

function step(tables, groups) {
  const lines = []
  for (let g = 0; g < groups; g++) {
    lines.push(`      const c${g} = v128.load(codes, ${g * 16})`)
    lines.push(`      const low${g} = v128.and(c${g}, m), high${g} = v128.and(i16x8.shr_u(c${g}, 4), m)`)
    tables.forEach((table, q) => {
      const [low, high] = ['low', 'high'].map((index) => `look(v${g}_${q}, ${index}${g})`)
      lines.push(`      const v${g}_${q} = v128.load(${table}, ${g * 16})`)
      if (g === 0) lines.push(`      let r${q}_0 = ${low}, r${q}_1 = ${high}`)
      else lines.push(`      r${q}_0 = i8x16.add(r${q}_0, ${low})`, `      r${q}_1 = i8x16.add(r${q}_1, ${high})`)
    })
  }
  return lines
}

function widen(rows) {
  return rows.flatMap((row) => [
    `      e${row} = i16x8.add(e${row}, r${row})`,
    `      o${row} = i16x8.add(o${row}, i16x8.shr_u(r${row}, 8))`,
  ])
}
