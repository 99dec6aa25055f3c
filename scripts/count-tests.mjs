/** Prints `N passed, N failed, N skipped` of vitest's JSON report; a file that failed to load counts as one failure. */
import { existsSync, readFileSync } from 'node:fs'

const [, , path = ''] = process.argv
const files = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).testResults : []
const count = { passed: 0, failed: files.length === 0 ? 1 : 0, skipped: 0 }
for (const { status, assertionResults } of files) {
  const tests = assertionResults.map((test) => test.status)
  if (status === 'failed' && !tests.includes('failed')) count.failed++
  for (const test of tests) count[test in count ? test : 'skipped']++
}
console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`)
process.exitCode = count.failed > 0 ? 1 : 0
