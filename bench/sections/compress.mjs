import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compressorQuality } from './compress-quality.mjs'
import { calibration, compressedSearch } from './compress-search.mjs'
import { compressorTraining } from './compress-training.mjs'

/** How much do compressors keep, and what does it cost? @param {import('./context.mjs').Context} context */
export async function compress(context) {
  const folder = mkdtempSync(join(tmpdir(), 'fast-ivf-bench-'))
  try {
    return {
      quality: await compressorQuality(context),
      training: await compressorTraining(context),
      search: await compressedSearch(context, folder),
      calibration: await calibration(context, folder),
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
