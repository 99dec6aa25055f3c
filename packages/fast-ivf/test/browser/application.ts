import { execFile } from 'node:child_process'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build, createServer, preview } from 'vite'

/** How a page is served: the isolated one may share memory between threads. */
export const isolation: Record<string, string> = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}

export interface Server {
  url: string
  close(): Promise<void>
}

/** The page as somebody's application: the packed library installed from its tarball in a folder far from ours. */
export class Application {
  readonly #root: string

  private constructor(root: string) {
    this.#root = root
  }

  static async create(): Promise<Application> {
    const root = await mkdtemp(join(tmpdir(), 'fast-ivf-application-'))
    await cp(new URL('page/', import.meta.url), root, { recursive: true })
    await writeFile(join(root, 'package.json'), '{ "private": true, "type": "module" }')
    const library = fileURLToPath(new URL('../../', import.meta.url))
    const tarball = await npm(library, 'pack', '--silent', '--pack-destination', root)
    await npm(root, 'install', '--silent', '--offline', `./${tarball.trim()}`)
    return new Application(root)
  }

  /** Bundles with Vite and serves the bundle. */
  async bundled(headers: Record<string, string>): Promise<Server> {
    const quiet = { root: this.#root, configFile: false, logLevel: 'error' } as const
    await build(quiet)
    const server = await preview({ ...quiet, preview: { host: '127.0.0.1', port: 0, headers } })
    return { url: server.resolvedUrls?.local[0] ?? '', close: () => server.close() }
  }

  /** Serves the sources by Vite's development server, which bundles dependencies beforehand. */
  async development(headers: Record<string, string>): Promise<Server> {
    const options = { host: '127.0.0.1', port: 0, headers, hmr: false, watch: null }
    const server = await createServer({ root: this.#root, configFile: false, logLevel: 'error', server: options })
    await server.listen()
    return { url: server.resolvedUrls?.local[0] ?? '', close: () => server.close() }
  }

  remove(): Promise<void> {
    return rm(this.#root, { recursive: true, force: true })
  }
}

async function npm(cwd: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('npm', args, { cwd, shell: process.platform === 'win32' })
  return stdout
}
