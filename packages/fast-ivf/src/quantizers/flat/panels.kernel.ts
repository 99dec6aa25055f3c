import { pack, strip } from '../../kernels/strip.kernel'
import { offer } from '../../kernels/topk.kernel'
import { addsOf, dropMet, queryOf, Scan, visitOf } from '../../kernels/visit.kernel'

/** Item: a visit. Products of the cell's vectors with its queries, offered to the queries' heaps. */
export function scanPanels(record: usize, from: u32, to: u32, lane: u32): void {
  const s = changetype<Scan>(record)
  const dim = s.dim, k = s.k
  const packed = s.scratch + <usize>lane * s.scratchStride
  const products = packed + s.packed
  const heaps = s.heaps + <usize>lane * s.heapStride
  for (let item = from; item < to; item++) {
    const v = visitOf(s, item)
    const group = v.count == 1 ? 1 : s.group
    const biases = addsOf(s, v, lane)
    const rows = (v.count + group - 1) / group * group
    pack(s.tables, v.queries, v.count, group, dim, packed)
    // Whole panels, two at a time; the slots before and after the cell's are computed and ignored.
    const start = v.from >> 3
    const npanels = (((v.to + 7) >> 3) - start + 1) & ~1
    const step = max<u32>(2, min(npanels, s.products / (rows << 3)) & ~1)
    for (let panel: u32 = 0; panel < npanels; panel += step) {
      const panels = min(step, npanels - panel)
      strip(packed, rows, group, v.codes + ((<usize>(start + panel) * dim) << 5), panels, dim, products)
      const low = (start + panel) << 3
      const first = max(v.from, low)
      const last = min(v.to, low + (panels << 3))
      if (first >= last) continue
      const at = products + ((<usize>(first - low)) << 2)
      const bias = biases + ((<usize>(first - v.from)) << 2)
      for (let i: u32 = 0; i < v.count; i++) {
        dropMet(s, v, i, first, last - first, at + ((<usize>i * panels) << 5), -Infinity)
        offer(at + ((<usize>i * panels) << 5), bias, last - first, v.slot + first, heaps + ((<usize>queryOf(v, i) * k) << 3), k)
      }
    }
  }
}
