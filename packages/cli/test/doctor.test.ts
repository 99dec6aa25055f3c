import { availableParallelism } from 'node:os'
import { expect, test } from 'vitest'
import { selfCheck } from '../src/doctor/self-check.js'
import { json, run } from './harness.js'

test('doctor tells the machine, the runtime and why something is off', async () => {
  const report = await json('doctor')
  expect(report).toMatchObject({ ok: true, node: process.version, cores: availableParallelism() })
  expect(report.runtime).toMatchObject({ simd: expect.stringMatching(/^(baseline|relaxed)$/), memory: 'shared' })
  expect(report.runtime.threads).toBe(availableParallelism())
  if (!report.runtime.revectorized) expect(report.runtime.reasons.join()).toContain('revectorize is off')
  expect(report.tools.map((tool: { name: string }) => tool.name)).toEqual(['chromium', 'numpy', 'faiss'])
})

test('doctor shows it for people', async () => {
  const { code, out, err } = await run('doctor')
  expect([code, err]).toEqual([0, ''])
  for (const word of ['Node', 'platform', 'processor', 'SIMD', 'threads', 'memory', 'revectorize', 'chromium']) {
    expect(out).toMatch(new RegExp(`^${word} +\\S`, 'm'))
  }
  expect(out).toMatch(/^self-check +passed: 500 queries of 2000 × 24 in 8 cells/m)
})

test('the self-check passes and can be aborted', async () => {
  expect(await selfCheck(new AbortController().signal)).toMatchObject({ ok: true })
  await expect(selfCheck(AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough')
})
