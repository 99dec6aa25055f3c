import os from 'node:os'

/** What a reader needs to place the numbers; nothing that names the machine. */
export function machine() {
  const cpus = os.cpus()
  return {
    cpu: cpus[0]?.model.trim() ?? 'unknown',
    cores: cpus.length,
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.platform()} ${os.arch()}`,
    loadAtStart: Number((os.loadavg()[0] ?? 0).toFixed(2)),
    date: new Date().toISOString().slice(0, 10),
  }
}
