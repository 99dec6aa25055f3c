import type { ProjectionKind, ProjectionPlan } from '../projection.js'
import { checkWidth } from '../width.js'

export interface RandomOptions {
  /** Components of what comes out. */
  width: number
}

/** `RR64`: components along 64 random orthogonal directions, for ip and l2 as long as the vectors on the mean. */
export const randomKind: ProjectionKind = {
  words: 'RR<components>',
  examples: ['RR12'],
  parse(word) {
    const [, width] = word.match(/^RR(\d+)$/) ?? []
    return width === undefined ? undefined : random({ width: Number(width) })
  },
}

/** Rows of a rotation of the seed, drawn evenly from all. Nothing is learned. */
export function random({ width }: RandomOptions): ProjectionPlan {
  const word = `RR${width}`
  return {
    word,
    width: (dim) => checkWidth(word, width, dim),
    async train({ engine, metric, dim, seed, options: { signal } }) {
      const { normalNumbers } = await import('../../algebra/normal.js')
      const { orthonormalRows } = await import('../../algebra/orthonormal.js')
      const turn = engine.pace(signal)
      const drawn = new Float32Array(checkWidth(word, width, dim) * dim)
      const normal = normalNumbers(seed)
      for (let i = 0; i < drawn.length; i++) {
        drawn[i] = normal()
        if (i % dim === 0) await turn()
      }
      // Orthonormal rows of normal numbers favour no direction (F. Mezzadri, "How to generate random matrices from the
      // classical compact groups", 2007).
      const weight = await orthonormalRows(drawn, dim, seed, turn)
      // So that products and squared distances stay what they are on the mean (W. Johnson, J. Lindenstrauss, 1984).
      const scale = metric === 'cosine' ? 1 : Math.sqrt(dim / width)
      if (scale !== 1) for (let i = 0; i < weight.length; i++) weight[i] = (weight[i] as number) * scale
      return { word, metric, dim, width, weight, bias: undefined, unit: metric === 'cosine' }
    },
  }
}
