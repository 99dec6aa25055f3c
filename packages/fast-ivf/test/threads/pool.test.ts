import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { giveWay, type HostWorker, startWorker } from '../../src/platform/host.js'
import { Pool } from '../../src/threads/pool.js'
import { engineOn, LARGE, labelling } from './labelling.js'

/** A pool whose workers can be reached; `sources` stand in for the first workers' programs. */
function openPool(threads: number, sources: string[] = []): Open {
  const workers: HostWorker[] = []
  const detached: unknown[] = []
  const dismissed: HostWorker[] = []
  const pool = new Pool(threads, (source, events) => {
    const worker = startWorker(sources.shift() ?? source, events)
    workers.push(worker)
    return {
      ...worker,
      post(message) {
        if ('detach' in (message as object)) detached.push(message)
        worker.post(message)
      },
      terminate() {
        dismissed.push(worker)
        worker.terminate()
      },
    }
  })
  return { pool, workers, detached, dismissed }
}

interface Open {
  pool: Pool
  /** All that were started. */
  workers: HostWorker[]
  /** What they were told to forget. */
  detached: unknown[]
  /** Those that the pool itself has ended. */
  dismissed: HostWorker[]
}

/** Collects garbage until `done`, or for a while. */
async function collect(done: () => boolean): Promise<void> {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  for (let i = 0; i < 50 && !done(); i++) {
    gc()
    await giveWay()
  }
}

const LONG = 3000 // items: some seconds, were it not ended

function after<T>(ms: number, work: () => T): Promise<T> {
  return new Promise((resolve) => setTimeout(() => resolve(work()), ms))
}

const died = { name: 'IvfError', code: 'ERR_WORKER' }

describe('workers that fail', () => {
  test('a worker that dies in the middle rejects the run, and the next run has a new one', async () => {
    const { pool, workers } = openPool(3)
    const engine = engineOn(pool)
    const before = engine.bytes
    for (let i = 0; i < 3; i++) {
      let done = 0
      const onItems = (items: number): void => {
        done = items
      }
      const run = labelling(engine, LONG, { onItems })
      await Promise.all([expect(run).rejects.toMatchObject(died), after(50, () => workers.at(-1)?.terminate())])
      expect(engine.bytes).toBe(before)
      // The others stop too.
      expect(done).toBeLessThan(LONG / 2)
      await labelling(engine, 20)
      expect(workers.length).toBe(4 + i)
    }
  })

  test('all workers may die', async () => {
    const { pool, workers } = openPool(2)
    const engine = engineOn(pool)
    const run = labelling(engine, LONG)
    await Promise.all([
      expect(run).rejects.toMatchObject(died),
      after(50, () => workers.forEach((worker) => worker.terminate())),
    ])
    await labelling(engine, 20)
    expect(workers.length).toBe(4)
  })

  test('a worker that dies between two runs is replaced', async () => {
    const { pool, workers } = openPool(2)
    const engine = engineOn(pool)
    await labelling(engine, 4)
    workers[0]?.terminate()
    // Right after, its death has not been told yet: the run may fail, the next may not.
    await labelling(engine, 4).catch((error) => expect(error).toMatchObject(died))
    await labelling(engine, 4)
    expect(workers.length).toBe(3)
  })

  test('a worker that dies takes all the runs that wait for it, of all engines', async () => {
    const { pool, workers } = openPool(2)
    const runs = [engineOn(pool), engineOn(pool)].flatMap((engine) => [
      labelling(engine, LONG),
      labelling(engine, LONG),
    ])
    const all = Promise.all(runs.map((run) => expect(run).rejects.toMatchObject(died)))
    await Promise.all([all, after(50, () => workers[1]?.terminate())])
    await labelling(engineOn(pool), 20)
  })

  test('a worker whose program fails says why', async () => {
    for (const source of ['throw new Error("no way")', 'process.exit(7)', 'syntax error']) {
      const { pool, workers } = openPool(2, [source])
      const engine = engineOn(pool)
      await expect(labelling(engine, 20)).rejects.toMatchObject({
        ...died,
        message: expect.stringMatching(/no way|code 7|SyntaxError/),
      })
      await labelling(engine, 20)
      expect(workers.length).toBe(3)
    }
  })

  test('a kernel that traps ends the run and no worker', async () => {
    const { pool, workers } = openPool(3)
    const engine = engineOn(pool)
    const other = labelling(engineOn(pool), 50)
    const record = engine.alloc(64)
    engine.ints(record, 2).set([0xffffff00, 1000])
    const run = engine.run({ kernel: 'clearHeaps', record, count: 100 }, { cost: LARGE })
    await expect(run).rejects.toMatchObject({ ...died, message: expect.stringMatching(/out of bounds/) })
    await other
    await labelling(engine, 20)
    expect(workers.length).toBe(3)
  })
})

