/** A process that measures one thing and ends, so that nothing else is in its memory. Its parent sends what to do. */

import { readFile } from 'node:fs/promises'
import type { Keep, Progress, RuntimeOptions } from 'fast-ivf'
import type { SetFiles } from './data.js'
import { measureIndex } from './measure-index.js'
import { measureScores } from './measure-scores.js'

/** What all tasks are told. */
interface TaskBase extends SetFiles, RuntimeOptions {
  seed: number
}

export interface IndexTask extends Omit<TaskBase, 'base' | 'queries' | 'truth' | 'dim'> {
  spec: string
  keep?: Keep
  targets: readonly number[]
}

export type ScoresTask = Omit<TaskBase, 'base' | 'queries' | 'truth' | 'dim' | 'k'>

/** What a child is sent. */
export type Task = { files: SetFiles } & (({ kind: 'index' } & IndexTask) | ({ kind: 'scores' } & ScoresTask))

/** What it sends: how far it is, then an answer or an error. */
export type Reply = { step: Progress } | { answer: unknown } | { error: { message: string; code?: string } }

/** The vectors, in memory. */
export interface Loaded {
  dim: number
  /** count × dim and nq × dim */
  base: Float32Array
  queries: Float32Array
  /** nq × k, NaN where there is none. */
  truth: { ids: Float64Array; k: number }
}

process.once('message', (task: Task) => {
  const send = (reply: Reply): void => void process.send?.(reply)
  doTask(task, (step) => send({ step }))
    .catch((error: Error & { code?: string }) => ({ error: { message: error.message, code: error.code } }))
    .then((reply) => process.send?.(reply, () => process.disconnect()))
})

async function doTask({ files, ...task }: Task, onProgress: (step: Progress) => void): Promise<Reply> {
  const loaded = await load(files)
  if (task.kind === 'scores') {
    const { kind: _, ...told } = task
    return { answer: await measureScores(told, loaded, onProgress) }
  }
  const { kind: _, ...told } = task
  return { answer: await measureIndex(told, loaded, onProgress) }
}

async function load({ dim, k, base, queries, truth }: SetFiles): Promise<Loaded> {
  const floats = async (path: string): Promise<Float32Array> => {
    const { buffer, byteOffset, byteLength } = await readFile(path)
    return new Float32Array(buffer, byteOffset, byteLength / 4)
  }
  const asked = await floats(queries)
  const { buffer, byteOffset, byteLength } = await readFile(truth)
  const ids = new Float64Array(buffer.slice(byteOffset, byteOffset + byteLength))
  return {
    dim,
    base: await floats(base),
    queries: asked,
    truth: { ids, k: Math.min(k, ids.length / (asked.length / dim)) },
  }
}
