import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { defaultSpec, exactSearch, IvfIndex, type IvfIndexOptions, type SearchResult } from '../../src/index.js'
import { parseSpec, showSpec } from '../../src/spec.js'
import { mixture } from '../mixture.js'
import { refusal } from '../refusal.js'

const [DIM, COUNT] = [32, 1200]
const vectors = mixture(COUNT, DIM, 1)
const queries = mixture(20, DIM, 2)
const KINDS = ['Flat', 'SQ1', 'SQ2', 'SQ4', 'SQ8', 'PQ8x4', 'PQ8x6', 'OPQ8,PQ8x4']
const quick = { dim: DIM, kmeansIterations: 3, threads: 0 } as const

/** `OPQ8,PQ8x4` in 12 cells is `OPQ8,IVF12,PQ8x4`. */
const inCells = (kind: string): string => kind.replace(/(Flat|SQ\d|(?<!O)PQ.*)$/, 'IVF12,$1')

describe('a spec', () => {
  test('says what it says, in its shortest form', () => {
    const nlist = fc.option(fc.integer({ min: 1, max: 1 << 24 }), { nil: undefined })
    const spilled = fc.boolean()
    const refine = fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined })
    const word = fc.oneof(
      fc.constantFrom('Flat', 'SQ1', 'SQ2', 'SQ4', 'SQ8'),
      fc.tuple(fc.integer({ min: 1, max: 999 }), fc.integer({ min: 1, max: 16 })).map(([m, bits]) => `PQ${m}x${bits}`),
    )
    const any = fc.record({ nlist, spilled, refine, word, opq: fc.boolean() })
    fc.assert(
      fc.property(any, ({ nlist, spilled, refine, word, opq }) => {
        const s = spilled && (nlist ?? 1) > 1
        const m = opq ? word.match(/^PQ(\d+)/)?.[1] : undefined
        const parts = [m && `OPQ${m}`, nlist && `IVF${nlist}${s ? 's' : ''}`, word, refine && `R${refine}`].filter(
          Boolean,
        )
        const spec = parseSpec(parts.join(' , '))
        expect(spec).toMatchObject({ nlist: nlist ?? 1, rescoreFactor: refine })
        expect(spec.spill ?? false).toBe(s)
        expect(spec.quantizer.word).toBe(m ? `OPQ${m},${word}` : word)
        // One cell is none.
        expect(showSpec(spec)).toBe(parts.filter((part) => part !== 'IVF1').join(','))
        for (const text of [showSpec(spec), showSpec(spec).toLowerCase(), showSpec(spec).toUpperCase()]) {
          expect(showSpec(parseSpec(text))).toBe(showSpec(spec))
        }
      }),
    )
  })

  test.each([
    ['', /spec '' is not a spec/],
    ['  ', /is not a spec/],
    [undefined, /spec undefined is not a spec/],
    [7, /spec 7 is not a spec/],
    [['IVF8', 'Flat'], /spec Array is not a spec/],
    ['IVF0,Flat', /asks for 0 cells.* 1 to 16777216/],
    ['IVF16777217,Flat', /asks for 16777217 cells/],
    ['IVF1s,Flat', /asks for a second cell .*\(IVF1s\), and there is one; give IVF2s or more/],
    ['IVF0s,Flat', /asks for 0 cells/],
    ['IVFs,Flat', /holds 'IVFS'/],
    ['Flats', /holds 'FLATS'/],
    ['IVF10s', /does not say how vectors are stored/],
    ['IVF10', /does not say how vectors are stored/],
    ['OPQ8,IVF10', /does not say how vectors are stored/],
    ['IVF10,', /holds ''/],
    [',Flat', /holds ''/],
    ['IVF10,SQ3', /holds 'SQ3', which is none of Flat, SQ1, SQ2, SQ4, SQ8, PQ<m>x<bits>/],
    ['IVF10,flatt', /holds 'FLATT'/],
    ['IVF1e3,Flat', /holds 'IVF1E3'/],
    ['IVF10,OPQ8,PQ8x4', /has OPQ8 after the cells; it comes first/],
    ['IVF-3,Flat', /holds 'IVF-3'/],
    ['IVF10,PQ8', /holds 'PQ8'/],
    ['IVF10,PQ8x0', /PQ8x0 has codes of 0 bits; they must have 1 to 16/],
    ['IVF10,PQ8x17', /PQ8x17 has codes of 17 bits/],
    ['OPQ4,IVF10,PQ8x4', /OPQ4 learns a rotation for 4 subvectors, and PQ8x4 has 8/],
    ['OPQ8,IVF10,SQ4', /has OPQ, which only product codes \(PQ\) use/],
    ['OPQ8,Flat', /has OPQ/],
    ['IVF10,SQ4,R0', /rescore 0 × k/],
    ['IVF10,SQ4,R1.5', /goes on with 'R1.5'/],
    ['IVF10,SQ4,R4,R4', /goes on with 'R4'/],
    ['IVF10,IVF10,SQ4', /holds 'IVF10'/],
    ['SQ4,IVF10', /goes on with 'IVF10'/],
    ['IVF10,SQ4,PQ8x4', /goes on with 'PQ8x4'/],
  ])('%o is refused: %s', async (text, message) => {
    const expected = { code: 'ERR_ARGUMENT', message: expect.stringMatching(message) }
    expect(await refusal(() => parseSpec(text as string))).toMatchObject(expected)
    // Building without a spec chooses one.
    if (text !== undefined) expect(await refusal(build({ spec: text as string }))).toMatchObject(expected)
  })

  test.each([
    [{ spec: 'IVF12,PQ5x4' }, 'ERR_DIM', /dim 32 cannot be cut into 5 .*: 1, 2, 4, 8, 16, 32$/],
    [{ spec: 'IVF12,PQ0x4' }, 'ERR_ARGUMENT', /subvectors.* is 0/],
    [{ spec: 'IVF1201,SQ4' }, 'ERR_TOO_FEW', /1200 vectors cannot make 1201 cells/],
    [{ spec: 'PQ4x11' }, 'ERR_TOO_FEW', /1200 vectors cannot make 2048 codewords/],
    [{ spec: 'IVF12,Flat', keep: 'f32' }, 'ERR_ARGUMENT', /keep is 'f32', but Flat stores/],
    [{ spec: 'IVF12,Flat,R4' }, 'ERR_ARGUMENT', /R4 rescores .*there are none/],
    [{ spec: 'IVF12,SQ4,R4', keep: 'none' }, 'ERR_ARGUMENT', /R4 rescores .*there are none/],
    [{ spec: 'IVF12,SQ4', keep: 'f64' as 'f32' }, 'ERR_ARGUMENT', /keep is 'f64'.*'f32', 'f16', 'int8', 'none'/],
    [{ spec: 'IVF12,SQ4', metric: 'dot' as 'ip' }, 'ERR_ARGUMENT', /metric is 'dot'/],
    [{ spec: 'IVF12,SQ4', nprobe: 13 }, 'ERR_ARGUMENT', /nprobe is 13.*1 to 12/],
    [{ spec: 'IVF12,SQ4', ratioThreshold: 2 }, 'ERR_ARGUMENT', /ratioThreshold is 2/],
    [{ spec: 'IVF12,SQ4', epsilon: -1 }, 'ERR_ARGUMENT', /epsilon is -1/],
    [{ spec: 'IVF12,SQ4', epsilon: Number.NaN }, 'ERR_ARGUMENT', /epsilon is NaN/],
    [{ spec: 'IVF12,SQ4', seed: -1 }, 'ERR_ARGUMENT', /seed is -1/],
    [{ spec: 'IVF12,SQ4', kmeansIterations: 0 }, 'ERR_ARGUMENT', /kmeansIterations is 0/],
    [{ spec: 'IVF12,SQ4', kmeansPointsPerCentroid: 0.5 }, 'ERR_ARGUMENT', /kmeansPointsPerCentroid is 0.5/],
    [{ spec: 'IVF12,SQ4', dim: 31 }, 'ERR_DIM', /31/],
    [{ spec: 'IVF12,SQ4', threads: -1 }, 'ERR_ARGUMENT', /threads is -1/],
  ] as [IvfIndexOptions, string, RegExp][])('options %o are refused', async (options, code, message) => {
    expect(await refusal(build(options))).toMatchObject({ code, message: expect.stringMatching(message) })
  })

  test('is chosen by number and dim where none is given', async () => {
    expect(defaultSpec(0, 8)).toBe('Flat')
    expect(defaultSpec(10_000, 128)).toBe('Flat')
    for (const dim of [1, 3, 48, 64, 100, 256, 768, 4096]) {
      let last = 1
      for (let n = 1; n < 1e9; n = Math.ceil(n * 1.7)) {
        const { nlist } = parseSpec(defaultSpec(n, dim))
        expect(nlist).toBeGreaterThanOrEqual(last)
        expect(nlist).toBeLessThanOrEqual(n / 4 + 1)
        last = nlist
      }
    }
    expect(await refusal(() => defaultSpec(-1, 8))).toMatchObject({ message: expect.stringContaining('n is -1') })
    expect(await refusal(() => defaultSpec(10, 0))).toMatchObject({ message: expect.stringContaining('dim is 0') })
    const index = await IvfIndex.build(vectors, { calibrate: false, dim: DIM })
    expect(index.spec).toBe(defaultSpec(COUNT, DIM))
    await index.close()
  })
})

