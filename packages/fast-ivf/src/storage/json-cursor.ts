import { IvfError, show } from '../errors.js'

/** More than any file has; a member costs ten times its bytes, so 100 MB of them would cost a minute and a gigabyte. */
export const MAX_MEMBERS = 250_000

/**
 * Reads JSON of a form known beforehand, front to back. Unlike JSON.parse it builds nothing but what the caller asks
 * for, so a hostile text can neither nest deeper than the caller reads, nor name a member twice, nor round an integer.
 * `what` says in messages what a value is of.
 */
export interface JsonCursor {
  string(what: string): string
  /** Digits alone, up to 2^53 - 1. */
  integer(what: string): number
  /** Calls `member` before the value of each member, which it must read. */
  object(what: string, member: (key: string) => void): void
  /** Calls `element` before each element, which it must read. */
  array(what: string, element: () => void): void
  /** Only white space may be left. */
  end(): void
}

/** A cursor at the begin of `text`, the header of the file `name`. What it reads @throws IvfError ERR_FORMAT */
export function jsonCursor(text: string, name: string): JsonCursor {
  let at = 0

  function skipSpace(): void {
    while (at < text.length && ' \t\n\r'.includes(text.charAt(at))) at++
  }

  function take(character: string): boolean {
    skipSpace()
    if (text.charAt(at) !== character) return false
    at++
    return true
  }

  function refuse(what: string, needed: string): never {
    const found = /^(?:[\w.+-]+|"[^"]*"?|.|$)/s.exec(text.slice(at, at + 40))?.[0]
    throw new IvfError(
      'ERR_FORMAT',
      `${name}, ${what}: ${found ? show(found) : 'nothing more'} at character ${at} of the header, where ${needed} ` +
        'is needed; the file is damaged: copy it again, or write it again with safetensors',
    )
  }

  function list(brackets: string, what: string, item: () => void): void {
    const close = brackets.charAt(1)
    if (!take(brackets.charAt(0))) refuse(what, `a list in ${brackets}`)
    if (take(close)) return
    for (;;) {
      item()
      if (take(close)) return
      if (!take(',')) refuse(what, `a comma or ${close}`)
    }
  }

  function string(what: string): string {
    if (!take('"')) refuse(what, 'a string in double quotes')
    const from = at - 1
    let to = at
    while (to < text.length && text.charAt(to) !== '"') to += text.charAt(to) === '\\' ? 2 : 1
    try {
      const value: string = JSON.parse(text.slice(from, to + 1))
      at = to + 1
      return value
    } catch {
      at = from
      return refuse(what, 'a whole string without control characters')
    }
  }

  return {
    string,
    integer(what) {
      skipSpace()
      const digits = /^(?:0|[1-9]\d{0,15})(?![\w.+-])/.exec(text.slice(at, at + 17))?.[0]
      if (digits === undefined || !Number.isSafeInteger(Number(digits))) refuse(what, 'an integer from 0 to 2^53 - 1')
      at += digits.length
      return Number(digits)
    },
    object(what, member) {
      const keys = new Set<string>()
      list('{}', what, () => {
        const key = string(what)
        if (keys.size === MAX_MEMBERS) {
          throw new IvfError(
            'ERR_FORMAT',
            `${name}, ${what}: more than ${MAX_MEMBERS} members are there; store fewer in one file`,
          )
        }
        if (keys.has(key)) {
          throw new IvfError(
            'ERR_FORMAT',
            `${name}, ${what}: ${show(key)} is there twice; write the file again with one of it`,
          )
        }
        keys.add(key)
        if (!take(':')) refuse(what, 'a colon')
        member(key)
      })
    },
    array: (what, element) => list('[]', what, element),
    end() {
      skipSpace()
      if (at < text.length) refuse('after its end', 'nothing but spaces')
    },
  }
}
