import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'

const dist = new URL('../../dist/index.js', import.meta.url)
const folder = mkdtempSync(join(tmpdir(), 'fast-ivf-'))
afterAll(() => rmSync(folder, { recursive: true }))

interface Ended {
  code: number | null
  out: string
  /** Milliseconds from the last line to the end. */
  lingered: number
}

/** Runs a program that has a pool at work before its first line. */
function runProgram(program: string, flags: string[] = [], env: Record<string, string> = {}): Promise<Ended> {
  const source = `
    import { exactSearch, FastIVF, KMeans } from ${JSON.stringify(dist.href)}
    const vectors = Float32Array.from({ length: 20000 * 32 }, (_, i) => Math.sin(i * 1.7) + Math.sin(i * i))
    const work = (options) => exactSearch(vectors, vectors.subarray(0, 500 * 32), { dim: 32, threads: 2, ...options })
    ${program}`
  const child = spawn(process.execPath, [...flags, '--input-type=module', '-e', source], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  let last = performance.now()
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      out += text
      last = performance.now()
    })
  }
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill(), 20_000)
    child.on('close', (code) => {
      clearTimeout(timer)
      resolve({ code, out, lingered: performance.now() - last })
    })
  })
}

describe.skipIf(!existsSync(dist))('a process (of the built library: npm run build)', () => {
  test('ends by itself although its index and its workers are there', async () => {
    const { code, out, lingered } = await runProgram(`
      const index = new FastIVF(32, { nlist: 64, threads: 2, kmeansMaxSteps: 10 })
      await index.train(vectors)
      const found = await index.search(vectors.subarray(0, 32 * 1000), { k: 1 })
      await work()
      console.log(found.counts.length)`)
    expect(out).toBe('1000\n')
    expect(code).toBe(0)
    expect(lingered).toBeLessThan(2000)
  })

  test('stays until work that nothing else waits for is done', async () => {
    const { code, out } = await runProgram(`work().then(({ nq }) => console.log('found', nq)); 0`)
    expect({ code, out }).toEqual({ code: 0, out: 'found 500\n' })
  })

  test('may end in the middle of work', async () => {
    const { code, lingered } = await runProgram(`work(); setTimeout(() => { console.log('bye'); process.exit(3) }, 60)`)
    expect(code).toBe(3)
    expect(lingered).toBeLessThan(2000)
  })

  test('dies of no callback that throws', async () => {
    const { code, out } = await runProgram(`
      const index = new FastIVF(32, { nlist: 16, threads: 2, kmeansMaxSteps: 3 })
      await index.train(vectors)
      const onProgress = () => { throw new Error('no') }
      for (const call of [() => index.search(vectors, { nprobe: 16, ratioThreshold: 0, onProgress }), () => index.add(vectors, { onProgress }), () => work({ onProgress })]) {
        await call().then(() => console.log('accepted'), ({ message }) => console.log(message))
      }`)
    expect({ code, out }).toEqual({ code: 0, out: 'no\nno\nno\n' })
  })

  test('starts workers without what it was told to load itself', async () => {
    const path = join(folder, 'preload.cjs')
    writeFileSync(
      path,
      `require('node:fs').writeSync(1, require('node:worker_threads').isMainThread ? 'main\\n' : 'worker\\n')`,
    )
    for (const [flags, env] of [
      [['--require', path], {}],
      [[], { NODE_OPTIONS: `--require ${path}` }],
    ] as const) {
      const { code, out } = await runProgram(`await work(); console.log('done')`, [...flags], env)
      expect({ code, out }).toEqual({ code: 0, out: 'main\ndone\n' })
    }
  })

  test('may compute in workers of its own, several at once', async () => {
    const { code, out } = await runProgram(`
      const { Worker } = await import('node:worker_threads')
      const source = \`import(${JSON.stringify(dist.href)}).then(async ({ exactSearch }) => {
        const vectors = Float32Array.from({ length: 20000 * 16 }, (_, i) => Math.sin(i * i))
        const { ids } = await exactSearch(vectors, vectors.subarray(0, 200 * 16), { dim: 16, k: 1, threads: 2 })
        require('node:worker_threads').parentPort.postMessage(ids.every((id, q) => id === q))
      })\`
      const ends = [1, 2].map(() => new Promise((resolve) => {
        const worker = new Worker(source, { eval: true, execArgv: [] })
        worker.on('message', console.log)
        worker.on('exit', resolve)
      }))
      console.log(...await Promise.all(ends))`)
    expect({ code, out }).toEqual({ code: 0, out: 'true\ntrue\n0 0\n' })
  })
})
