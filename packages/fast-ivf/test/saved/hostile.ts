/** Files of indexes that lie, with checksums that are right. */
import { CompressedFastIVF, FastIVF, FastIVFPQ, type Id, IvfIndex, type IvfIndexOptions } from '../../src/index.js'
import { mixture } from '../mixture.js'
import type { Parts } from './edit.js'

export const DIM = 8
export const life = { threads: 0 }
export const rows = mixture(24, DIM, 91, 4)
export const queries = mixture(3, DIM, 92, 4)

async function saved(index: Pick<IvfIndex, 'toBytes' | 'close'>): Promise<Uint8Array> {
  const bytes = await index.toBytes()
  await index.close()
  return bytes
}

async function built(spec: string, ids?: (i: number) => Id, more: IvfIndexOptions<Id> = {}): Promise<Uint8Array> {
  const named = ids && { ids: Array.from({ length: 24 }, (_, i) => ids(i)) }
  const options = { spec, dim: DIM, metric: 'l2', kmeansIterations: 1, compactAt: 1, ...life, ...more, ...named }
  const index = await IvfIndex.build<Id>(rows, options as IvfIndexOptions<Id>)
  await index.remove([ids ? ids(2) : 2])
  return saved(index)
}

async function calibrated(): Promise<Uint8Array> {
  const options = { spec: 'IVF5,SQ4', dim: DIM, metric: 'l2', keep: 'f16', kmeansIterations: 1, ...life } as const
  const index = await IvfIndex.build<Id>(rows, options)
  await index.calibrate({ k: [2, 5] })
  return saved(index)
}

const options = { nlist: 2, kmeansMaxSteps: 4, ...life }
const codes = new FastIVFPQ(DIM, { ...options, pqNumSubvectors: 4, pqNumCentroids: 4, kmeansPqMaxSteps: 2 })
await codes.train(rows)
const small = new CompressedFastIVF(DIM, { ...options, compressionNdim: 4, compressor: 'pca' })
await small.train(rows)
const whole = new FastIVF(DIM, options)
await whole.train(rows)
export const files = {
  flat: await built('Flat'),
  strings: await built('IVF3,SQ4', (i) => `№ ${i}`, { keep: 'f16' }),
  numbers: await built('IVF2,Flat', (i) => i + 100),
  product: await built('OPQ2,IVF2,PQ2x2', (i) => BigInt(i), { keep: 'int8' }),
  projected: await built('PCA4,IVF2,SQ8'),
  truncated: await built('T4,IVF2,SQ8'),
  codes: await saved(codes),
  small: await saved(small),
  whole: await saved(whole),
  calibrated: await calibrated(),
}
export type FileName = keyof typeof files

export const json = (key: string, change: object) => (parts: Parts) => {
  parts.metadata[key] = JSON.stringify({ ...JSON.parse(parts.metadata[key] ?? '{}'), ...change })
}
export const text = (change: Record<string, string>) => (parts: Parts) => void Object.assign(parts.metadata, change)
const without = (key: string) => (parts: Parts) => void delete parts.metadata[key]
const lost = (name: string) => (parts: Parts) => void parts.tensors.delete(name)
const unknown = (name: string) => (parts: Parts) => {
  lost(name)(parts)
  parts.metadata.checksums = parts.metadata.checksums!.replace(new RegExp(`,?"${name}":"[^"]*"`), '')
}
/** The numbers of a tensor, which may be changed; at most 32 bits each. */
export const words = (name: string, change: (words: Uint32Array) => void) => (parts: Parts) => {
  const part = parts.tensors.get(name)!
  const data = part.data.slice()
  change(new Uint32Array(data.buffer, 0, data.length >> 2))
  part.data = data
}
const floats = (name: string, value: number) =>
  words(name, (own) => void new Float32Array(own.buffer, 0, 1).fill(value, 0, 1))
const reshaped = (name: string, shape: number[]) => (parts: Parts) => {
  parts.tensors.get(name)!.shape = shape
}

/** Changes what is told of recall, deep inside. */
export const recall =
  // biome-ignore lint/suspicious/noExplicitAny: JSON of any shape
  (change: (told: any) => void) => (parts: Parts) => {
    const told = JSON.parse(parts.metadata.recall!)
    change(told)
    // What JSON has no word for: 1e999 is read as Infinity.
    parts.metadata.recall = JSON.stringify(told).replaceAll('"1e999"', '1e999')
  }