describe('a run', () => {
  test('that is aborted rejects with the reason, and others go on', async () => {
    const { pool } = openPool(2)
    const engine = engineOn(pool)
    const before = engine.bytes
    for (const reason of [new Error('enough'), 'a string', undefined]) {
      const controller = new AbortController()
      const other = labelling(engine, 40)
      const run = labelling(engine, LONG, { signal: controller.signal })
      await after(40, () => controller.abort(reason))
      await expect(run).rejects.toBe(controller.signal.reason)
      await other
      expect(engine.bytes).toBe(before)
    }
    const aborted = labelling(engine, 4, { signal: AbortSignal.abort('before') })
    await expect(aborted).rejects.toBe('before')
    await labelling(engine, 20, { signal: new AbortController().signal })
  })

  test('leaves no listener on a signal', async () => {
    const engine = engineOn(openPool(2).pool)
    const { signal } = new AbortController()
    let listeners = 0
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++
      add(...args)
    }
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--
      remove(...args)
    }
    await labelling(engine, 4, { signal })
    expect(listeners).toBe(0)
  })

  test('tells how far it has come, never more than there is', async () => {
    const engine = engineOn(openPool(2).pool)
    const seen: number[] = []
    await labelling(engine, 400, { onItems: (done) => seen.push(done) })
    expect(seen.length).toBeGreaterThan(0)
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
    expect(seen.at(-1)).toBeLessThanOrEqual(400)
  })

  test('rejects when the one who is told throws, and the process lives on', async () => {
    const engine = engineOn(openPool(2).pool)
    const refused = new Error('no')
    const onItems = (): void => {
      throw refused
    }
    await expect(labelling(engine, LONG, { onItems })).rejects.toBe(refused)
    await labelling(engine, 20)
  })

  test('shares its workers with many others, of several engines', async () => {
    const { pool, workers } = openPool(2)
    const engines = [engineOn(pool), engineOn(pool), engineOn(pool)]
    await Promise.all(Array.from({ length: 18 }, (_, i) => labelling(engines[i % 3] as (typeof engines)[0], 1 + i)))
    expect(workers.length).toBe(2)
  })
})

describe('an engine is forgotten by the workers', () => {
  test('when it is closed', async () => {
    const { pool, detached } = openPool(2)
    const [one, two] = [engineOn(pool), engineOn(pool)]
    await Promise.all([labelling(one, 4), labelling(two, 4)])
    one.close()
    expect(detached).toEqual([{ detach: 1 }, { detach: 1 }])
    await labelling(two, 4)
  })

  test('when nobody holds it any more', async () => {
    const { pool, detached } = openPool(2)
    await (() => labelling(engineOn(pool), 4))()
    await collect(() => detached.length > 0)
    expect(detached).toEqual([{ detach: 1 }, { detach: 1 }])
  })

  test('and its memory is freed: workers that are idle never collect it, so they end', async () => {
    const { pool, workers, dismissed, detached } = openPool(2)
    const work = async (bytes: number): Promise<void> => {
      const engine = engineOn(pool)
      engine.alloc(bytes)
      await labelling(engine, 4)
    }
    await work(1e6)
    await collect(() => detached.length > 0)
    expect(dismissed).toEqual([])
    await work(100e6)
    await collect(() => dismissed.length > 0)
    expect(dismissed).toEqual(workers)
    await labelling(engineOn(pool), 4)
    expect(workers.length).toBe(4)
  })
})
