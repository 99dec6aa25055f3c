// @ts-check
/**
 * The whole of a worker: it knows kernels and memory, nothing else. Its text is inlined at build time, so that no
 * bundler has to find it. A run is a kernel, the address of its record and a counter that all workers draw items from.
 *
 * @typedef {{ attach: number, module: WebAssembly.Module, memory: WebAssembly.Memory }} Attach
 * @typedef {{ detach: number }} Detach
 * @typedef {{ run: number, engine: number, kernel: string, record: number, control: number, count: number, grain: number, lane: number }} Run
 */
;(async () => {
  /** @type {any} */
  const port = globalThis.process?.getBuiltinModule?.('node:worker_threads')?.parentPort ?? globalThis
  /** @type {Map<number, { kernels: any, memory: WebAssembly.Memory }>} */
  const engines = new Map()

  /** @param {Attach | Detach | Run} message */
  const receive = (message) => {
    if ('attach' in message) {
      const { exports } = new WebAssembly.Instance(message.module, { env: { memory: message.memory } })
      engines.set(message.attach, { kernels: exports, memory: message.memory })
    } else if ('detach' in message) {
      engines.delete(message.detach)
    } else {
      port.postMessage({ run: message.run, error: work(message) })
    }
  }

  /** @param {Run} run @returns {string | undefined} what went wrong */
  const work = ({ engine, kernel, record, control, count, grain, lane }) => {
    try {
      const { kernels, memory } = /** @type {{ kernels: any, memory: WebAssembly.Memory }} */ (engines.get(engine))
      const state = new Int32Array(memory.buffer, control, 2) // [next item, stop]
      while (Atomics.load(state, 1) === 0) {
        const from = Atomics.add(state, 0, grain)
        if (from >= count) return undefined
        kernels[kernel](record, from, Math.min(from + grain, count), lane)
      }
    } catch (error) {
      return String(error)
    }
  }

  if (port.on) port.on('message', receive)
  else port.onmessage = (/** @type {MessageEvent} */ event) => receive(event.data)
})()
