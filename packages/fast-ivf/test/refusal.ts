import { expect } from 'vitest'
import { IvfError } from '../src/index.js'

/** The error with which a call is refused. */
export async function refusal(call: Promise<unknown> | (() => unknown)): Promise<IvfError> {
  try {
    await (typeof call === 'function' ? call() : call)
  } catch (error) {
    expect(error).toBeInstanceOf(IvfError)
    return error as IvfError
  }
  throw new Error('it was accepted')
}
