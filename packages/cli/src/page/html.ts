/** How does a page look? One HTML file that loads nothing: tables, pictures and words, in light and dark. */

import type { Picture } from './drawing.js'

/** Rows of cells under a head; the first column is text, the others are numbers. */
export interface Table {
  head: readonly string[]
  rows: readonly (readonly string[])[]
}

/** All of a page. `parts` are HTML, `where` says where its numbers come from. */
export function pageOf(title: string, where: string, parts: readonly string[]): string {
  return [
    `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>${escaped(title)}</title>`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    `<style>${STYLE}</style></head><body>\n<h1>${escaped(title)}</h1>\n<p class="machine">${placed(where)}</p>`,
    ...parts,
    '</body></html>\n',
  ].join('\n')
}

export function headingOf(text: string): string {
  return `<h2 id="${text.toLowerCase().replace(/[^a-z0-9]+/g, '-')}">${escaped(text)}</h2>`
}

/** Words between backticks are code. */
export function paragraphOf(text: string): string {
  return `<p>${marked(text)}</p>`
}

/** What is shown when its summary is clicked. */
export function detailsOf(summary: string, content: string): string {
  return `<details><summary>${escaped(summary)}</summary>${content}</details>`
}

export function codeOf(text: string): string {
  return `<pre>${escaped(text)}</pre>`
}

export function tableOf({ head, rows }: Table): string {
  const line = (tag: string, row: readonly string[]): string =>
    `<tr>${row.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`
  const body = rows.map((row) => line('td', row)).join('\n')
  return `<div class="wide"><table><thead>${line('th', head)}</thead><tbody>${body}</tbody></table></div>`
}

/** The caption says what one sees. */
export function figureOf({ panels, keys = [] }: Picture, caption: string): string {
  const told = keys.map(({ name, color, dashed }) => {
    const sign = `<i${dashed ? ' class="dashed"' : ''} style="color:${color}"></i>`
    return `<span class="key">${sign}${escaped(name)}</span>`
  })
  return [
    `<figure>${told.length > 0 ? `<div class="keys">${told.join('')}</div>` : ''}`,
    `<div class="panels">${panels.join('\n')}</div><figcaption>${marked(caption)}</figcaption></figure>`,
  ].join('')
}

/** Lines break between its parts only. */
function placed(where: string): string {
  const parts = where.split(' · ').map((part) => `<span>${escaped(part)}</span>`)
  return parts.join(' · ')
}

function marked(text: string): string {
  return escaped(text.trim().replace(/\s+/g, ' ')).replace(/`([^`]+)`/g, '<code>$1</code>')
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

const STYLE = `
:root { color-scheme: light dark; --text: #1f2328; --quiet: #59636e; --ground: #fff; --raised: #f6f8fa; --line: #d8dee4 }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6edf3; --quiet: #9198a1; --ground: #0d1117; --raised: #161b22; --line: #30363d }
}
body { max-width: 940px; margin: 2.5rem auto; padding: 0 1rem; color: var(--text); background: var(--ground);
  font: 16px/1.55 system-ui, sans-serif }
h1 { font-size: 1.7rem; line-height: 1.25; margin-bottom: .3rem } h2 { font-size: 1.25rem; margin: 2.6rem 0 .6rem }
.machine { color: var(--quiet); font-size: .85rem; margin-top: 0 } .machine span { white-space: nowrap }
code, pre { font: .87em ui-monospace, monospace } code { background: var(--raised); padding: .1em .3em; border-radius: 3px }
pre { font-size: 12px; background: var(--raised); padding: .9rem 1rem; overflow-x: auto; border-radius: 6px; line-height: 1.45 }
summary { color: var(--quiet); font-size: .85rem; cursor: pointer }
.wide { overflow-x: auto } table { border-collapse: collapse; margin: 1rem 0; font-size: .88rem }
th, td { padding: .3rem .45rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums }
th:first-child, td:first-child { text-align: left; padding-left: 0 } th { border-bottom-color: var(--quiet) }
figure { margin: 1.4rem 0 } figcaption { color: var(--quiet); font-size: .88rem; margin-top: .35rem }
.panels { display: flex; flex-wrap: wrap; row-gap: .6rem } .panels svg { max-width: 100%; height: auto; display: block }
.keys { font-size: .88rem; margin-bottom: .3rem } .key { margin-right: 1.3rem; white-space: nowrap }
.key i { display: inline-block; width: 1.2em; margin-right: .45em; border-top: 3px solid; vertical-align: middle }
.key i.dashed { border-top-style: dashed; border-top-width: 2px }
`
