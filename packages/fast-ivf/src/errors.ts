/** What went wrong, as a stable word that code can test. */
export type IvfErrorCode =
  | 'ERR_ARGUMENT' // an option or argument outside its range
  | 'ERR_DIM' // a vector of another dimension, or rows of unequal length
  | 'ERR_NOT_FINITE' // NaN, Infinity, or a number too large for 32-bit floats
  | 'ERR_EMPTY' // no vectors where some are needed
  | 'ERR_TOO_FEW' // fewer vectors than centroids to train
  | 'ERR_NOT_TRAINED' // used before train()
  | 'ERR_NOT_CALIBRATED' // a recall is asked for, and calibrate() was not called
  | 'ERR_DETACHED' // a typed array whose buffer was transferred or is too short
  | 'ERR_FORMAT' // a file that is truncated, damaged or of another kind
  | 'ERR_NOT_FOUND' // a file or part of it that is not there
  | 'ERR_ID' // an id that is there already, is of another kind, or is given twice
  | 'ERR_LOCKED' // a folder that another process writes to
  | 'ERR_MEMORY' // memory that cannot be had
  | 'ERR_WORKER' // a worker thread that died, or a kernel that failed
  | 'ERR_CLOSED' // used after close()
  | 'ERR_UNSUPPORTED' // the platform lacks what is needed

/** The one error class of the library: `code` for programs, `message` for people. */
export class IvfError extends Error {
  readonly code: IvfErrorCode

  constructor(code: IvfErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'IvfError'
    this.code = code
  }
}

/** Returns `value` if it is an integer from `min` to `max`. @throws IvfError ERR_ARGUMENT */
export function checkInteger(name: string, value: unknown, min: number, max: number = Number.MAX_SAFE_INTEGER): number {
  if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max) return value as number
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
  throw new IvfError('ERR_ARGUMENT', `${name} is ${show(value)}; it must be an integer ${range}`)
}

/** Returns `value` if it is a number from `min` to `max`. @throws IvfError ERR_ARGUMENT */
export function checkNumber(name: string, value: unknown, min: number, max: number = Number.POSITIVE_INFINITY): number {
  if (typeof value === 'number' && value >= min && value <= max) return value
  const range = max === Number.POSITIVE_INFINITY ? `of at least ${min}` : `from ${min} to ${max}`
  throw new IvfError('ERR_ARGUMENT', `${name} is ${show(value)}; it must be a number ${range}`)
}

/** Returns `value` if it is one of `allowed`. @throws IvfError ERR_ARGUMENT */
export function checkOneOf<const T extends string>(name: string, value: unknown, allowed: readonly T[]): T {
  if (allowed.includes(value as T)) return value as T
  const names = allowed.map((word) => `'${word}'`).join(', ')
  throw new IvfError('ERR_ARGUMENT', `${name} is ${show(value)}; it must be one of ${names}`)
}

/** A value as an error message shows it: short, and never throwing. */
export function show(value: unknown): string {
  if (typeof value === 'string') return `'${value.length > 40 ? `${value.slice(0, 40)}…` : value}'`
  if (typeof value === 'function') return 'a function'
  if (value === null || typeof value !== 'object') return String(value)
  return value.constructor?.name ?? 'an object'
}