/** Where the arrays of the first rules begin: spreads, byRank, shares of a table of 5 ranks, then the curve. */
export const [BY_RANK, SHARES, CURVE, STEPS] = [5, 10, 10 + 5 * 40, 256]
const number = (at: number, value: number) =>
  words('calibration', (own) => void new Float32Array(own.buffer, 4 * at, 1).fill(value))

/** A file, what is wrong with it, and what is said of it. */
export const edits: [FileName, string, (parts: Parts) => void, RegExp][] = [
  ['flat', 'no kind', without('kind'), /is of another kind/],
  ['flat', 'another kind', text({ kind: 'fast-ivf.other' }), /kind 'fast-ivf\.other', and an index is needed/],
  ['flat', 'a later version', text({ version: '99' }), /version '99'.*a newer fast-ivf wrote it/],
  ['flat', 'no version', without('version'), /version undefined/],
  ['flat', 'a class of the future', text({ class: 'NewIVF' }), /holds a NewIVF, which is not known/],
  ['flat', 'a class that objects have', text({ class: '__proto__' }), /holds a __proto__/],
  ['flat', 'no class', without('class'), /says class is undefined/],
  ['flat', 'an unknown metric', text({ metric: 'l1' }), /metric is 'l1', which must be one of cosine, ip, l2/],
  ['flat', 'an unknown form', text({ keep: 'f8' }), /keep is 'f8'/],
  ['flat', 'unknown ids', text({ ids: 'uuid' }), /ids is 'uuid'/],
  ...['0', '-1', '1.5', 'many', '65537', '1e99', 'NaN', ''].map((dim): (typeof edits)[number] => [
    'flat',
    `dim ${dim}`,
    text({ dim }),
    /says dim is|has 'centroids'/,
  ]),
  ['flat', 'another dim', text({ dim: '7' }), /'centroids' as F32 \[1,8\], and F32 \[1,7\] is needed/],
  ['flat', 'many cells', text({ nlist: '16777216' }), /'centroids' as F32 \[1,8\]/],
  ['flat', 'too many cells', text({ nlist: '16777217' }), /nlist is '16777217'/],
  ['flat', 'a seed too large', text({ seed: '4294967296' }), /seed is/],
  ['flat', 'more vectors than there are', text({ vectors: '4000000000' }), /holds 23 vectors, and tells of 4000000000/],
  ['flat', 'fewer vectors than there are', text({ vectors: '22' }), /holds 23 vectors, and tells of 22/],
  ['flat', 'segments that are not there', text({ segments: '65536' }), /no tensor 'segment\.1\.starts'/],
  ['flat', 'too many segments', text({ segments: '65537' }), /segments is/],
  ['flat', 'no segments', text({ segments: '0' }), /holds 0 vectors, and tells of 23/],
  ['flat', 'rows that were never handed out', text({ rows: '7' }), /numbers a row \d+, and tells of 7/],
  ['flat', 'codes that are no object', text({ quantizer: '[]' }), /quantizer is '\[\]'; it must be a JSON object/],
  ['flat', 'codes that are no JSON', text({ quantizer: '{' }), /quantizer is/],
  ['flat', 'codes of null', text({ quantizer: 'null' }), /quantizer is/],
  ['flat', 'unknown codes', json('quantizer', { kind: 'XQ' }), /codes of kind .*XQ.*not known/],
  ['flat', 'options that are no object', text({ options: '7' }), /options is '7'/],
  ['flat', 'deep options', text({ options: '['.repeat(20_000) }), /options is/],
  ['flat', 'an nprobe of 0', json('options', { nprobe: 0 }), /does not hold together: nprobe is 0/],
  ['flat', 'an nprobe beyond the cells', json('options', { nprobe: 9 }), /nprobe is 9/],
  ['flat', 'an nprobe of text', json('options', { nprobe: '1' }), /nprobe is '1'/],
  ['flat', 'a ratioThreshold of 2', json('options', { ratioThreshold: 2 }), /ratioThreshold is 2/],
  ['flat', 'an epsilon below 0', json('options', { epsilon: -1 }), /epsilon is -1/],
  ['flat', 'a rescoreFactor of 0', json('options', { rescoreFactor: 0 }), /rescoreFactor is 0/],
  ['flat', 'a rescoreFactor of text', json('options', { rescoreFactor: 'x' }), /rescoreFactor is 'x'/],
  ['flat', 'no checksums', without('checksums'), /checksums is undefined/],
  ['flat', 'checksums of nothing', text({ checksums: '{}' }), /damaged in 'centroids'/],
  ['flat', 'no centroids', lost('centroids'), /no tensor 'centroids'/],
  ['flat', 'centroids of another shape', reshaped('centroids', [8, 1]), /'centroids' as F32 \[8,1\]/],
  ['flat', 'centroids that are no numbers', floats('centroids', Number.NaN), /holds NaN in 'centroids' at 0/],
  [
    'flat',
    'centroids without end',
    floats('centroids', Number.POSITIVE_INFINITY),
    /holds Infinity in 'centroids' at 0/,
  ],
  ...['starts', 'codes', 'ids', 'checks'].map((part): (typeof edits)[number] => [
    ...(['flat', `no ${part}`, lost(`segment.0.${part}`)] as const),
    new RegExp(`no tensor 'segment\\.0\\.${part}'`),
  ]),
  ['flat', 'no mask', lost('segment.0.mask'), /no tensor 'segment\.0\.mask'/],
  ['flat', 'no mask and no word of it', unknown('segment.0.mask'), /holds 24 vectors, and tells of 23/],
  ['flat', 'a mask of another length', reshaped('segment.0.mask', [3, 1]), /'segment\.0\.mask' as U8 \[3,1\]/],
  ['strings', 'cells that end early', words('segment.0.starts', (own) => void own.fill(23, 3)), /codes' as U8 \[24/],
  [
    'strings',
    'cells that go back',
    words('segment.0.starts', (own) => own.set([0, 20, 3, 24])),
    /do not follow each other/,
  ],
  ['strings', 'cells that begin late', words('segment.0.starts', (own) => own.set([1, 2, 3, 24])), /do not follow/],
  ['strings', 'cells without end', words('segment.0.starts', (own) => own.fill(0xffffffff, 1)), /as U8|as F/],
  [
    'strings',
    'other cells',
    words('segment.0.starts', (own) => own.set([0, 24, 24, 24])),
    /ids that do not fill segment 0|has ids/,
  ],
  [
    'strings',
    'cells of ids that go back',
    words('segment.0.ids.starts', (own) => own.reverse()),
    /ids that do not fill/,
  ],
  [
    'strings',
    'cells of ids far away',
    words('segment.0.ids.starts', (own) => own.fill(0xffffffff, 2, 6)),
    /ids that do not/,
  ],
  [
    'strings',
    'ids longer than their cell',
    words('segment.0.ids', (own) => own.set([0xffffffff])),
    /beyond their cell/,
  ],
  ['strings', 'ids shorter than their cell', words('segment.0.ids', (own) => own.set([0])), /UTF-8|fill their cell/],
  [
    'strings',
    'ids that are no text',
    (parts) => void parts.tensors.get('segment.0.ids')!.data.fill(0xff, -3),
    /no UTF-8/,
  ],
  [
    'numbers',
    'ids beyond 2^53',
    words('segment.0.ids', (own) => own.fill(0x7fffffff, 0, 2)),
    /has the id 9223372034707292159, and numbers end at 2\^53/,
  ],
  ['strings', 'ids of another kind', text({ ids: 'number' }), /'segment\.0\.ids' as U8/],
  ['product', 'ids that are rows', text({ ids: 'rows' }), /'segment\.0\.ids' as I64 \[24\], and U32 \[24\] is needed/],
  ['strings', 'originals of another form', text({ keep: 'f32' }), /originals' as F16/],
  ['strings', 'no originals', lost('segment.0.originals'), /no tensor 'segment\.0\.originals'/],
  ['strings', 'codes of fewer bits', json('quantizer', { kind: 'SQ', bits: 1 }), /tells of SQ4, and holds SQ1/],
  ['strings', 'codes of fewer bits, well told', json('quantizer', { word: 'SQ1', bits: 1 }), /codes' as U8/],
  ['strings', 'codes of 3 bits', json('quantizer', { bits: 3 }), /not known/],
  ['product', 'codes that know their error', json('quantizer', { bounded: true }), /tells of/],
  ['strings', 'codes that are said to be exact', json('quantizer', { exact: true }), /tells of/],
  ['strings', 'exact codes that are not', json('quantizer', { kind: 'Flat' }), /tells of SQ4, and holds Flat/],
  ...[0, -1, 3, 1.5, 1e15, '2', null].map((m): (typeof edits)[number] => [
    ...(['product', `${m} subvectors`, json('quantizer', { m })] as const),
    /subvectors|not told whole|tells of/,
  ]),
  ...[0, 1, 3, 65536, 65537, 1e15].map((k): (typeof edits)[number] => [
    ...(['product', `${k} codewords`, json('quantizer', { k })] as const),
    /codewords|tells of|codebooks holds/,
  ]),
  ['product', 'no rotation', lost('quantizer.rotation'), /no tensor 'quantizer\.rotation'/],
  ['product', 'no rotation and no word of it', unknown('quantizer.rotation'), /not told whole/],
  ['product', 'a rotation that is not used', json('quantizer', { opq: false, word: 'PQ2x2' }), /not told whole/],
  ['product', 'no codebooks', lost('quantizer.codebooks'), /no tensor 'quantizer\.codebooks'/],
  ['product', 'no codebooks and no word of them', unknown('quantizer.codebooks'), /not told whole/],
  [
    'product',
    'codebooks that are no numbers',
    floats('quantizer.codebooks', Number.NaN),
    /holds NaN in 'quantizer\.codebooks'/,
  ],
  ['product', 'a rotation that is no numbers', floats('quantizer.rotation', Number.NaN), /rotation/],
  ['projected', 'no projection', without('projection'), /'centroids' as F32 \[2,4\]/],
  ['projected', 'a projection of nothing', text({ projection: '{}' }), /does not tell its projection whole/],
  ['projected', 'a projection that is wider', json('projection', { width: 5 }), /\[2,4\], and F32 \[2,5\]|weight/],
  ['projected', 'a projection without weight', lost('projection.weight'), /weight|PCA4/],
  ['projected', 'a weight that is no numbers', floats('projection.weight', Number.NaN), /weight/],
  ['projected', 'a projection elsewhere', json('projection', { beforeCells: false }), /'centroids' as F32/],
  [
    'truncated',
    'a projection that takes more than there is',
    (parts) => {
      json('projection', { width: 16 })(parts)
      const { data } = parts.tensors.get('centroids')!
      parts.tensors.set('centroids', { dtype: 'F32', shape: [2, 16], data: new Uint8Array(data.length * 4) })
    },
    /takes 16 components of 8/,
  ],
  ['truncated', 'a dim beyond all', text({ dim: '65536' }), /originals/],
  ['codes', 'subvectors of text', json('options', { pqNumSubvectors: '4' }), /pqNumSubvectors is '4'/],
  ['codes', 'steps below 1', json('options', { kmeansMaxSteps: 0 }), /kmeansMaxSteps is 0/],
  ['codes', 'a sample below −1', json('options', { rescoreNumSamples: -2 }), /rescoreNumSamples is -2/],
  ['codes', 'a compactAt of 2', json('options', { compactAt: 2 }), /compactAt is 2/],
  ['small', 'components of text', json('options', { compressionNdim: 'x' }), /compressionNdim is 'x'/],
  ['small', 'no components', json('options', { compressionNdim: null }), /compressionNdim is undefined/],
  ['small', 'an unknown compressor', json('options', { compressor: 'zip' }), /compressor is 'zip'/],
  ['small', 'no projection', without('projection'), /codes' as F32 \[24,4\]/],
  ...[
    { version: 0 },
    { version: '1' },
    { queries: 0 },
    { queries: -1 },
    { queries: 1.5 },
    { queries: null },
    { confidence: 0.4 },
    { confidence: 1 },
    { confidence: '1e999' },
    { size: 0 },
    { size: 2 ** 32 },
    { changed: -1 },
    { changed: 0.5 },
    { rules: [] },
    { rules: {} },
    { rules: [null] },
  ].map((change): (typeof edits)[number] => [
    ...(['calibrated', `recall with ${JSON.stringify(change)}`, json('recall', change)] as const),
    /tells in recall that (version|queries|confidence|size|changed|rules) is .*, which cannot be/,
  ]),
  ['calibrated', 'recall that is no object', text({ recall: '[]' }), /recall is '\[\]'; it must be a JSON object/],
  ['calibrated', 'recall of nothing', text({ recall: '{}' }), /recall that version is undefined/],
  ['calibrated', 'no numbers of recall', lost('calibration'), /no tensor 'calibration'/],
  ['calibrated', 'no numbers of recall and no word of them', unknown('calibration'), /no tensor 'calibration'/],
  ['calibrated', 'k that fall', recall(({ rules }) => rules.reverse()), /of a k that does not rise/],
  ['calibrated', 'a k twice', recall(({ rules }) => (rules[1].k = 2)), /of a k that does not rise/],
  ...[0, -1, 2.5, 24, null].map((k): (typeof edits)[number] => [
    ...(['calibrated', `k ${k}`, recall(({ rules }) => (rules[1].k = k)), /recall that k is/] as const),
  ]),
  ['calibrated', 'rules less', recall(({ rules }) => rules.pop()), /'calibration' as F32 \[\d+\], and F32/],
  [
    'calibrated',
    'a level more',
    recall(({ rules }) => rules[0].levels.push(rules[0].levels[0])),
    /'calibration' as F32 \[\d+\], and F32/,
  ],
  ['calibrated', 'no levels', recall(({ rules }) => (rules[0].levels = [])), /recall that levels is/],
  ['calibrated', 'no variants', recall(({ rules }) => (rules[0].variants = [])), /recall that variants is/],
  ...[2, 0, 16, '4', null].map((wave): (typeof edits)[number] => [
    ...(['calibrated', `wave ${wave}`, recall(({ rules }) => (rules[0].variants[1].wave = wave))] as const),
    /recall that wave is/,
  ]),
  [
    'calibrated',
    'a wave twice',
    recall(({ rules }) => (rules[0].variants[1].wave = 1)),
    /of a wave that does not rise/,
  ],
  ...[{ low: '1e999' }, { low: null }, { step: 0 }, { step: -1 }, { step: '1e999' }].map(
    (change): (typeof edits)[number] => [
      'calibrated',
      `a table with ${JSON.stringify(change)}`,
      recall(({ rules }) => Object.assign(rules[1].variants[0], change)),
      /recall that (low|step) is/,
    ],
  ),
  ...[
    { rescore: { kind: 'magic' } },
    { rescore: null },
    { rescore: { kind: 'calibrated', samples: 3 } },
    { rescore: { kind: 'factor', factor: 0, reorder: true } },
    { rescore: { kind: 'factor', factor: '1e999', reorder: true } },
    { rescore: { kind: 'factor', factor: 4 } },
    { rescore: { kind: 'bound', epsilon: -1, given: false } },
    { rescore: { kind: 'bound', epsilon: 101, given: false } },
    { rescore: { kind: 'bound', epsilon: 2 } },
    { compared: -1 },
    { compared: null },
    { recall: 1.01 },
    { recall: '0.9' },
    { deviation: -0.1 },
    { deviation: '1e999' },
  ].map((change): (typeof edits)[number] => [
    'calibrated',
    `a level with ${JSON.stringify(change)}`,
    recall(({ rules }) => Object.assign(rules[0].levels[0], change)),
    /recall that (rescore|factor|epsilon|compared|recall|deviation) is/,
  ]),
  ['calibrated', 'a spread that is no number', number(0, Number.NaN), /NaN in 'calibration', in an array spreads/],
  ['calibrated', 'a spread below 0', number(4, -1), /-1 in 'calibration', in an array spreads/],
  ['calibrated', 'a share without end', number(BY_RANK, Number.POSITIVE_INFINITY), /Infinity in .* byRank/],
  ['calibrated', 'a share of no number', number(SHARES + 199, Number.NaN), /NaN in .* shares/],
  ['calibrated', 'vectors below 0', number(CURVE, -1), /-1 in .* vectors/],
  ...[0, 6, 1.5, Number.NaN].map((most): (typeof edits)[number] => [
    ...(['calibrated', `${most} cells at most`, number(CURVE + 2 * STEPS, most)] as const),
    new RegExp(`${most} in .* most`),
  ]),
  ['calibrated', 'a recall of no number', number(CURVE + 5 * STEPS, Number.NaN), /NaN in .* recall/],
  [
    'calibrated',
    'a deviation of no number',
    words('calibration', (own) => own.fill(0x7fc00000, own.length - 1)),
    /NaN in .* deviation/,
  ],
  [
    'calibrated',
    'numbers of recall in two columns',
    (parts) => reshaped('calibration', [parts.tensors.get('calibration')!.data.length >> 2, 1])(parts),
    /'calibration' as F32 \[\d+,1\], and F32 \[\d+\] is needed/,
  ],
  ['whole', 'codes of another class', text({ class: 'CompressedFastIVF' }), /compressionNdim/],
]
