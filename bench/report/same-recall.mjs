import { setNamed } from '../sets/sets.mjs'
import { bestAt, isOfSpec, isOurs, nameOf, qpsAt } from './curves.mjs'
import { num, ratio, table } from './table.mjs'

const levels = [0.9, 0.95, 0.99]

/** What the tables below say. */
export const sameRecallNote =
  'QPS at recall@10, between the measured settings of an index; **×** is the best of our IVF specs with `revectorize` ' +
  '(else without; FastIVF where no spec was measured) over the line, so above 1 we are faster; **bytes** per vector, all in ' +
  'all, and without originals where the answers are estimates; **build** in seconds; **other work** is what the rest of ' +
  'the machine took of the cores meanwhile: compare only rows where it is alike.\n'

/** A table per set: every index, ours and others', at three recalls. @param {import('./curves.mjs').Curve[]} curves */
export function atSameRecall(curves) {
  const names = [...new Set(curves.map((curve) => curve.set))].filter((name) => name !== 'mixture')
  return names.flatMap((name) => {
    const here = curves.filter((curve) => curve.set === name)
    const ours = contenders(here)
    const rows = here.map((curve) => {
      const cells = levels.flatMap((level) => {
        const qps = qpsAt(curve.points, level)
        const best = bestAt(ours, level)?.qps
        return [num(qps), qps && best && !ours.includes(curve) ? ratio(best / qps) : '']
      })
      const others = curve.others === undefined ? '–' : `${Math.round(curve.others * 100)} %`
      return [nameOf(curve), num(curve.bytesPerVector), num(curve.build.total, 1), ...cells, others]
    })
    return [
      `**${name}**: ${setNamed(name).about}\n`,
      table(['index', 'bytes', 'build', '.90', '×', '.95', '×', '.99', '×', 'other work'], rows),
      summary(here, ours),
    ]
  })
}

/** Those of ours that stand for us: specs of the wide build, or what there is. @param {import('./curves.mjs').Curve[]} here */
function contenders(here) {
  const own = here.filter((curve) => isOurs(curve) && !curve.installed)
  const specs = own.filter(isOfSpec)
  const from = specs.length > 0 ? specs : own
  const wide = from.filter((curve) => curve.revectorize)
  return wide.length > 0 ? wide : from
}

/** Our best at each recall, and who is faster. @param {import('./curves.mjs').Curve[]} here @param {import('./curves.mjs').Curve[]} ours */
function summary(here, ours) {
  const lines = levels.map((level) => {
    const best = bestAt(ours, level)
    const at = `at ${String(level).slice(1)}`
    if (!best) return `${at} **we reach nothing**`
    const faster = here.flatMap((curve) => {
      const qps = isOurs(curve) ? undefined : qpsAt(curve.points, level)
      return qps && qps > best.qps ? [`${nameOf(curve)} ${ratio(qps / best.qps)}`] : []
    })
    const lost = faster.length > 0 ? `, **slower than** ${faster.join(', ')}` : ''
    return `${at} ${best.curve.index} with ${num(best.qps)} QPS${lost}`
  })
  return `Our best: ${lines.join('; ')}.\n`
}
