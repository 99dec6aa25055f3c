import { copyFileSync, existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { folder, json, run, runWith, write } from './harness.js'
import { build, DIM, opened, others, ROWS, vectorOf, vectors, writeFiles } from './indexes.js'

const at = folder()
const files = await writeFiles(at)
await build(files.base, at('rows.ivf'))
await build(files.base, at('named.ivf'), '--ids', files.names)

let copies = 0
/** A copy to change. */
function copyOf(name: string): string {
  const path = at(`copy-${copies++}.ivf`)
  copyFileSync(at(name), path)
  return path
}

test('add appends vectors in place', async () => {
  const path = copyOf('rows.ivf')
  const report = await json('add', path, files.more, '--threads', '0')
  expect(report).toEqual({ index: path, added: 40, replaced: 0, size: ROWS + 40, bytes: readFileSync(path).length })
  await opened(path, async (index) => {
    expect(await index.get(ROWS + 3)).toEqual(others.subarray(3 * DIM, 4 * DIM))
    expect(await index.get(3)).toEqual(vectorOf(3))
  })
})

test('-o leaves the index as it was', async () => {
  const before = readFileSync(at('rows.ivf'))
  expect((await run('add', at('rows.ivf'), files.more, '-o', at('other.ivf'))).code).toBe(0)
  expect((await run('remove', at('rows.ivf'), '5', '-o', at('less.ivf'))).code).toBe(0)
  expect(readFileSync(at('rows.ivf')).equals(before)).toBe(true)
  expect(await opened(at('other.ivf'), async (index) => index.size)).toBe(ROWS + 40)
  expect(await opened(at('less.ivf'), (index) => index.has(5))).toBe(false)
})

test('an id that is there is refused, and replaced by --upsert', async () => {
  const path = copyOf('named.ivf')
  const before = readFileSync(path)
  const refused = await run('add', path, files.more, '--ids', files.moreNames)
  expect([refused.code, refused.err]).toEqual([1, expect.stringContaining("'№ 590', which is there already")])
  expect(readFileSync(path).equals(before)).toBe(true)
  const report = await json('add', path, files.more, '--ids', files.moreNames, '--upsert')
  expect(report).toMatchObject({ added: 40, replaced: 10, size: ROWS + 30 })
  expect(await opened(path, (index) => index.get('№ 590'))).toEqual(others.subarray(0, DIM))
  const text = await run('add', path, files.more, '--ids', files.moreNames, '--upsert')
  expect(text.out).toMatch(/: 40 added, 40 in place of others; 630 vectors, [\d.]+ KiB\n$/)
})

test('ids are read as the index has them', async () => {
  writeFileSync(at('digits.txt'), Array.from({ length: 40 }, (_, i) => `${i}\n`).join(''))
  const path = copyOf('named.ivf')
  expect((await json('add', path, files.more, '--ids', at('digits.txt'))).size).toBe(ROWS + 40)
  expect(await opened(path, (index) => index.has('7'))).toBe(true)
  expect(await json('remove', path, '7', '№ 8', 'nobody')).toMatchObject({ removed: 2, missing: 1, size: ROWS + 38 })
  const without = await run('add', path, files.more)
  expect([without.code, without.err]).toEqual([1, expect.stringContaining('no ids are given')])
})

test('remove takes ids from the command line and from a file, and tells which were not there', async () => {
  const path = copyOf('rows.ivf')
  writeFileSync(at('gone.txt'), '3\n4\n9999\n')
  const report = await json('remove', path, '1', '2', '3', '--ids-file', at('gone.txt'))
  expect(report).toEqual({ index: path, removed: 4, missing: 1, size: ROWS - 4, bytes: readFileSync(path).length })
  await opened(path, async (index) => {
    expect([await index.has(4), await index.has(5)]).toEqual([false, true])
  })
  const wrong = await run('remove', path, 'x')
  expect([wrong.code, wrong.err]).toEqual([1, expect.stringContaining('id 1 is "x"; an integer up to 2^53 is needed')])
  expect((await run('remove', path, '--', '-5')).out).toContain('0 removed, 1 were not there')
})

test('compact gives back the room of removed vectors, and tells the bytes before and after', async () => {
  const path = copyOf('rows.ivf')
  writeFileSync(at('some.txt'), Array.from({ length: 100 }, (_, i) => `${i * 2}\n`).join(''))
  await json('remove', path, '--ids-file', at('some.txt'))
  const before = readFileSync(path).length
  const report = await json('compact', path)
  const after = readFileSync(path).length
  expect(report).toMatchObject({ size: ROWS - 100, removed: 100, bytes: { before, after } })
  expect(after).toBeLessThan(before - 100 * DIM * 4)
  expect((await json('info', path)).removed).toBe(0)
  expect(await opened(path, (index) => index.get(1))).toEqual(vectorOf(1))
  expect((await run('compact', path)).out).toMatch(/: 500 vectors; segments 1 → 1, .* → .*\n$/)
})

test('a file: URL is changed in place', async () => {
  const path = copyOf('rows.ivf')
  expect((await json('remove', pathToFileURL(path).href, '1')).bytes).toBe(readFileSync(path).length)
  expect(await opened(path, (index) => index.has(1))).toBe(false)
})

test('when it fails or is stopped, the old file stays and nothing else is left', async () => {
  const path = copyOf('named.ivf')
  const wide = await write(at('wide.npy'), vectors, 2 * DIM)
  const [cut, text] = [copyOf('rows.ivf'), at('text.ivf')]
  truncateSync(cut, 5000)
  writeFileSync(text, 'no index, whatever else it may be')
  const before = readFileSync(path)
  const names = readdirSync(dirname(path)).sort()
  for (const args of [
    ['add', path, wide, '--ids', files.names],
    ['add', path, at('missing.npy')],
    ['add', path, files.more, '--ids', files.names],
    ['remove', path, '--ids-file', at('missing.txt')],
    ['add', cut, files.more],
    ['remove', text, '1'],
    ['compact', cut],
    ['compact', at('missing.ivf')],
  ]) {
    const { code, out, err } = await run(...args)
    expect([code, out]).toEqual([1, ''])
    expect(err).toMatch(/^fast-ivf: .*\n$/)
  }
  for (const args of [
    ['add', path, files.more, '--ids', files.moreNames, '--upsert'],
    ['remove', path, '№ 1'],
    ['compact', path],
  ]) {
    const outcome = await runWith({ signal: AbortSignal.abort() }, ...args)
    expect(outcome).toEqual({ code: 130, out: '', err: 'fast-ivf: interrupted\n' })
  }
  expect(readFileSync(path).equals(before)).toBe(true)
  expect(readdirSync(dirname(path)).sort()).toEqual(names)
  expect(existsSync(at('missing.ivf'))).toBe(false)
})
