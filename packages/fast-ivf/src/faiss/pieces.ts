import type { FaissCore } from './take-apart.js'

/** Vectors that follow each other in a core. */
export interface CorePiece {
  /** The cell that all of them are in, where codes are of residuals. */
  readonly cell: number | undefined
  /** count × bytes of a code */
  readonly codes: Uint8Array
  /** count */
  readonly ids: BigInt64Array
}

/** How much is read at a time of a core without cells. */
const CHUNK = 8 << 20

/** All that a core stores, cell by cell; none is empty. */
export async function* piecesOf(core: FaissCore): AsyncGenerator<CorePiece> {
  if ('lists' in core) {
    for (let list = 0; list < core.nlist; list++) {
      if (core.lists.sizes[list] === 0) continue
      yield { cell: core.byResidual ? list : undefined, ...(await core.lists.read(list)) }
    }
    return
  }
  const most = Math.max(1, Math.floor(CHUNK / codeBytes(core)))
  for (let from = 0; from < core.ntotal; from += most) {
    const to = Math.min(from + most, core.ntotal)
    const ids = BigInt64Array.from({ length: to - from }, (_, i) => BigInt(from + i))
    yield { cell: undefined, codes: await codesOf(core, from, to), ids }
  }
}

type Listless = Exclude<FaissCore, { lists: unknown }>

/** Bytes of a code. */
export function codeBytes(core: Listless): number {
  if (core.kind === 'flat') return core.dim * 4
  return core.kind === 'pq' ? core.pq.codeSize : core.sq.codeSize
}

/** The codes of rows from … to: (to − from) × codeBytes. */
export async function codesOf(core: Listless, from: number, to: number): Promise<Uint8Array> {
  if (core.kind !== 'flat') return core.codes.read(from, to)
  const { buffer, byteOffset, byteLength } = await core.vectors.read(from, to)
  return new Uint8Array(buffer, byteOffset, byteLength)
}
