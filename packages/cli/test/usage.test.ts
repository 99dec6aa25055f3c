import { expect, test } from 'vitest'
import { json, run } from './harness.js'

const both = ['evaluate', '--base', 'b', '--queries', 'q']

test.each([
  [['evalute'], "unknown command 'evalute' (Did you mean evaluate?); see fast-ivf --help"],
  [['info', 'x', '--sampel', '3'], "unknown option '--sampel' (Did you mean --sample?); see fast-ivf info --help"],
  [['--jsn', 'doctor'], "unknown option '--jsn' (Did you mean --json?); see fast-ivf doctor --help"],
  [['info'], "missing required argument 'file'; see fast-ivf info --help"],
  [['info', 'a', 'b'], "too many arguments for 'info'. Expected 1 argument but got 2; see"],
  [['info', 'a', '--sample', '0'], "argument '0' is invalid. It must be an integer of at least 1; see"],
  [['info', 'a', '--format', 'csv'], "argument 'csv' is invalid. Allowed choices are npy, npz,"],
  [['convert', 'a'], "missing required argument 'B'; see fast-ivf convert --help"],
  [['convert', 'a', 'b.npy', '--dtype', 'float'], "argument 'float' is invalid. Allowed choices are float32,"],
  [['convert', 'a', 'b.npy', '--dtype'], 'argument missing; see fast-ivf convert --help'],
  [['evaluate', '--queries', 'q'], "required option '--base <file>' not specified"],
  [['evaluate', '--base', 'b'], "required option '--queries <file>' not specified"],
  [['evaluate', '--base', 'b', '--queries', 'q', '--metric', 'cos'], 'Allowed choices are cosine, ip, l2; see'],
  [['evaluate', '--base', 'b', '--queries', 'q', '--nprobe', '1,x'], "argument '1,x' is invalid"],
  [['evaluate', '--base', 'b', '--queries', 'q', '--nprobe', '0'], 'an integer of at least 1'],
  [['evaluate', '--base', 'b', '--queries', 'q', '--nlist', '4', '--nprobe', '1,8'], 'nprobe 8 is more than nlist 4'],
  [['evaluate', '--base', 'b', '--queries', 'q', '--k', '0'], 'an integer of at least 1'],
  [['evaluate', '--base', 'b', '--queries', 'q', '--seed', '-1'], 'an integer from 0 to 4294967295'],
  [['evaluate', '--base', 'b', '--queries', 'q', '--ratio-threshold', '2'], 'a number from 0 to 1'],
  [[...both, '--spec'], 'argument missing; see fast-ivf evaluate --help'],
  [[...both, '--keep', 'f64'], 'Allowed choices are f32, f16, int8, none; see'],
  [[...both, '--epsilon', '1.9'], '--epsilon is of indexes with codes; name one, like --spec'],
  [[...both, '--no-rescore'], '--no-rescore is of indexes with codes'],
  [[...both, '--keep', 'f16'], '--keep is of indexes with codes'],
  [[...both, '--spec', 'IVF8,Flat', '--keep', 'f16'], '--keep is of specs with codes'],
  [[...both, '--spec', 'IVF8,SQ4', '--nlist', '8'], '--nlist and --spec do not go together'],
  [[...both, '--spec', 'IVF8,SQ4', '--epsilon', '1,x'], "argument '1,x' is invalid"],
  [[...both, '--spec', 'IVF8,SQ4', '--epsilon', '1', '--rescore-factor', '4'], 'two ways to choose'],
  [[...both, '--spec', 'IVF8,SQ4', '--epsilon', '1', '--no-rescore'], '--epsilon and --no-rescore do not go together'],
  [[...both, '--spec', 'IVF8,SQ4', '--rescore-factor', '0'], 'a number from 1 to'],
  [[...both, '--spec', 'IVF8,SQ4', '--rescore-factor', '4', '--keep', 'none'], '--keep none keeps nothing'],
  [[...both, '--spec', 'IVF64,SQ4', 'IVF8,SQ4', '--nprobe', '16,32'], 'nprobe 16 is more than the cells of IVF8,SQ4'],
  [['build', 'a.npy'], "required option '-o, --output <file>' not specified"],
  [['build', 'a.npy', '-o', 'x.ivf', '--metric', 'cos'], 'Allowed choices are cosine, ip, l2'],
  [['build', 'a.npy', '-o', 'x.ivf', '--spec', 'IVF8,Flat', '--keep', 'f16'], '--keep is of specs with codes'],
  [['build', 'a.npy', '-o', 'x.ivf', '--id-type', 'string'], '--id-type is of --ids; give both'],
  [['build', 'a.npy', '-o', 'x.ivf', '--sample', '0'], 'an integer of at least 1'],
  [['add', 'x.ivf'], "missing required argument 'vectors'"],
  [['add', 'x.ivf', 'a.npy', '--upsert'], 'give them as --ids <file|column>; see fast-ivf add --help'],
  [['add', 'https://x.test/x.ivf', 'a.npy'], 'https://x.test/x.ivf cannot be replaced; say where'],
  [['remove', 'x.ivf'], 'there are no ids to remove; name them, or give --ids-file <file>'],
  [['search', 'x.ivf', 'q.npy', '-k', '0'], 'an integer from 1 to'],
  [['search', 'x.ivf', 'q.npy', '--resident', 'none'], 'Allowed choices are all, centroids'],
  [['search', 'x.ivf', 'q.npy', '-o', 'x.csv'], "-o is 'x.csv'; it must end in .jsonl or .npy"],
  [['search', 'x.ivf', 'q.npy', '--rescore-factor', '2', '--no-rescore'], '--rescore-factor and --no-rescore do not'],
  [['import', 'a.faiss'], "required option '-o, --output <file>' not specified"],
  [['export', 'x.ivf', '-o', 'x.h5'], "'x.h5' has no extension of a format; give one of .faiss, .npy"],
  [['export', 'x.ivf', '-o', 'x'], "'x' has no extension of a format"],
])('%j is a usage error: one line, exit code 2', async (args, message) => {
  const { code, out, err } = await run(...args)
  expect(err).toContain(message)
  expect(err).toMatch(/^fast-ivf: .*\n$/)
  expect(out).toBe('')
  expect(code).toBe(2)
})

