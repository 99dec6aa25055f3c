import { IvfError } from '../errors.js'

/** A kernel that works on items [from, to) of what its record describes, with scratch of its own per lane. */
export type Kernel = (record: number, from: number, to: number, lane: number) => void
export type KernelName =
  | 'addToSums'
  | 'assignRows'
  | 'byteQueries'
  | 'clearHeaps'
  | 'decodeProduct'
  | 'decodeScalar'
  | 'encodeProduct'
  | 'encodeScalar'
  | 'finishQueries'
  | 'gatherRows'
  | 'keepRows'
  | 'lookUpTables'
  | 'means'
  | 'nearestCells'
  | 'nibbleTables'
  | 'prepareRows'
  | 'products'
  | 'readNibbles'
  | 'readQuads'
  | 'readRows'
  | 'rotateRows'
  | 'scanLookUp'
  | 'scanNibbles'
  | 'scanPanels'
  | 'scanQuads'
  | 'scatterRows'
  | 'signTables'
  | 'unrotateRows'
  | 'updateLimits'
  | 'writeNibbles'
  | 'writeQuads'
  | 'writeRows'

export interface Task {
  kernel: KernelName
  /** Address of the kernel's record. */
  record: number
  /** Number of items. */
  count: number
}

export interface RunOptions {
  signal?: AbortSignal | undefined
  /** Items done so far; called now and then. */
  onItems?: ((done: number) => void) | undefined
}

/** Runs the items of a task, inline or on threads; resolves when all are done, rejects when one fails. */
export interface Executor {
  /** How many items run at once, so how many lanes of scratch a task needs. */
  readonly lanes: number
  run(task: Task, options: RunOptions): Promise<void>
}

/** How long the calling thread is held before others have their turn, in ms. */
const SLICE = 12

/** Runs on the calling thread, in slices; `giveWay` lets others have their turn between two. */
export function inlineExecutor(kernels: Record<KernelName, Kernel>, giveWay: () => Promise<void>): Executor {
  // Of all runs together: many short ones in a row must not hold the thread either.
  let held = 0
  return {
    lanes: 1,
    async run({ kernel, record, count }, { signal, onItems }) {
      signal?.throwIfAborted()
      const run = kernels[kernel]
      let since = performance.now()
      for (let item = 0; item < count; item++) {
        try {
          run(record, item, item + 1, 0)
        } catch (cause) {
          throw new IvfError('ERR_WORKER', `a kernel failed: ${cause}; the call had no effect`, { cause })
        }
        if (held + performance.now() - since < SLICE) continue
        held = 0
        onItems?.(item + 1)
        await giveWay()
        signal?.throwIfAborted()
        since = performance.now()
      }
      held += performance.now() - since
    },
  }
}
