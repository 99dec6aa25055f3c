import { readFileSync } from 'node:fs'
import os from 'node:os'

/** What a reader needs to place the numbers; nothing that names the machine. */
export function machine() {
  const cpus = os.cpus()
  return {
    cpu: cpus[0]?.model.trim() ?? 'unknown',
    cores: cpus.length,
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.platform()} ${os.arch()}`,
    date: new Date().toISOString().slice(0, 10),
  }
}

/**
 * How much of the cores others used between this call and the next: the reason why times differ from run to run.
 *
 * @returns {() => number | undefined} share of all cores, 0 to 1; undefined where the system does not tell
 */
export function watchOthers() {
  const before = ticks()
  return () => {
    const after = ticks()
    if (!before || !after || after.all === before.all) return undefined
    const others = after.busy - before.busy - (after.own - before.own)
    return Math.max(0, Math.round((others / (after.all - before.all)) * 100) / 100)
  }
}

/** Ticks of all cores since the start, those spent working, and those of this process and the children it waited for. */
function ticks() {
  try {
    const [, ...all] = (readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? '').split(/\s+/).map(Number)
    const own = readFileSync('/proc/self/stat', 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')
      .slice(11, 15)
      .map(Number)
    const sum = (/** @type {number[]} */ values) => values.reduce((total, value) => total + value, 0)
    const total = sum(all.slice(0, 8))
    return { all: total, busy: total - (all[3] ?? 0) - (all[4] ?? 0), own: sum(own) }
  } catch {
    return undefined
  }
}
