import { IvfError } from '../../errors.js'

/** The error for a loss that left the numbers. */
export function notFinite(loss: number, step: number, learningRate: number): IvfError {
  return new IvfError(
    'ERR_NOT_FINITE',
    `the loss is ${loss} after ${step + 1} steps with a learning rate of ${learningRate}; give a smaller one (compressorLearningRate), or look for vectors far larger than the others`,
  )
}