describe.each(['cosine', 'ip', 'l2'] as const)('Flat by %s', (metric) => {
  test('is exact search', async () => {
    const index = await build({ spec: 'Flat', metric })
    const found = await index.search(queries, { k: 30 })
    const truth = await exactSearch(vectors, queries, { k: 30, metric, dim: DIM })
    expect(found.ids).toEqual(truth.ids)
    // The squared distances of exactSearch are summed up in 64 bits.
    truth.scores.forEach((score, i) => expect(found.scores[i]).toBeCloseTo(score, metric === 'l2' ? 5 : 10))
    expect(found.work).toEqual({ vectors: 20 * COUNT, cells: 20, rescored: 0 })
    await index.close()
  })
})

const SPILLED = ['Flat', 'SQ1', 'SQ4', 'PQ8x4'].map((kind) => `IVF12s,${kind}`)

describe.each([...KINDS.flatMap((kind) => [kind, inCells(kind)]), ...SPILLED])('%s', (spec) => {
  test('built at once, from batches, and trained and filled in parts answers the same', async () => {
    const built = await build({ spec, seed: 3 })
    expect(built).toMatchObject({ spec, trained: true, size: COUNT, dim: DIM, metric: 'cosine' })
    expect(built.nlist).toBe(spec.includes('IVF') ? 12 : 1)
    expect(built.nprobe).toBe(Math.min(10, built.nlist))
    expect(built.keep).toBe(spec.endsWith('Flat') ? 'none' : 'f32')
    const truth = await built.search(queries)
    expect(truth.k).toBe(10)
    const batched = await IvfIndex.build(batches(), { calibrate: false, ...quick, spec, seed: 3 })
    expectSame(await batched.search(queries), truth)
    const trained = await IvfIndex.train(vectors, { ...quick, spec, seed: 3 })
    expect(trained).toMatchObject({ trained: true, size: 0, codeBytes: 0 })
    expect([...(await trained.search(queries)).counts]).toEqual(new Array(20).fill(0))
    await trained.add(vectors.subarray(0, 500 * DIM))
    await trained.add(vectors.subarray(500 * DIM))
    expectSame(await trained.search(queries), truth)
    expect(trained.centroids).toEqual(built.centroids)
    for (const index of [built, batched, trained]) await index.close()
  })
})

