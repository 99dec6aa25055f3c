/** The frame of a measuring script: its options come as JSON in the last argument, its answer leaves as JSON. */

/** @param {(input: any) => Promise<unknown>} measure */
export async function task(measure) {
  const answer = await measure(JSON.parse(process.argv.at(-1) ?? '{}'))
  process.stdout.write(`\n${JSON.stringify(answer)}\n`)
}

/** The library under test. FAST_IVF_LIBRARY names the `dist` folder of another build, to compare two. */
export function library(entry = 'index.js') {
  const folder = process.env.FAST_IVF_LIBRARY
  if (folder) return import(new URL(entry, `file://${folder}/`).href)
  return import(entry === 'index.js' ? 'fast-ivf' : `fast-ivf/${entry.replace(/(\/index)?\.js$/, '')}`)
}
