import { IvfError } from '../errors.js'
import { joinBytes } from './bytes.js'
import type { ByteSource } from './source.js'

/** The first request brings this much: enough for the header of a file, or for a small file whole. */
const HEAD_BYTES = 65536
/** A server that ignores Range sends the whole file; up to here that is accepted. */
const WHOLE_BYTES = 64 * 2 ** 20

/** A file behind an http(s) URL, read by Range requests. */
export async function openHttp(url: string): Promise<ByteSource> {
  const response = await get(url, 0, HEAD_BYTES)
  if (response.status === 416) return source(url, 0, new Uint8Array(0))
  if (response.status === 200) {
    const whole = await readWhole(url, response)
    return source(url, whole.length, whole)
  }
  const head = new Uint8Array(await response.arrayBuffer())
  return source(url, await sizeOf(url, response), head)
}

/** `head` holds the first bytes, so that reading a header costs no further request. */
function source(url: string, size: number, head: Uint8Array): ByteSource {
  return {
    size,
    async read(from, to) {
      if (to <= head.length) return head.slice(from, to)
      const response = await get(url, from, to)
      if (response.status !== 206) {
        await response.body?.cancel()
        throw new IvfError('ERR_UNSUPPORTED', `${url} stopped answering Range requests; download it and open the file`)
      }
      const bytes = new Uint8Array(await response.arrayBuffer())
      if (bytes.length === to - from) return bytes
      throw new IvfError(
        'ERR_FORMAT',
        `${url} sent ${bytes.length} bytes for the range ${from}-${to - 1}, not ${to - from}; did the file change?`,
      )
    },
    async close() {},
  }
}

async function get(url: string, from: number, to: number): Promise<Response> {
  let response: Response
  try {
    response = await fetch(url, { headers: { Range: `bytes=${from}-${to - 1}` } })
  } catch (cause) {
    throw new IvfError('ERR_NOT_FOUND', `${url} cannot be fetched; check the address and the connection`, { cause })
  }
  if (response.ok || response.status === 416) return response
  await response.body?.cancel()
  throw new IvfError('ERR_NOT_FOUND', `${url} answered ${response.status} ${response.statusText}; check the address`)
}

/** Content-Range tells the size; other origins may hide that header in a browser, but never Content-Length. */
async function sizeOf(url: string, response: Response): Promise<number> {
  const total = /\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1]
  if (total !== undefined) return Number(total)
  const head = await fetch(url, { method: 'HEAD' })
  const length = head.headers.get('content-length')
  if (head.ok && length !== null) return Number(length)
  throw new IvfError('ERR_UNSUPPORTED', `${url} does not tell its size; download it and open the file`)
}

async function readWhole(url: string, response: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  const reader = response.body?.getReader()
  for (;;) {
    const step = await reader?.read()
    if (!step || step.done) break
    size += step.value.length
    chunks.push(step.value)
    if (size > WHOLE_BYTES) {
      await reader?.cancel()
      throw new IvfError(
        'ERR_UNSUPPORTED',
        `${url} is larger than ${WHOLE_BYTES / 2 ** 20} MiB and its server ignores Range; download it and open the file`,
      )
    }
  }
  return joinBytes(chunks, size)
}
