/** Which settings are worth having? */

/** A setting as recall and speed see it. */
export interface Rated {
  recall: number
  qps: number
}

/** The settings that no other beats in both, least recall first. Of equals, the first stays. */
export function frontier<T extends Rated>(settings: readonly T[]): T[] {
  const ordered = [...settings].sort((a, b) => b.recall - a.recall || b.qps - a.qps)
  let fastest = Number.NEGATIVE_INFINITY
  return ordered
    .filter(({ qps }) => {
      const worth = qps > fastest
      if (worth) fastest = qps
      return worth
    })
    .reverse()
}

/** The fastest setting measured that reaches a recall, nothing interpolated; undefined where none does. */
export function fastestAt<T extends Rated>(settings: readonly T[], recall: number): T | undefined {
  return frontier(settings).find((setting) => setting.recall >= recall)
}
