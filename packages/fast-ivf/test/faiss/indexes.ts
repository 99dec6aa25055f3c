import fc from 'fast-check'
import type {
  FaissFlat,
  FaissHeader,
  FaissIndex,
  FaissIvf,
  FaissIvfHeader,
  FaissRows,
  FaissTransform,
  ProductQuantizer,
  ScalarQuantizer,
} from '../../src/faiss/description.js'
import { rangeLength, SCALAR_TYPES, scalarCodeSize } from '../../src/faiss/parts.js'

/** Rows of an array that is there. */
export function rowsOf<T extends Float32Array | Uint8Array | BigInt64Array>(
  values: T,
  count: number,
  width: number,
): FaissRows<T> {
  return { count, read: async (from, to) => values.slice(from * width, to * width) as T }
}

/** Everything that an index says and holds, to be compared. */
export async function contentsOf(index: FaissIndex): Promise<unknown> {
  const entries = Object.entries(index).map(async ([key, value]): Promise<[string, unknown]> => {
    if (['index', 'base', 'refine', 'quantizer'].includes(key)) return [key, await contentsOf(value)]
    if (key === 'lists') return [key, await Promise.all(Array.from(value.sizes, (_, list) => value.read(list)))]
    return [key, typeof value?.read === 'function' ? await value.read(0, value.count) : value]
  })
  return Object.fromEntries(await Promise.all(entries))
}

/** Small indexes of any kind, within each other, with any numbers. */
export const indexes: fc.Arbitrary<FaissIndex> = fc
  .record({ dim: fc.integer({ min: 1, max: 9 }), ntotal: fc.nat(6), depth: fc.nat(2) })
  .chain(({ dim, ntotal, depth }) => anyIndex(dim, ntotal, depth))

type Sized = Pick<FaissHeader, 'dim' | 'ntotal'>

function anyIndex(dim: number, ntotal: number, depth: number): fc.Arbitrary<FaissIndex> {
  const header = headerOf({ dim, ntotal })
  const plain = [flat(header), product(header), scalar(header), cells(header)]
  if (depth === 0) return fc.oneof(...plain)
  const inner = anyIndex(dim, ntotal, depth - 1)
  return fc.oneof(...plain, preTransform({ dim, ntotal }, depth), idMap(header, inner), refine(header, inner))
}

function headerOf(sized: Sized): fc.Arbitrary<FaissHeader> {
  return fc.record({ ...constants(sized), metric: fc.constantFrom('l2', 'ip'), trained: fc.constant(true) })
}

function flat(header: fc.Arbitrary<FaissHeader>): fc.Arbitrary<FaissFlat> {
  return header.chain((head) =>
    floats(head.ntotal * head.dim).map((all) => ({
      kind: 'flat',
      ...head,
      vectors: rowsOf(all, head.ntotal, head.dim),
    })),
  )
}

function product(header: fc.Arbitrary<FaissHeader>): fc.Arbitrary<FaissIndex> {
  return header.chain((head) =>
    quantizerOf(head).chain((pq) =>
      bytes(head.ntotal * pq.codeSize).map((codes) => {
        return { kind: 'pq', ...head, pq, codes: rowsOf(codes, head.ntotal, pq.codeSize) }
      }),
    ),
  )
}

function scalar(header: fc.Arbitrary<FaissHeader>): fc.Arbitrary<FaissIndex> {
  return header.chain((head) =>
    scalarOf(head).chain((sq) =>
      bytes(head.ntotal * sq.codeSize).map((codes) => {
        return { kind: 'sq', ...head, sq, codes: rowsOf(codes, head.ntotal, sq.codeSize) }
      }),
    ),
  )
}

function cells(header: fc.Arbitrary<FaissHeader>): fc.Arbitrary<FaissIvf> {
  return header.chain((head) => {
    const { dim, ntotal } = head
    const own = fc.oneof(
      fc.constant({ kind: 'ivf-flat' as const, codeSize: 4 * dim, byResidual: false }),
      quantizerOf(head).map((pq) => ({ kind: 'ivf-pq' as const, codeSize: pq.codeSize, pq, byResidual: true })),
      scalarOf(head).map((sq) => ({ kind: 'ivf-sq' as const, codeSize: sq.codeSize, sq, byResidual: false })),
      fc.nat(8).map((qb) => ({ kind: 'ivf-rabitq' as const, codeSize: Math.ceil(dim / 8) + 8, qb, byResidual: true })),
    )
    const places = fc.array(fc.nat(4), { minLength: ntotal, maxLength: ntotal })
    return fc
      .tuple(own, places, flat(headerOf({ dim, ntotal: 5 })), fc.integer({ min: 1, max: 9 }))
      .chain(([kind, of, quantizer, nprobe]) => {
        const sizes = Float64Array.from({ length: 5 }, (_, list) => of.filter((place) => place === list).length)
        const lists = fc.tuple(...Array.from(sizes, (size) => listOf(size, kind.codeSize)))
        return lists.map((all): FaissIvf => {
          const shared: Omit<FaissIvfHeader, 'byResidual' | 'codeSize'> = {
            ...{ ...head, nlist: 5, nprobe, quantizer },
            lists: { sizes, read: async (list) => all[list]! },
          }
          return { ...shared, ...kind }
        })
      })
  })
}

