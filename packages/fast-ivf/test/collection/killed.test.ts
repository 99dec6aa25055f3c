import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Collection, seeded, vectorOf } from './killed.js'

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'fast-ivf-killed-collection-'))
const module = join(folder, 'killed.mjs')
const ROUNDS = 104

// the child runs the sources, not what was built last
beforeAll(async () => {
  const bundle = await rolldown({ input: here('./killed.ts'), platform: 'neutral' })
  await bundle.write({ file: module, format: 'esm', codeSplitting: false })
  await bundle.close()
})
afterAll(() => rmSync(folder, { recursive: true }))

/** The version of each id; `undefined`: it is not there. */
type Versions = Map<string, number | undefined>

/** Starts a process that writes, and kills it when it has told of so many writes. What was done and what may have been. */
async function writeUntilKilled(
  at: string,
  first: number,
  seed: number,
  told: number,
): Promise<{ done: Versions; begun: Versions[] }> {
  const all = [here('./keeper.mjs'), module, at, `${first}`, `${seed}`]
  const child = spawn(process.execPath, all, { stdio: ['ignore', 'pipe', 'pipe'] })
  let [out, err, count] = ['', '', 0]
  child.stderr.on('data', (chunk) => (err += chunk))
  child.stdout.on('data', (chunk) => {
    out += chunk
    count += String(chunk).split('!').length - 1
    if (count >= told) child.kill('SIGKILL')
  })
  const [, signal] = await once(child, 'close')
  expect([signal, err]).toEqual(['SIGKILL', ''])
  const done: Versions = new Map()
  const begun = new Map<string, Versions>()
  for (const line of out.slice(0, out.lastIndexOf('\n')).split('\n')) {
    const [kind, ...words] = line.split(' ')
    if (kind === '!') {
      for (const [id, version] of begun.get(words[0]!)!) done.set(id, version)
      begun.delete(words[0]!)
      continue
    }
    const versions: Versions = new Map()
    for (let i = 0; i < words.length; i += 2)
      versions.set(words[i]!, words[i + 1] === '-' ? undefined : Number(words[i + 1]))
    begun.set(words[0]!, versions)
  }
  return { done, begun: [...begun.values()] }
}

/** Expects what was acknowledged, and of each write that was not, all or nothing. Answers what is there. */
async function expectKept(
  at: string,
  known: Versions,
  begun: readonly Versions[],
): Promise<{ found: Versions; more: boolean }> {
  const docs = await Collection.open<{ version: number }, string>(at, { threads: 0 })
  const all = (await docs.search(vectorOf(0.5), { k: docs.size + 1, nprobe: 100 })).of(0)
  const found: Versions = new Map(all.map(({ id, metadata }) => [id, metadata?.version]))
  expect(found.size).toBe(docs.size)
  let more = false
  const expected = new Map(known)
  for (const versions of begun) {
    const ids = [...versions]
    // A removal of what was not there is done and not done.
    if (!ids.some(([id, version]) => found.get(id) === version && known.get(id) !== version)) continue
    more = true
    for (const [id, version] of versions) expected.set(id, version)
  }
  for (const [id, version] of expected) if (version === undefined) expected.delete(id)
  expect(found).toEqual(expected)
  for (const [id, version] of found) {
    expect(await docs.get(id)).toEqual({ id, vector: vectorOf(version!), metadata: { version } })
  }
  expect(docs.stats().lost).toBe(undefined)
  await docs.close()
  return { found, more }
}

test(`a process that is killed, ${ROUNDS} times, loses nothing that it was told is done`, async () => {
  let more = 0
  const generations = new Set<number>()
  const chain = async (c: number): Promise<void> => {
    const random = seeded(c)
    let at = ''
    let found: Versions = new Map()
    for (let round = 0; round < ROUNDS / 2; round++) {
      if (round % 13 === 0) {
        at = join(folder, `${c}-${round}`)
        found = new Map()
      }
      const { done, begun } = await writeUntilKilled(at, round * 100_000, round, 1 + random.below(250))
      const kept = await expectKept(at, new Map([...found, ...done]), begun)
      found = kept.found
      if (kept.more) more++
      for (const name of readdirSync(at)) generations.add(Number(/^log-(\d+)$/.exec(name)?.[1] ?? 0))
    }
  }
  await Promise.all([chain(1), chain(2)])
  // else it was never killed between writing and telling, or never made a checkpoint
  expect(more).toBeGreaterThan(0)
  expect(generations.size).toBeGreaterThan(20)
}, 120_000)
