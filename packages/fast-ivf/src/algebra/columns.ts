import type { Engine } from '../engine/engine.js'
import { PANEL, type Panels, panelPairs } from '../engine/panels.js'

/** The columns of row-major data (length × count) as the vectors of panels: nothing is compared by bias. */
export function placeColumns(
  engine: Engine,
  alloc: (bytes: number) => number,
  data: Float32Array,
  length: number,
  count: number,
): Panels {
  const npanels = panelPairs(count)
  const panels = alloc(npanels * PANEL * length * 4)
  const target = engine.floats(panels, npanels * PANEL * length).fill(0)
  for (let first = 0; first < count; first += PANEL) {
    const wide = Math.min(PANEL, count - first)
    for (let i = 0; i < length; i++) {
      const to = first * length + i * PANEL
      const from = i * count + first
      for (let t = 0; t < wide; t++) target[to + t] = data[from + t] as number
    }
  }
  return { dim: length, count, npanels, panels, bias: 0 }
}