const listOf = (size: number, codeSize: number) => fc.record({ codes: bytes(size * codeSize), ids: longs(size) })

function preTransform({ dim, ntotal }: Sized, depth: number): fc.Arbitrary<FaissIndex> {
  return fc
    .tuple(headerOf({ dim, ntotal }), fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 3 }))
    .chain(([head, dims]) => {
      const steps = dims.map((dimOut, i) => transform(dims[i - 1] ?? dim, dimOut))
      const inner = anyIndex(dims.at(-1) ?? dim, ntotal, depth - 1)
      return fc.tuple(fc.tuple(...steps), inner).chain(([transforms, index]) => {
        // the other kinds keep the dimension, so they can be anywhere
        const { dimOut } = transforms.at(-1) ?? { dimOut: dim }
        return sameDim(dimOut).map((more) => {
          return { kind: 'pre-transform' as const, ...head, transforms: [...transforms, ...more], index }
        })
      })
    })
}

function sameDim(dim: number): fc.Arbitrary<FaissTransform[]> {
  const of = { dimIn: dim, dimOut: dim }
  const center = floats(dim).map((mean): FaissTransform => ({ kind: 'center', ...of, trained: true, mean }))
  return fc.array(fc.oneof(fc.constant<FaissTransform>({ kind: 'normalize', ...of }), center), { maxLength: 2 })
}

function transform(dimIn: number, dimOut: number): fc.Arbitrary<FaissTransform> {
  return fc.record({
    ...constants({ kind: 'linear' as const, dimIn, dimOut, trained: true }),
    matrix: floats(dimIn * dimOut),
    bias: fc.option(floats(dimOut), { nil: undefined }),
  })
}

function idMap(header: fc.Arbitrary<FaissHeader>, inner: fc.Arbitrary<FaissIndex>): fc.Arbitrary<FaissIndex> {
  return fc
    .tuple(header, inner)
    .chain(([head, index]) =>
      longs(head.ntotal).map((ids) => ({ kind: 'id-map', ...head, index, ids: rowsOf(ids, head.ntotal, 1) })),
    )
}

function refine(header: fc.Arbitrary<FaissHeader>, inner: fc.Arbitrary<FaissIndex>): fc.Arbitrary<FaissIndex> {
  return fc.tuple(header, inner, inner, fc.integer({ min: 1, max: 1000 })).map(([head, base, second, kFactor]) => {
    return { kind: 'refine', ...head, base, refine: second, kFactor }
  })
}

function quantizerOf({ dim }: FaissHeader): fc.Arbitrary<ProductQuantizer> {
  const divisors = Array.from({ length: dim }, (_, i) => i + 1).filter((m) => dim % m === 0)
  return fc
    .tuple(fc.constantFrom(...divisors), fc.integer({ min: 1, max: 5 }))
    .chain(([m, nbits]) =>
      floats(dim * 2 ** nbits).map((codebooks) => ({ dim, m, nbits, codeSize: Math.ceil((m * nbits) / 8), codebooks })),
    )
}

function scalarOf({ dim }: FaissHeader): fc.Arbitrary<ScalarQuantizer> {
  return fc
    .constantFrom(...SCALAR_TYPES)
    .chain((type) =>
      floats(rangeLength(type, dim)).map((range) => ({ dim, type, codeSize: scalarCodeSize(type, dim), range })),
    )
}

function constants<T extends object>(values: T): { [K in keyof T]: fc.Arbitrary<T[K]> } {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, fc.constant(value)])) as {
    [K in keyof T]: fc.Arbitrary<T[K]>
  }
}

const floats = (length: number) => fc.float32Array({ minLength: length, maxLength: length })
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const longs = (length: number) => fc.bigInt64Array({ minLength: length, maxLength: length })
