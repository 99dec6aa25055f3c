import { expect, test } from 'vitest'
import { integer, integers, number, numbers } from '../src/arguments.js'
import { oneLine, UsageError, withFlags } from '../src/errors.js'
import { progressBar } from '../src/progress.js'
import { median, percentile } from '../src/statistics.js'
import { bytes, count, facts, seconds, short, table } from '../src/text.js'
import { Captured } from './harness.js'

test('an integer argument is decimal digits within its range', () => {
  expect(integer(1, 9)('7')).toBe(7)
  for (const text of ['', '0', '10', '1.5', '-1', '1e1', '0x1', 'NaN', ' 1 ', 'Infinity', '99999999999999999999']) {
    expect(() => integer(1, 9)(text), text).toThrow('an integer from 1 to 9')
  }
  expect(integers(1)('1,4, 16')).toEqual([1, 4, 16])
  for (const text of ['', '1,', ',1', '1;4', '1,0']) expect(() => integers(1)(text), text).toThrow('of at least 1')
})

test('a number argument is within its range', () => {
  expect(number(0, 1)('0.5')).toBe(0.5)
  for (const text of ['', ' ', 'x', '-0.1', '1.1', 'NaN']) expect(() => number(0, 1)(text), text).toThrow('from 0 to 1')
  expect(numbers(0, 9)('1.2,3, 0')).toEqual([1.2, 3, 0])
  for (const text of ['', '1,', ',1', '1;4', '1,10']) expect(() => numbers(0, 9)(text), text).toThrow('from 0 to 9')
})

test('a percentile is one of the values: the least that the share does not exceed', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i)
  expect([0, 0.01, 0.5, 0.95, 0.99, 1].map((share) => percentile(hundred, share))).toEqual([1, 1, 50, 95, 99, 100])
  expect(median([3, 1, 2])).toBe(2)
  expect(percentile([7], 0.99)).toBe(7)
  expect(percentile([], 0.5)).toBeNaN()
})

test('numbers are short and tell their unit', () => {
  expect([0, 3.1234, 99.96, 1234.5, 1e6].map(count)).toEqual(['0', '3.1', '100', '1,235', '1,000,000'])
  expect([0, 1023, 1024, 1536, 5 * 2 ** 30].map(bytes)).toEqual(['0 bytes', '1,023 bytes', '1 KiB', '1.5 KiB', '5 GiB'])
  expect([0.1234, 12.34].map(seconds)).toEqual(['0.12 s', '12.3 s'])
  expect([1, 0.123456, 1e-9, Number.NaN].map(short)).toEqual(['1', '0.1235', '1e-9', 'NaN'])
})

test('tables and facts are aligned', () => {
  expect(
    table(
      ['n', 'recall'],
      [
        ['1', '0.5'],
        ['100', '1'],
      ],
    ),
  ).toBe('  n  recall\n  1     0.5\n100       1')
  expect(
    facts([
      ['a', 'x'],
      ['long', 'y'],
    ]),
  ).toBe('a     x\nlong  y')
})

test('an error is one line', () => {
  expect(oneLine(new Error('error: unknown option\n(Did you mean --x?)'))).toBe('unknown option (Did you mean --x?)')
  expect(oneLine(new Error('It must be 1.'))).toBe('It must be 1')
  expect(oneLine(new RangeError())).toBe('RangeError')
  expect(oneLine('plain')).toBe('plain')
})

test("the library's options in a remedy become the command's", async () => {
  const failing = (code: string, message: string) => () => Promise.reject(Object.assign(new Error(message), { code }))
  const flags = { format: '--to', member: '--member' }
  await expect(withFlags(flags, failing('ERR_ARGUMENT', 'give { format }'))).rejects.toThrow(UsageError)
  await expect(withFlags(flags, failing('ERR_ARGUMENT', 'give { format }'))).rejects.toThrow('give --to <format>')
  await expect(withFlags(flags, failing('ERR_FORMAT', "name it as { member: 'a' }"))).rejects.toMatchObject({
    message: 'name it as --member a',
    code: 'ERR_FORMAT',
  })
  await expect(withFlags(flags, failing('ERR_DIM', 'give { data, dims }'))).rejects.toThrow('give { data, dims }')
})

test('progress is a bar on a terminal, and gone when it stops', () => {
  const stream = Object.assign(new Captured(), { isTTY: true, columns: 80, cursorTo: () => {}, clearLine: () => {} })
  const bar = progressBar(stream)
  bar.update({ phase: 'train', done: 1, total: 4, delta: 0.5 })
  bar.update({ phase: 'assign', done: 4, total: 4 })
  bar.stop()
  bar.stop()
  expect(stream.text).toMatch(/train \[=+-+\] 1 of 4, convergence delta 0\.5000/)
  expect(stream.text).toMatch(/assign \[=+\] 4 of 4/)
})

test('elsewhere progress is a line now and then', () => {
  const [often, seldom] = [new Captured(), new Captured()]
  for (const [stream, every] of [
    [often, 0],
    [seldom, 60_000],
  ] as const) {
    const lines = progressBar(stream, every)
    lines.update({ phase: 'fill', done: 1000, total: 4000 })
    lines.stop()
  }
  expect(often.text).toBe('fill: 1,000 of 4,000\n')
  expect(seldom.text).toBe('')
})
