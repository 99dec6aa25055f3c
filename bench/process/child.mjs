import { spawn } from 'node:child_process'

/**
 * Runs a measuring script in a process of its own; what it prints last on stdout is its JSON answer. A crash, a hang or
 * a missing module is a result too: it comes back as a reason, so that nothing is left out of the report in silence.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ limitSeconds?: number, env?: Record<string, string>, input?: unknown }} [options] `input` is the last argument, as JSON
 * @returns {Promise<{ ok: true, value: any } | { ok: false, reason: string }>}
 */
export function runChild(command, args, options = {}) {
  const { limitSeconds = 300, env = {}, input } = options
  const all = input === undefined ? args : [...args, JSON.stringify(input)]
  return new Promise((resolve) => {
    const child = spawn(command, all, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
    const out = collect(child.stdout)
    const err = collect(child.stderr)
    let late = false
    const timer = setTimeout(() => {
      late = true
      child.kill('SIGKILL')
    }, limitSeconds * 1000)
    child.on('error', (error) => {
      clearTimeout(timer)
      resolve({ ok: false, reason: error.message })
    })
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      if (late) return resolve({ ok: false, reason: `not finished within ${limitSeconds} s` })
      const value = lastJson(out.text)
      if (code === 0 && value !== undefined) return resolve({ ok: true, value })
      const reason = code === 0 ? 'it printed no answer' : errorLine(err.text) || `exit ${signal ?? code}`
      if (process.env.BENCH_VERBOSE) process.stderr.write(err.text)
      resolve({ ok: false, reason })
    })
  })
}

/** @param {import('node:stream').Readable} stream */
function collect(stream) {
  const kept = { text: '' }
  stream.setEncoding('utf8')
  stream.on('data', (chunk) => {
    kept.text += chunk
  })
  return kept
}

/** @param {string} text */
function lastJson(text) {
  const line = text.trimEnd().split('\n').at(-1) ?? ''
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

/** The one line of a stack trace worth a table cell, without paths. @param {string} text */
function errorLine(text) {
  const lines = text.split('\n').filter((line) => line.trim())
  const named = lines.filter((line) => /^\s*(\[?\w*Error|IvfError)\b.*:/.test(line))
  const line = named.at(-1) ?? lines.at(-1) ?? ''
  return line
    .trim()
    .replace(/ imported from .*/, '')
    .replace(/(\/[\w.@+-]+){2,}/g, '…')
    .slice(0, 200)
}
