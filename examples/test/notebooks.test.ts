import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'fast-ivf-notebooks-'))
const annBenchmarks = fileURLToPath(
  new URL('../../packages/fast-ivf/test/files/hdf5/annbench_300.hdf5', import.meta.url),
)
afterAll(() => rmSync(folder, { recursive: true }))

describe('the notebook of indexes', () => {
  it('measures every index against exact search, and draws what it tells', async () => {
    const { code, out, page } = await run('index', '--rows', '2000', '--queries', '200', '--steps', '150')
    expect(code, out).toBe(0)
    expect(recallsOf(out, 'exact search')).toEqual([1, 1])
    // with 64 cells for 2,000 vectors, of which 10 are visited
    for (const [index, floor] of [
      ['FastIVF', 0.85],
      ['FastIVFPQ', 0.8],
      ['FastIVFPQ, rescored', 0.85],
      ['CompressedFastIVF', 0.8],
      ['CompressedFastIVF, rescored', 0.85],
      ['IvfIndex IVF64,SQ4', 0.85],
    ] as const) {
      expect(recallsOf(out, index)[0], index).toBeGreaterThan(floor)
    }
    expectWhole(page!, { pictures: 9, tables: 1 })
    expect(page).toContain('new FastIVF(dim')
  })

  it('takes a file of ann-benchmarks, and agrees with the answers in it', async () => {
    const { code, out, page } = await run('index', annBenchmarks, '--steps', '100')
    expect(code, out).toBe(0)
    expect(out).toContain('annbench_300.hdf5')
    expect(out).toContain('recall@10 of ours is 1.000')
    expectWhole(page!, { pictures: 9, tables: 1 })
  })

  it('says what is wrong with a file, or with a number', async () => {
    expect(await run('index', 'nothing.hdf5')).toMatchObject({ code: 2, err: expect.stringContaining('not there') })
    const { code, err } = await run('index', '--rows', '1.5')
    expect([code, err]).toEqual([2, '--rows is 1.5; it must be a whole number above 0\n'])
  })
})

describe('the notebook of k-means', () => {
  it('finds the blobs again from every start, where cells must be of similar size', async () => {
    const { code, out, page } = await run('kmeans', '--rows', '3000')
    expect(code, out).toBe(0)
    expect(out).toMatch(/MiniBatchKMeans, 0\.3( +1\.000){5}/)
    expectWhole(page!, { pictures: 2, tables: 3 })
    expect(page).toContain('new MiniBatchKMeans(clusters')
  })
})

/** Runs an example as it was built, without Python. */
function run(name: string, ...args: string[]): Promise<{ code: number; out: string; err: string; page?: string }> {
  const script = fileURLToPath(new URL(`../dist/${name}.js`, import.meta.url))
  const path = join(folder, `${name}.html`)
  return new Promise((resolve) => {
    execFile(process.execPath, [script, '--alone', '--out', path, ...args], (error, out, err) => {
      const code = error ? Number(error.code) : 0
      resolve({ code, out, err, ...(code === 0 && { page: readFileSync(path, 'utf8') }) })
    })
  })
}

/** recall1@10 and recall@10 in a line of the last table. */
function recallsOf(out: string, index: string): number[] {
  const line = out.split('\n').find((text) => text.startsWith(`  ${index}  `)) ?? ''
  return (
    line
      .slice(index.length + 2)
      .match(/\d\.\d{3}/g)
      ?.map(Number) ?? []
  )
}

/** A page with its pictures inside, which loads nothing and says where it was measured. */
function expectWhole(page: string, { pictures, tables }: { pictures: number; tables: number }): void {
  expect(page.match(/<svg/g)).toHaveLength(pictures)
  expect(page.match(/<table/g)).toHaveLength(tables)
  expect(page).not.toMatch(/NaN|undefined<|(?:src|href)="(?!#)|<script|@import|url\(/)
  expect(page).toContain(`Node ${process.versions.node}`)
  for (const code of page.match(/<pre>[\s\S]*?<\/pre>/g)!) expect(code.length).toBeGreaterThan(40)
}
