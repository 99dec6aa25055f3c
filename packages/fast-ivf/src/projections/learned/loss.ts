import { IvfError } from '../../errors.js'

/** The error for a loss that left the numbers. */
export function notFinite(loss: number, step: number, learningRate: number): IvfError {
  return new IvfError(
    'ERR_NOT_FINITE',
    `the loss is ${loss} after ${step + 1} steps with a learning rate of ${learningRate}; give a smaller one (compressorLearningRate), or look for vectors far larger than the others`,
  )
}

/** Such weights overflow with the next vector. */
const FAR = 1e18

/** @throws IvfError ERR_NOT_FINITE when the last steps were so large that no loss could tell it any more */
export function checkWeights(weights: Float32Array, learningRate: number): void {
  const far = weights.find((weight) => !(Math.abs(weight) < FAR))
  if (far === undefined) return
  throw new IvfError(
    'ERR_NOT_FINITE',
    `weights have become as large as ${far} with a learning rate of ${learningRate}; give a smaller one (compressorLearningRate)`,
  )
}
