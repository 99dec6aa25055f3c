import { IvfError } from '../errors.js'

/** A kernel that works on items [from, to) of what its record describes, with scratch of its own per lane. */
export type Kernel = (record: number, from: number, to: number, lane: number) => void
export type KernelName =
  | 'addToSums'
  | 'assignRows'
  | 'byteQueries'
  | 'classifyRows'
  | 'clearHeaps'
  | 'compareCells'
  | 'comparePairs'
  | 'decideCells'
  | 'decodeProduct'
  | 'decodeScalar'
  | 'embedRows'
  | 'encodeProduct'
  | 'encodeScalar'
  | 'finishQueries'
  | 'gatherRows'
  | 'hashRanges'
  | 'keepRows'
  | 'lookUpTables'
  | 'matchPairs'
  | 'means'
  | 'nearestCells'
  | 'nibbleTables'
  | 'pickRows'
  | 'placeBatch'
  | 'placeLayer'
  | 'prepareRows'
  | 'products'
  | 'projectRows'
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
  | 'updateLayer'
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
  /** A writer's work: while others search, a core is left to them. */
  aside?: boolean | undefined
}

/** Runs the items of a task, inline or on threads; resolves when all are done, rejects when one fails. */
export interface Executor {
  /** How many items run at once, so how many lanes of scratch a task needs. */
  readonly lanes: number
  run(task: Task, options: RunOptions): Promise<void>
}

/** How long the calling thread is held before others have their turn, in ms. */
const SLICE = 12

/** The calling thread, as those who work on it share it: many short pieces in a row must not hold it either. */
export interface Turn {
  /** For how long it has been held since others last had their turn, in ms. */
  held: number
  readonly giveWay: () => Promise<void>
}

/** Runs on the calling thread, in slices; others have their turn between two. */
export function inlineExecutor(kernels: Record<KernelName, Kernel>, turn: Turn): Executor {
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
        if (turn.held + performance.now() - since < SLICE) continue
        turn.held = 0
        onItems?.(item + 1)
        await turn.giveWay()
        signal?.throwIfAborted()
        since = performance.now()
      }
      turn.held += performance.now() - since
    },
  }
}

/**
 * For work that is not a kernel's: to be called every millisecond or so. Time that passed in a task counts twice, so
 * that others have their turn a little too often rather than too late.
 */
export function pace(turn: Turn, signal: AbortSignal | undefined): () => Promise<void> {
  let since = performance.now()
  return async () => {
    signal?.throwIfAborted()
    const now = performance.now()
    turn.held += now - since
    since = now
    if (turn.held < SLICE) return
    turn.held = 0
    await turn.giveWay()
    signal?.throwIfAborted()
    since = performance.now()
  }
}
