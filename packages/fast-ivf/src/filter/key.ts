import { canonicalJson } from './json.js'
import type { FilterNode } from './parse.js'

/** A text that filters share when they say the same in another order, or twice. Filters with different texts may yet agree. */
export function filterKey(node: FilterNode): string {
  switch (node.kind) {
    case 'and':
    case 'or':
      return `${node.kind}(${sorted(node.parts.map(filterKey))})`
    case 'not':
      return `not(${filterKey(node.part)})`
    case 'exists':
      return `exists(${JSON.stringify(node.path)})`
    case 'compare':
      return `${node.operator}(${JSON.stringify(node.path)},${canonicalJson(node.value)})`
    case 'in': {
      const values = [...node.scalars, ...node.nested].map((value) => canonicalJson(value))
      return `in(${JSON.stringify(node.path)},${sorted(values)})`
    }
    default:
      return node satisfies never
  }
}

const sorted = (texts: string[]): string => [...new Set(texts)].sort().join()
