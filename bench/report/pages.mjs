import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { calibrationPicture } from './calibration.mjs'
import { compression } from './compression.mjs'
import { lifePage } from './life.mjs'
import { markdown } from './markdown.mjs'
import { picture } from './picture.mjs'
import { recallPage } from './recall.mjs'
import { recallDims } from './recall-dims.mjs'
import { workOf } from './work.mjs'

/** As they are called where they are written, and where they are published. */
const written = { report: 'report.md', compression: 'compression.md', life: 'life.md', recall: 'recall.md' }
const published = {
  report: 'benchmark.md',
  compression: 'benchmark-compression.md',
  life: 'benchmark-life.md',
  recall: 'benchmark-recall.md',
}
/** Those beside the report. */
const otherPages = /** @type {const} */ (['compression', 'life', 'recall'])
const writers = {
  compression: compressionOf,
  life: (/** @type {any} */ measured, /** @type {string} */ report) => lifePage(measured, { report }),
  recall: (/** @type {any} */ measured, /** @type {string} */ report) => recallPage(measured, { report }),
}
const pictures = { curves: 'recall-qps.svg', dims: 'recall-dims.svg', calibration: 'calibration.svg' }

/**
 * Writes the pages of a run and their pictures. Answers which there are.
 *
 * @param {any} measured
 * @param {string} folder
 */
export function writePages(measured, folder) {
  const { curves = [], compress, machine: on, node } = measured
  const machine = `${on.cpu}, ${on.cores} cores, Node ${node.version}`
  const write = (/** @type {string} */ name, /** @type {string} */ text) => writeFileSync(join(folder, name), text)
  const has = pagesOf(measured)
  if (has.curves) {
    const caption = `${machine}; batches, k = 10; up and to the right is better`
    write(pictures.curves, picture(curves, ['synth', 'synth-50k', 'imdb-lsa-128'], { caption }))
  }
  if (has.dims) {
    const caption =
      'CompressedFastIVF over all cells, without rescoring; a point is the mean of its seeds, a bar their spread; up and to the left is better'
    write(pictures.dims, recallDims(compress.quality, { caption }))
  }
  if (has.calibration) {
    const { set, dim, width, queries, k } = compress.calibration
    const caption = `CompressedFastIVF on ${set}, ${dim} to ${width} components; ${queries} queries, k = ${k}; on the diagonal is right`
    write(pictures.calibration, calibrationPicture(compress.calibration, { caption }))
  }
  const pages = otherPages.filter((page) => has[page])
  const links = Object.fromEntries(pages.map((page) => [page, written[page]]))
  write(written.report, reportOf(measured, links))
  for (const page of pages) write(written[page], writers[page](measured, written.report))
  write('work.json', `${JSON.stringify(workOf(curves, measured.life?.work), null, 1)}\n`)
  return [written.report, ...pages.map((page) => written[page])]
}

/**
 * Copies the pages whose sections were measured, under the names they have among the documents.
 *
 * @param {any} measured
 * @param {string} folder where they were written
 * @param {string} docs
 */
export function publishPages(measured, folder, docs) {
  mkdirSync(docs, { recursive: true })
  const has = pagesOf(measured)
  const copy = (/** @type {string} */ name) => copyFileSync(join(folder, name), join(docs, name))
  for (const page of otherPages) {
    if (has[page]) writeFileSync(join(docs, published[page]), writers[page](measured, published.report))
  }
  if (has.dims) copy(pictures.dims)
  if (has.calibration) copy(pictures.calibration)
  if (!has.curves) return
  // Pages of earlier runs stay linked.
  const linked = otherPages.filter((page) => existsSync(join(docs, published[page])))
  const links = Object.fromEntries(linked.map((page) => [page, published[page]]))
  writeFileSync(join(docs, published.report), reportOf(measured, links))
  copy(pictures.curves)
}

/** @param {any} measured */
function pagesOf({ curves = [], compress, life, recall }) {
  return {
    curves: curves.length > 0,
    compression: compress !== undefined,
    life: life !== undefined,
    recall: recall !== undefined,
    dims: compress?.quality.length > 0,
    calibration: compress?.calibration !== undefined,
  }
}

/** @param {any} measured @param {{ compression?: string, life?: string, recall?: string }} links */
function reportOf(measured, links) {
  return markdown(measured, { picture: pagesOf(measured).curves ? pictures.curves : undefined, ...links })
}

/** @param {any} measured @param {string} report */
function compressionOf(measured, report) {
  const has = pagesOf(measured)
  return compression(measured, {
    dims: has.dims ? pictures.dims : undefined,
    calibration: has.calibration ? pictures.calibration : undefined,
    report,
  })
}
