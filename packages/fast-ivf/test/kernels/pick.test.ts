import fc from 'fast-check'
import { describe, test } from 'vitest'
import { putOriginals } from './finish.js'
import { expectSame, fractions, type Machine, machines, numbers } from './machine.js'
import { FORMS, type Kept, keptRow } from './originals.js'
import { rowOf } from './reference.js'

const PANELS = 0
const FORM_NAMES = ['panels', ...(Object.keys(FORMS) as Kept[])] as const
type Form = (typeof FORM_NAMES)[number]

describe.each(machines)('$level kernels', (m) => {
  test.each(FORM_NAMES)('pickRows brings together what %s hold of any slots, and writes nothing beside', (form) => {
    for (let dim = 1; dim <= 70; dim++) pickAndCompare(m, form, { dim, seed: dim, stored: 20, count: 5, block: 2 })
    const any = fc.record({
      dim: fc.integer({ min: 1, max: 300 }),
      seed: fc.integer({ min: 1, max: 1e6 }),
      stored: fc.integer({ min: 1, max: 40 }),
      count: fc.integer({ min: 0, max: 20 }),
      block: fc.constantFrom(1, 3, 64),
    })
    fc.assert(
      fc.property(any, (c) => pickAndCompare(m, form, c)),
      { numRuns: 100, seed: 1 },
    )
  })
})

interface Case {
  dim: number
  seed: number
  stored: number
  count: number
  block: number
}

function pickAndCompare(m: Machine, form: Form, { dim, seed, stored, count, block }: Case): void {
  m.reset()
  const random = numbers(seed)
  const table = { rows: fractions(stored * dim, seed + 1), dim }
  const slots = Array.from({ length: count }, () => random() % stored)
  const rows = m.room(count * dim)
  const kept = form === 'panels' ? PANELS : FORMS[form]
  const from = putOriginals(m, table, kept)
  const record = m.record('Pick', { kept, from, dim, slots: m.putInts(slots), places: 0, count, block, rows })
  m.run('pickRows', record, Math.ceil(count / block))
  const wanted = slots.flatMap((slot) => {
    const row = rowOf(table, slot)
    return [...(form === 'panels' ? row : keptRow(form, row))]
  })
  expectSame(m.floats(rows, count * dim), wanted)
}
