import { InvalidArgumentError } from 'commander'

/** A parser of one integer from `min` to `max`. */
export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER): (text: string) => number {
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
  return (text) => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= min && value <= max) return value
    throw new InvalidArgumentError(`It must be an integer ${range}.`)
  }
}

/** A parser of integers with commas between them. */
export function integers(min: number, max?: number): (text: string) => number[] {
  const one = integer(min, max)
  return (text) => text.split(',').map((part) => one(part.trim()))
}

/** A parser of a number from `min` to `max`. */
export function number(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (text.trim() !== '' && value >= min && value <= max) return value
    throw new InvalidArgumentError(`It must be a number from ${min} to ${max}.`)
  }
}

/** A parser of numbers with commas between them. */
export function numbers(min: number, max: number): (text: string) => number[] {
  const one = number(min, max)
  return (text) => text.split(',').map(one)
}
