import { checkInteger, IvfError } from '../../errors.js'

export interface CodebookSize {
  /** Subvectors. */
  m: number
  /** Codewords of each. */
  k: number
}

/** The width of a subvector. @throws IvfError ERR_ARGUMENT, ERR_DIM */
export function checkCodebooks(dim: number, { m, k }: CodebookSize): number {
  checkInteger('the number of subvectors (m)', m, 1)
  checkInteger('the number of codewords (k)', k, 2, 65536)
  if (dim % m === 0) return dim / m
  const divisors = Array.from({ length: dim }, (_, i) => i + 1).filter((n) => dim % n === 0)
  throw new IvfError(
    'ERR_DIM',
    `dim ${dim} cannot be cut into ${m} equal subvectors; choose a number of subvectors that divides it: ${divisors.join(', ')}`,
  )
}
