/** Prose, code, tables and pictures in the order of a script: a short text in the terminal, and one page of HTML. */

import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Picture } from 'fast-ivf-cli/parts/page/drawing'
import {
  codeOf,
  detailsOf,
  figureOf,
  headingOf,
  pageOf,
  paragraphOf,
  type Table,
  tableOf,
} from 'fast-ivf-cli/parts/page/html'
import { placeLine, placeOf } from 'fast-ivf-cli/parts/page/place'

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
  const where = placeLine(await placeOf())
  console.log(`\n${title}\n${where}`)

  return {
    chapter(heading) {
      console.log(`\n\n${heading}\n${'─'.repeat(heading.length)}`)
      const code = linesOf(source, heading)
      parts.push(headingOf(heading))
      if (code) parts.push(detailsOf('code', codeOf(code)))
    },
    say(text) {
      console.log(`\n${wrapped(text.replaceAll('`', ''), 100)}`)
      parts.push(paragraphOf(text))
    },
    table(table) {
      console.log(`\n${textOf(table)}`)
      parts.push(tableOf(table))
    },
    picture(picture, caption) {
      console.log(`\n${wrapped(`[picture: ${caption.trim().replaceAll('`', '')}]`, 100)}`)
      parts.push(figureOf(picture, caption))
    },
    async write(path) {
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, pageOf(title, where, parts))
      return path
    },
  }
}

/** Where a script writes its page unless told otherwise. */
export function resultPath(name: string): string {
  return fileURLToPath(new URL(`../results/${name}.html`, import.meta.url))
}

/** The lines from a chapter's heading to the next one, without the calls that only fill the page. */
function linesOf(source: string, heading: string): string {
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

function wrapped(text: string, width: number): string {
  const lines: string[] = ['']
  for (const word of text.trim().split(/\s+/)) {
    const line = lines.at(-1)!
    if (line.length + word.length + 1 > width) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines.join('\n')
}
