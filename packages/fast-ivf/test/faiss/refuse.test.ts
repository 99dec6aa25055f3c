import { describe, test } from 'vitest'
import { letters } from '../../src/faiss/put.js'
import { expectError } from '../formats/files.js'
import { fixtureBytes, parse } from './fixtures.js'

const patch = (bytes: Uint8Array, at: number, ...values: number[]): Uint8Array => {
  const changed = bytes.slice()
  changed.set(values, at)
  return changed
}

describe('what is not read is refused by its name, its place and what to do', () => {
  test.each([
    ['refused_fast_scan', /IndexIVFPQFastScan \(IwPf\) at byte 0, .*in Python.*without 'fs'/],
    ['refused_hnsw', /IndexHNSWFlat \(IHNf\) at byte 0, .*ix\.reconstruct_n\(0, ix\.ntotal\).*write_index/],
    ['refused_lsh', /IndexLSH \(IxHe\) at byte 0, .*index_factory/],
    ['refused_itq', /ITQTransform \(Viqt\) at byte 41, .*'OPQ16'/],
    ['refused_l1', /by the metric L1 at byte 33, .*IndexFlatL2/],
  ])('%s', (name, message) => expectError(parse(fixtureBytes(name)), 'ERR_UNSUPPORTED', message))

  const ivf = fixtureBytes('tiny_ivf_l2')
  const flat = fixtureBytes('tiny_flat_l2')
  const scalar = fixtureBytes('tiny_sq_fp16')
  const lists = Buffer.from(ivf).indexOf('ilar')
  test.each([
    [
      'a coarse quantizer of codes',
      patch(ivf, 53, ...letters('IxPq')),
      /not flat \(IxPq\) at byte 53, .*ivf\.quantizer/,
    ],
    ['lists in another file', patch(ivf, lists, ...letters('ilod')), /OnDiskInvertedLists \(ilod\).*copy_subset_to/],
    ['lists that were left out', patch(ivf, lists, ...letters('il00')), /without its lists \(il00, 120 vectors\)/],
    ['interleaved lists', patch(ivf, lists, ...letters('ilp2')), /ArrayInvertedListsPanorama \(ilp2\)/],
    ['newer scalar codes', patch(scalar, 37, 11), /scalar codes of type 11 at byte 37.*'IVF1024,SQ8'/],
    ['binary vectors', patch(flat, 0, ...letters('IBxF')), /an IndexBinary \(IBxF\) at byte 0.*index the vectors/],
    ['nothing', letters('null'), /no index \(null\) at byte 0/],
  ])('%s', (_, bytes, message) => expectError(parse(bytes), 'ERR_UNSUPPORTED', message))

  test('a file of another kind is told from a damaged one', async () => {
    await expectError(
      parse(letters('PK\x03\x04 and more')),
      'ERR_FORMAT',
      /begins with bytes 50 4b 03 04, which no known/,
    )
    await expectError(parse(letters('IxZZ')), 'ERR_FORMAT', /begins with 'IxZZ', which no known.*faiss\.write_index/)
    const inner = patch(fixtureBytes('tiny_idmap'), 37, ...letters('IxZZ'))
    await expectError(
      parse(inner),
      'ERR_FORMAT',
      /has 'IxZZ' at byte 37, where the letters of a known record are needed/,
    )
    await expectError(parse(new Uint8Array(0)), 'ERR_FORMAT', /ends at byte 0, within the four letters/)
  })
})
