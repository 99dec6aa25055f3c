import { IvfError, show } from '../errors.js'
import { formatError } from './cursor.js'

/** The refusal of a record that is not read: its letters, its class, where it is, and what to do in Python. */
export function refuseRecord(name: string, letters: string, at: number): IvfError {
  const [known, remedy] = UNREAD[letters] ?? []
  if (known !== undefined && remedy !== undefined) return unsupported(name, `${known} (${letters})`, at, remedy)
  const told = /^[ -~]{4}$/.test(letters) ? show(letters) : `bytes ${hex(letters)}`
  if (at === 0) {
    return new IvfError(
      'ERR_FORMAT',
      `${name} begins with ${told}, which no known faiss index does; if faiss reads it, write it as an index that is ` +
        `known: ${FLAT}`,
    )
  }
  return formatError(name, `has ${told} at byte ${at}, where the letters of a known record are needed`)
}

/** An ERR_UNSUPPORTED about a good file: what it holds, where, and what to do. */
export function unsupported(name: string, what: string, at: number, remedy: string): IvfError {
  return new IvfError('ERR_UNSUPPORTED', `${name} holds ${what} at byte ${at}, which cannot be read; ${remedy}`)
}

/** What faiss calls the metrics that are not read. */
export const OTHER_METRICS: Readonly<Record<number, string>> = {
  ...{ 2: 'L1', 3: 'Linf', 4: 'Lp', 20: 'Canberra', 21: 'BrayCurtis', 22: 'JensenShannon', 23: 'Jaccard' },
  ...{ 24: 'NaNEuclidean', 25: 'Gower' },
}

export const METRIC_REMEDY: string =
  'in Python: x = ix.reconstruct_n(0, ix.ntotal); new = faiss.IndexFlatL2(ix.d); new.add(x); ' +
  "faiss.write_index(new, 'new.faiss')"

export const QUANTIZER_REMEDY: string =
  'in Python: ivf = faiss.extract_index_ivf(ix); flat = faiss.IndexFlat(ivf.d, ivf.metric_type); ' +
  "flat.add(ivf.quantizer.reconstruct_n(0, ivf.nlist)); ivf.quantizer = flat; faiss.write_index(ix, 'new.faiss')"

export const ON_DISK_REMEDY: string =
  'in Python: ivf = faiss.extract_index_ivf(ix); lists = faiss.ArrayInvertedLists(ivf.nlist, ivf.code_size); ' +
  'ivf.invlists.copy_subset_to(lists, 0, 0, 2**62); ivf.replace_invlists(lists); ' +
  "faiss.write_index(ix, 'new.faiss')"

const FLAT =
  'in Python: x = ix.reconstruct_n(0, ix.ntotal); new = faiss.IndexFlat(ix.d, ix.metric_type); new.add(x); ' +
  "faiss.write_index(new, 'new.faiss')"
const rebuild = (spec: string): string =>
  `in Python, from the vectors: new = faiss.index_factory(ix.d, '${spec}', ix.metric_type); new.train(x); ` +
  "new.add(x); faiss.write_index(new, 'new.faiss')"
const FAST_SCAN = `${rebuild('IVF1024,PQ16x4')} (the same spec without 'fs' at its end)`
const PRODUCT = rebuild('IVF1024,PQ16')
const SIGNS = rebuild('IVF1024,RaBitQ')
const AGAIN = "in Python: faiss.write_index(faiss.read_index('old.faiss'), 'new.faiss') writes it as it is written now"
const BINARY = 'binary vectors have no place in this library: index the vectors that they were made of'
const EMPTY = 'write the index itself: in Python, faiss.write_index without IO flags that leave parts out'

const all = (letters: string, known: string, remedy: string): Record<string, readonly [string, string]> =>
  Object.fromEntries(letters.split(' ').map((each) => [each, [known, remedy] as const]))

const UNREAD: Readonly<Record<string, readonly [known: string, remedy: string]>> = {
  ...all('IHNf', 'IndexHNSWFlat', FLAT),
  ...all('IHNs', 'IndexHNSWSQ', FLAT),
  ...all('IHNp', 'IndexHNSWPQ', FLAT),
  ...all('IHN2', 'IndexHNSW2Level', FLAT),
  ...all('IHNc', 'IndexHNSWCagra', FLAT),
  ...all('IH00', 'IndexHNSW', FLAT),
  ...all('INSf', 'IndexNSGFlat', FLAT),
  ...all('INSs', 'IndexNSGSQ', FLAT),
  ...all('INSp', 'IndexNSGPQ', FLAT),
  ...all('INNf', 'IndexNNDescentFlat', FLAT),
  ...all('IxLa', 'IndexLattice', FLAT),
  ...all('IRMf IRMh', 'IndexRowwiseMinMax', FLAT),
  ...all('IwFd', 'IndexIVFFlatDedup', rebuild('IVF1024,Flat')),
  ...all('IxHe IxHE', 'IndexLSH', SIGNS),
  ...all('IwSh', 'IndexIVFSpectralHash', SIGNS),
  ...all('IwPf', 'IndexIVFPQFastScan', FAST_SCAN),
  ...all('IPfs', 'IndexPQFastScan', rebuild('PQ16x4')),
  ...all('IwQR', 'IndexIVFPQR', rebuild('IVF1024,PQ16,RFlat')),
  ...all('Iwrr', 'IndexIVFRaBitQ of more than one bit', SIGNS),
  ...all('Iwrn Iwrf', 'IndexIVFRaBitQFastScan', SIGNS),
  ...all('Ixrq Ixrr', 'IndexRaBitQ', SIGNS),
  ...all('IxRP', 'IndexRefinePanorama', rebuild('IVF1024,PQ16,RFlat')),
  ...all('Imiq', 'MultiIndexQuantizer', PRODUCT),
  ...all('Ix2L', 'Index2Layer', PRODUCT),
  ...all('IwIQ', 'IndexIVFIndependentQuantizer', PRODUCT),
  ...all('IxRQ IxRq ImRQ', 'IndexResidualQuantizer', PRODUCT),
  ...all('IxLS', 'IndexLocalSearchQuantizer', PRODUCT),
  ...all('IxPR', 'IndexProductResidualQuantizer', PRODUCT),
  ...all('IxPL', 'IndexProductLocalSearchQuantizer', PRODUCT),
  ...all('IwRQ IwLS IwPR IwPL', 'IndexIVFAdditiveQuantizer', PRODUCT),
  ...all('ILfs IRfs IPRf IPLf', 'IndexAdditiveQuantizerFastScan', PRODUCT),
  ...all('IVLf IVRf NPLf NPRf', 'IndexIVFAdditiveQuantizerFastScan', PRODUCT),
  ...all('IvFl IvFL', 'IndexIVFFlat in its oldest layout', AGAIN),
  ...all('IvPQ', 'IndexIVFPQ in its oldest layout', AGAIN),
  ...all('IvQR', 'IndexIVFPQR in its oldest layout', rebuild('IVF1024,PQ16,RFlat')),
  ...all('IvSQ', 'IndexIVFScalarQuantizer in its oldest layout', AGAIN),
  ...all('IBxF IBwF IBHf IBHs IBHm IBFf IBMp IBM2', 'an IndexBinary', BINARY),
  ...all('null', 'no index', EMPTY),
}

function hex(letters: string): string {
  return Array.from(letters, (letter) => letter.charCodeAt(0).toString(16).padStart(2, '0')).join(' ')
}
