import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { exactSearch, runtime } from '../../src/index.js'

const node = Number.parseInt(process.versions.node, 10)

describe('runtime() tells what computation uses', () => {
  test('all cores, shared memory, and why something is off', async () => {
    const info = await runtime()
    expect(info).toMatchObject({ memory: 'shared', revectorized: false })
    expect(info.threads).toBeGreaterThan(0)
    expect(info.reasons).toContain('revectorize is off: it was not asked for')
    expect(info.reasons.some((reason) => reason.startsWith('relaxed SIMD is not there'))).toBe(info.simd === 'baseline')
    expect(info.reasons.some((reason) => reason.startsWith('threads'))).toBe(false)
  })

  test('no threads when none are wanted', async () => {
    const info = await runtime({ threads: 0 })
    expect(info.threads).toBe(0)
    expect(info.reasons).toContain('threads are off: asked for 0')
  })

  test('the threads that are asked for', async () => {
    expect((await runtime({ threads: 3 })).threads).toBe(3)
    for (const threads of [-1, 1.5, Number.NaN, 1025, '2', null]) {
      await expect(runtime({ threads: threads as number })).rejects.toMatchObject({ code: 'ERR_ARGUMENT' })
    }
  })

  test.runIf(node < 24)('that this Node cannot widen kernels', async () => {
    const info = await runtime({ revectorize: true })
    expect(info.revectorized).toBe(false)
    expect(info.reasons.join()).toMatch(/revectorize is off: Node \d+ .* needs Node 24/)
    // It is asked for, not demanded.
    expect(
      (
        await exactSearch(
          [
            [1, 0],
            [0, 1],
          ],
          [[0, 2]],
          { revectorize: true, k: 1 },
        )
      ).of(0),
    ).toEqual([{ id: 1, score: 1 }])
  })

  test.runIf(node >= 24 && process.arch === 'x64')('that this Node widens kernels', async () => {
    const info = await runtime({ revectorize: true })
    expect(info).toMatchObject({ simd: 'relaxed', revectorized: true })
    // The check is made once.
    const before = performance.now()
    for (let i = 0; i < 10; i++) await runtime({ revectorize: true })
    expect(performance.now() - before).toBeLessThan(40)
  })
})

describe('where there is less, runtime() says so and answers stay right', () => {
  const dist = new URL('../../dist/index.js', import.meta.url).href
  const program = `
    const { runtime, exactSearch } = await import(${JSON.stringify(dist)})
    const vectors = Float32Array.from({ length: 4000 * 16 }, (_, i) => Math.sin(i * i))
    const found = await exactSearch(vectors, vectors.subarray(0, 500 * 16), { dim: 16, k: 1 })
    console.log(JSON.stringify({ ...(await runtime()), right: found.ids.every((id, q) => id === q) }))`

  function under(flags: string[], before = ''): Record<string, unknown> {
    const out = execFileSync(process.execPath, [...flags, '--input-type=module', '-e', before + program], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return JSON.parse(out)
  }

  test('without shared memory', () => {
    const info = under([], 'delete globalThis.SharedArrayBuffer;')
    expect(info).toMatchObject({ threads: 0, memory: 'unshared', right: true })
    expect(String(info.reasons)).toMatch(/threads are off: memory cannot be shared/)
  })

  test('on a page that is not isolated', () => {
    expect(under([], 'globalThis.crossOriginIsolated = false;')).toMatchObject({
      threads: 0,
      memory: 'unshared',
      right: true,
    })
  })

  test("where Node's permission model forbids workers", () => {
    const flag = node < 23 ? '--experimental-permission' : '--permission'
    const info = under([flag, '--allow-fs-read=*'])
    expect(info).toMatchObject({ threads: 0, right: true })
    expect(String(info.reasons)).toMatch(/forbids workers \(start it with --allow-worker\)/)
  })

  test('without the modules of Node, as in a browser without workers', () => {
    const info = under([], 'process.getBuiltinModule = undefined;')
    expect(info).toMatchObject({ threads: 0, right: true })
    expect(String(info.reasons)).toMatch(/there are no workers here/)
  })
})
