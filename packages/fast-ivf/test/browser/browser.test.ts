import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Application, isolation, type Server } from './application.js'
import { chromiumArgs, findChromium } from './chromium.js'
import type { Answer } from './page/main.js'

const executablePath = findChromium()
const notRun = executablePath ? '' : ' (not run: no Chromium on the PATH; CHROMIUM_PATH can name one)'
if (notRun) console.warn(`the browser tests${notRun}`)

describe.skipIf(notRun)(`the packed library in Chromium${notRun}`, () => {
  let application: Application
  let browser: Browser

  beforeAll(async () => {
    application = await Application.create()
    browser = await chromium.launch({ executablePath: executablePath ?? '', args: chromiumArgs })
  }, 60_000)

  afterAll(async () => {
    await browser?.close()
    await application?.remove()
  })

  test('bundled by Vite, isolated: searches on threads over shared memory', async () => {
    const { answer, workers } = await visit(await application.bundled(isolation))
    expectGoodAnswers(answer)
    expect(answer).toMatchObject({ isolated: true, runtime: { memory: 'shared' } })
    expect(answer.runtime.threads).toBeGreaterThanOrEqual(1)
    expect(workers).toBe(answer.runtime.threads)
  })

  test('bundled by Vite, not isolated: searches without threads and says why', async () => {
    const { answer, workers } = await visit(await application.bundled({}))
    expectGoodAnswers(answer)
    expect(answer).toMatchObject({ isolated: false, runtime: { memory: 'unshared', threads: 0 } })
    expect(answer.runtime.reasons.join()).toContain('cross-origin isolated')
    expect(workers).toBe(0)
  })

  test("in Vite's development server, which bundles dependencies beforehand", async () => {
    const { answer, urls } = await visit(await application.development(isolation))
    expectGoodAnswers(answer)
    expect(answer.runtime.memory).toBe('shared')
    expect(urls.join()).toContain('.vite/deps/fast-ivf.js')
  })

  async function visit(server: Server): Promise<{ answer: Answer; workers: number; urls: string[] }> {
    const page = await browser.newPage()
    try {
      const urls: string[] = []
      const failures: string[] = []
      page.on('request', (request) => urls.push(request.url()))
      page.on('pageerror', (error) => failures.push(String(error)))
      await page.goto(server.url)
      await page
        .waitForFunction(() => 'answer' in globalThis, undefined, { timeout: 20_000 })
        .catch((error) => {
          throw failures.length > 0 ? new Error(failures.join('\n')) : error
        })
      const answer = await page.evaluate(() => (globalThis as unknown as { answer: Promise<Answer> }).answer)
      return { answer, workers: page.workers().length, urls }
    } finally {
      await page.close()
      await server.close()
    }
  }
})

function expectGoodAnswers(answer: Answer): void {
  expect(answer.size).toBe(2000)
  expect(answer.recallOfAll).toBeGreaterThanOrEqual(0.999) // equal scores may swap
  expect(answer.recallOfSome).toBeGreaterThan(0.6)
  expect(answer).toMatchObject({ fromBlob: true, fromFile: true, rounds: 2 })
}