test('without a command the help goes to stderr, exit code 2', async () => {
  const { code, out, err } = await run()
  expect(err).toMatch(
    /^Usage: fast-ivf .*build.*search.*info.*add.*remove.*compact.*verify.*import.*export.*evaluate.*convert.*doctor/s,
  )
  expect([out, code]).toEqual(['', 2])
})

test.each([
  [['--help'], /^Usage: fast-ivf \[options\] \[command\]/],
  [['help', 'info'], /^Usage: fast-ivf info/],
  [['evaluate', '--help'], /^Usage: fast-ivf evaluate.*--ratio-threshold.*--json/s],
  [['build', '--help'], /--sample-first.*Example:\n {2}fast-ivf build/s],
  [['--version'], /^\d+\.\d+\.\d+\n$/],
])('%j is data, exit code 0', async (args, pattern) => {
  const { code, out, err } = await run(...args)
  expect(out).toMatch(pattern)
  expect([err, code]).toEqual(['', 0])
})

test('a failure with --json is one JSON document too, beside the line on stderr', async () => {
  for (const [args, code, word] of [
    [['info', 'nothing.npy', '--json'], 1, 'ERR_NOT_FOUND'],
    [['--json', 'inf', 'x'], 2, 'ERR_USAGE'],
  ] as const) {
    const outcome = await run(...args)
    expect(outcome.code).toBe(code)
    const { error } = JSON.parse(outcome.out)
    expect(error.code).toBe(word)
    expect(outcome.err).toBe(`fast-ivf: ${error.message}\n`)
  }
})

test('--json may stand before the command', async () => {
  expect((await json('doctor')).ok).toBe(true)
  expect(JSON.parse((await run('--json', 'doctor')).out).ok).toBe(true)
})