test('batches need a spec and a dim, which they cannot tell', async () => {
  for (const options of [{ spec: 'IVF12,SQ4' }, { dim: DIM }]) {
    expect(await refusal(IvfIndex.build(batches(), options))).toMatchObject({
      code: 'ERR_ARGUMENT',
      message: expect.stringContaining('give spec and dim'),
    })
  }
})

test('of the same seed it is the same index, of another another', async () => {
  const [one, same, other] = await Promise.all(
    [5, 5, 6].map((seed) => build({ spec: 'IVF12,SQ1', keep: 'none', seed })),
  )
  const scores = await Promise.all([one, same, other].map(async (index) => (await index?.search(queries))?.scores))
  expect(scores[1]).toEqual(scores[0])
  expect(scores[2]).not.toEqual(scores[0])
})

function build(options: IvfIndexOptions): Promise<IvfIndex> {
  return IvfIndex.build(vectors, { calibrate: false, ...quick, ...options })
}

function* batches(): Generator<Float32Array> {
  for (let from = 0; from < COUNT; from += 350) yield vectors.slice(from * DIM, (from + 350) * DIM)
}

function expectSame(found: SearchResult, truth: SearchResult): void {
  expect(found.ids).toEqual(truth.ids)
  expect(found.scores).toEqual(truth.scores)
}
