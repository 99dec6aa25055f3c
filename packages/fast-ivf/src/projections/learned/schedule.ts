/** How long a projection learns. */
export interface Schedule {
  width: number
  batchSize: number
  /** −1: one pass over the sample. */
  stepsPerEpoch: number
  epochs: number
  learningRate: number
}

/** Steps of an epoch over so many rows. */
export function epochSteps({ stepsPerEpoch, batchSize }: Schedule, rows: number): number {
  return stepsPerEpoch === -1 ? Math.max(1, Math.ceil(rows / batchSize)) : stepsPerEpoch
}

export const SIMILARITY_DEFAULTS: Readonly<Omit<Schedule, 'width'>> = {
  ...{ batchSize: 256, stepsPerEpoch: 100, epochs: 10, learningRate: 0.002 },
}

/** The original's. */
export const SUPERVISED_DEFAULTS: Readonly<Omit<Schedule, 'width'>> = {
  ...{ batchSize: 128, stepsPerEpoch: 2000, epochs: 10, learningRate: 0.005 },
}
