/**
 * What differs between Node, Deno, Bun and browsers, found out at run time: nothing here is imported from Node, so
 * the same files work unbundled everywhere.
 */

interface HostProcess {
  getBuiltinModule?: (name: string) => unknown
  permission?: { has(scope: string): boolean }
  versions?: Record<string, string | undefined>
}

/** A worker as the pool sees it. */
export interface HostWorker {
  post(message: unknown): void
  /** `busy` keeps the process alive. */
  busy(yes: boolean): void
  terminate(): void
}

export interface WorkerEvents {
  onMessage(message: unknown): void
  onDeath(reason: string): void
}

const host: HostProcess | undefined = (globalThis as { process?: HostProcess }).process

/** A Node built-in module, or undefined where there is none (browsers). */
export function builtin<T>(name: string): T | undefined {
  return host?.getBuiltinModule?.(`node:${name}`) as T | undefined
}

/** Node's major version, or 0 elsewhere (Deno and Bun also claim to be a Node; they are not). */
export function nodeMajor(): number {
  const versions = host?.versions
  if (!versions?.node || versions.bun || versions.deno) return 0
  return Number.parseInt(versions.node, 10)
}

/** How many threads the machine runs at once. */
export function cores(): number {
  const os = builtin<{ availableParallelism?: () => number }>('os')
  return os?.availableParallelism?.() ?? globalThis.navigator?.hardwareConcurrency ?? 1
}

/** Why memory cannot be shared between threads here, or undefined if it can. */
export function whyNotShared(): string | undefined {
  if (
    typeof SharedArrayBuffer === 'undefined' ||
    (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated === false
  ) {
    return 'memory cannot be shared: the page is not cross-origin isolated (send COOP: same-origin and COEP: require-corp)'
  }
  if (!builtin('worker_threads') && typeof Worker === 'undefined') return 'there are no workers here'
  if (host?.permission?.has('worker') === false)
    return "Node's permission model forbids workers (start it with --allow-worker)"
  return undefined
}

/** Starts a worker that runs `source`. */
export function startWorker(source: string, events: WorkerEvents): HostWorker {
  const threads = builtin<typeof import('node:worker_threads')>('worker_threads')
  if (threads) {
    // Without the program's --require, --import and NODE_OPTIONS: what they load is not meant for our workers.
    const worker = new threads.Worker(source, { eval: true, stdin: false, execArgv: [], env: {}, name: 'fast-ivf' })
    worker.unref()
    worker.on('message', events.onMessage)
    worker.on('error', (error) => events.onDeath(String(error)))
    worker.on('exit', (code) => events.onDeath(`it exited with code ${code}`))
    return {
      post: (message) => worker.postMessage(message),
      busy: (yes) => (yes ? worker.ref() : worker.unref()),
      terminate: () => void worker.terminate(),
    }
  }
  const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }))
  const worker = new Worker(url)
  worker.onmessage = (event) => events.onMessage(event.data)
  worker.onerror = (event) =>
    events.onDeath(event.message || 'it could not be started (does the CSP allow worker-src blob:?)')
  return {
    post: (message) => worker.postMessage(message),
    busy: () => {},
    terminate: () => {
      worker.terminate()
      URL.revokeObjectURL(url)
    },
  }
}

/** Lets timers, input and other requests have their turn. */
export function giveWay(): Promise<void> {
  const immediate = (globalThis as { setImmediate?: (then: () => void) => void }).setImmediate
  if (immediate) return new Promise((resolve) => immediate(resolve))
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(0)
  })
}
