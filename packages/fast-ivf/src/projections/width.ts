import { IvfError } from '../errors.js'

/** Returns the components that a word asks for, if vectors of dim have as many. @throws IvfError ERR_DIM */
export function checkWidth(word: string, width: number, dim: number): number {
  if (width >= 1 && width <= dim) return width
  if (width > dim) {
    throw new IvfError(
      'ERR_DIM',
      `${word} gives ${width} components, but the vectors have ${dim}; ask for at most ${dim}`,
    )
  }
  throw new IvfError('ERR_DIM', `${word} gives ${width} components; ask for 1 to ${dim}`)
}
