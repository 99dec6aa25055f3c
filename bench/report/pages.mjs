import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { calibrationPicture } from './calibration.mjs'
import { compression } from './compression.mjs'
import { markdown } from './markdown.mjs'
import { picture } from './picture.mjs'
import { recallDims } from './recall-dims.mjs'
import { workOf } from './work.mjs'

/** As they are called where they are written, and where they are published. */
const written = { report: 'report.md', compression: 'compression.md' }
const published = { report: 'benchmark.md', compression: 'benchmark-compression.md' }
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
  write(written.report, reportOf(measured, has.compress ? written.compression : undefined))
  if (has.compress) write(written.compression, compressionOf(measured, written.report))
  write('work.json', `${JSON.stringify(workOf(curves), null, 1)}\n`)
  return [written.report, ...(has.compress ? [written.compression] : [])]
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
  if (has.compress) writeFileSync(join(docs, published.compression), compressionOf(measured, published.report))
  if (has.dims) copy(pictures.dims)
  if (has.calibration) copy(pictures.calibration)
  if (!has.curves) return
  // A page of an earlier run stays linked.
  const linked = existsSync(join(docs, published.compression))
  writeFileSync(join(docs, published.report), reportOf(measured, linked ? published.compression : undefined))
  copy(pictures.curves)
}

/** @param {any} measured */
function pagesOf({ curves = [], compress }) {
  return {
    curves: curves.length > 0,
    compress: compress !== undefined,
    dims: compress?.quality.length > 0,
    calibration: compress?.calibration !== undefined,
  }
}

/** @param {any} measured @param {string | undefined} link */
function reportOf(measured, link) {
  return markdown(measured, { picture: pagesOf(measured).curves ? pictures.curves : undefined, compression: link })
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
