/** Prose, code, tables and pictures in the order of a script: a short text in the terminal, and one page of HTML. */

import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runtime } from 'fast-ivf'
import type { Picture } from './pictures.js'

/** Rows of cells under a head; the first column is text, the others are numbers. */
export interface Table {
  head: readonly string[]
  rows: readonly (readonly string[])[]
}

/** What a script tells while it runs. */
export interface Notebook {
  /** Begins a part; the page shows the code from this line to the next one of its kind. */
  chapter(title: string): void
  /** A paragraph; words between backticks are code. */
  say(text: string): void
  table(table: Table): void
  /** A picture, for the page only. */
  picture(picture: Picture, caption: string): void
  /** Writes the page, whose path it answers. */
  write(path: string): Promise<string>
}

/** Begins a page about the script of this name in `src/`. */
export async function openNotebook(script: string, title: string): Promise<Notebook> {
  const source = await readFile(new URL(`../src/${script}`, import.meta.url), 'utf8')
  const parts: string[] = []
  console.log(`\n${title}\n${await machine()}`)

  return {
    chapter(heading) {
      console.log(`\n\n${heading}\n${'─'.repeat(heading.length)}`)
      const code = codeOf(source, heading)
      parts.push(`<h2 id="${idOf(heading)}">${escaped(heading)}</h2>`)
      if (code) parts.push(`<details><summary>code</summary><pre>${escaped(code)}</pre></details>`)
    },
    say(text) {
      const paragraph = paragraphOf(text)
      console.log(`\n${wrapped(paragraph.replaceAll('`', ''), 100)}`)
      parts.push(`<p>${marked(paragraph)}</p>`)
    },
    table(table) {
      console.log(`\n${textOf(table)}`)
      parts.push(htmlOf(table))
    },
    picture({ panels, keys = {} }, caption) {
      console.log(`\n${wrapped(`[picture: ${paragraphOf(caption).replaceAll('`', '')}]`, 100)}`)
      const colors = Object.entries(keys).map(
        ([name, color]) => `<span class="key"><i style="background:${color}"></i>${escaped(name)}</span>`,
      )
      parts.push(
        `<figure>${colors.length > 0 ? `<div class="keys">${colors.join('')}</div>` : ''}`,
        `<div class="panels">${panels.join('\n')}</div><figcaption>${marked(paragraphOf(caption))}</figcaption></figure>`,
      )
    },
    async write(path) {
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, pageOf(title, `${await machine()}, ${new Date().toISOString().slice(0, 10)}`, parts))
      return path
    },
  }
}

/** Where a script writes its page unless told otherwise. */
export function resultPath(name: string): string {
  return fileURLToPath(new URL(`../results/${name}.html`, import.meta.url))
}

/** What a reader needs to place the numbers. */
async function machine(): Promise<string> {
  const { version } = JSON.parse(await readFile(new URL(import.meta.resolve('fast-ivf/package.json')), 'utf8'))
  const { simd, threads } = await runtime()
  const [cpu] = cpus()
  const by = threads > 0 ? `${simd} SIMD on ${threads} threads` : `${simd} SIMD, no threads`
  return `${cpu?.model.trim() || 'unknown processor'}, ${cpus().length} cores, Node ${process.versions.node}, fast-ivf ${version}: ${by}`
}

/** The lines from a chapter's heading to the next one, without the calls that only fill the page. */
function codeOf(source: string, heading: string): string {
  const [, after = ''] = source.split(`page.chapter('${heading}')\n`)
  const [chapter = ''] = after.split(/^page\.chapter\(/m)
  const code: string[] = []
  let telling = false
  for (const line of chapter.split('\n')) {
    const begins = /^(?:page\.(?:say|table|picture)|console\.log)\(/.test(line)
    if (!telling && !begins) code.push(line)
    if (begins) telling = !line.endsWith(')')
    else if (telling) telling = !/`\)$|^[)}\]].*\)$|^\)$/.test(line)
  }
  return code
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim()
}

function textOf({ head, rows }: Table): string {
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => (row[i] ?? '').length)))
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ')
  return [head, ...rows].map((row) => `  ${line(row)}`.trimEnd()).join('\n')
}

function htmlOf({ head, rows }: Table): string {
  const line = (tag: string, row: readonly string[]): string =>
    `<tr>${row.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`
  const body = rows.map((row) => line('td', row)).join('\n')
  return `<div class="wide"><table><thead>${line('th', head)}</thead><tbody>${body}</tbody></table></div>`
}

/** What stands on the lines of a script, as one. */
function paragraphOf(text: string): string {
  return text.trim().replace(/\s+/g, ' ')
}

function wrapped(text: string, width: number): string {
  const lines: string[] = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!
    if (line.length + word.length + 1 > width) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines.join('\n')
}

function idOf(heading: string): string {
  return heading.toLowerCase().replace(/[^a-z0-9]+/g, '-')
}

function marked(text: string): string {
  return escaped(text).replace(/`([^`]+)`/g, '<code>$1</code>')
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

const STYLE = `
body { max-width: 920px; margin: 2.5rem auto; padding: 0 1rem; color: #1f2328; background: #fff;
  font: 16px/1.55 system-ui, sans-serif }
h1 { font-size: 1.7rem; line-height: 1.25; margin-bottom: .3rem } h2 { font-size: 1.25rem; margin: 2.6rem 0 .6rem }
.machine { color: #59636e; font-size: .85rem; margin-top: 0 }
code, pre { font: .87em ui-monospace, monospace } code { background: #f2f4f6; padding: .1em .3em; border-radius: 3px }
pre { font-size: 12px; background: #f6f8fa; padding: .9rem 1rem; overflow-x: auto; border-radius: 6px; line-height: 1.45 }
summary { color: #59636e; font-size: .85rem; cursor: pointer }
.wide { overflow-x: auto } table { border-collapse: collapse; margin: 1rem 0; font-size: .88rem }
th, td { padding: .3rem .6rem; text-align: right; white-space: nowrap; border-bottom: 1px solid #d8dee4; font-variant-numeric: tabular-nums }
th:first-child, td:first-child { text-align: left; padding-left: 0 } th { border-bottom-color: #8c959f }
figure { margin: 1.4rem 0 } figcaption { color: #59636e; font-size: .88rem }
.panels { display: flex; flex-wrap: wrap; gap: 8px } .panels svg { max-width: 100%; height: auto; display: block }
.keys { font-size: .88rem; margin-bottom: .3rem } .key { margin-right: 1.3rem; white-space: nowrap }
.key i { display: inline-block; width: .8em; height: .8em; margin-right: .45em; border-radius: 2px }
`

function pageOf(title: string, where: string, parts: readonly string[]): string {
  return [
    `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>${escaped(title)}</title>`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<style>${STYLE}</style></head><body>\n<h1>${escaped(title)}</h1>\n<p class="machine">${escaped(where)}</p>`,
    ...parts,
    '</body></html>\n',
  ].join('\n')
}
