/** Numbers as a reader wants them. */

export function count(value: number): string {
  return Math.round(value).toLocaleString('en')
}

export function milliseconds(seconds: number): string {
  const value = seconds * 1000
  return `${value < 10 ? value.toFixed(1) : count(value)} ms`
}

export function seconds(value: number | undefined): string {
  return value === undefined ? '' : `${value.toFixed(1)} s`
}

/** Three digits that matter, however large the number. */
export function digits(value: number): string {
  return value.toLocaleString('en', { maximumSignificantDigits: 3 })
}

/** A share of 1, with three digits. */
export function share(value: number): string {
  return value.toFixed(3)
}

export function percent(value: number): string {
  return `${(value * 100).toFixed(1)} %`
}
