import { type Cursor, formatError } from './cursor.js'
import type { FaissTransform } from './description.js'
import { checkEqual, checkRange } from './parts.js'
import { unsupported } from './refuse.js'

/** letters · fields of the kind · i32 dimIn · i32 dimOut · bool trained */
export async function readTransform(cursor: Cursor): Promise<FaissTransform> {
  const at = cursor.at
  const letters = await cursor.letters()
  if (letters === 'LTra' || letters === 'rrot') return readLinear(cursor)
  if (letters === 'VNrm') return readNormalize(cursor)
  if (letters === 'VCnt') return readCenter(cursor)
  const pca = PCA_FIELDS[letters]
  if (pca !== undefined) {
    await passPca(cursor, pca)
    return readLinear(cursor)
  }
  const known = UNREAD[letters]
  if (known === undefined) {
    throw formatError(cursor.name, `has '${letters}' at byte ${at}, where the letters of a transform are needed`)
  }
  throw unsupported(
    cursor.name,
    `the transform ${known} (${letters})`,
    at,
    'in Python, transform the vectors and index them without it (faiss.downcast_index(ix).chain shows all transforms), ' +
      "or build with 'RR128', 'OPQ16' or 'PCA64' instead",
  )
}

const UNREAD: Readonly<Record<string, string>> = {
  ...{ RmDT: 'RemapDimensionsTransform', HRot: 'HadamardRotation', Viqm: 'ITQMatrix', Viqt: 'ITQTransform' },
}

/** Bytes of numbers before the vectors; older versions lack some. */
const PCA_FIELDS: Readonly<Record<string, number>> = { Pcam: 13, PcAm: 9, PCAm: 5 }

/** bool hasBias · vec<f32> matrix · vec<f32> bias, and the tail: how long they are to be is told at the end. */
async function readLinear(cursor: Cursor): Promise<FaissTransform> {
  const hasBias = await cursor.bool('have_bias')
  const matrix = await readFloats(cursor, 'the matrix of a transform')
  const bias = await readFloats(cursor, 'the bias of a transform')
  const { dimIn, dimOut, trained } = await readTail(cursor)
  if (trained || matrix.length > 0) checkEqual(cursor, 'the length of the matrix', matrix.length, dimIn * dimOut)
  if (hasBias && (trained || bias.length > 0)) checkEqual(cursor, 'the length of the bias', bias.length, dimOut)
  return { kind: 'linear', dimIn, dimOut, trained, matrix, bias: hasBias ? bias : undefined }
}

async function readNormalize(cursor: Cursor): Promise<FaissTransform> {
  const norm = await cursor.f32('the norm')
  if (norm !== 2) {
    const remedy = "the Euclidean one can be: build it in Python with 'L2norm'"
    throw unsupported(cursor.name, `a NormalizationTransform by the norm ${norm}`, cursor.at - 4, remedy)
  }
  const { dimIn, dimOut } = await readTail(cursor)
  checkEqual(cursor, 'the dimension after normalization', dimOut, dimIn)
  return { kind: 'normalize', dimIn, dimOut }
}

async function readCenter(cursor: Cursor): Promise<FaissTransform> {
  const mean = await readFloats(cursor, 'the mean of a transform')
  const { dimIn, dimOut, trained } = await readTail(cursor)
  checkEqual(cursor, 'the dimension after centering', dimOut, dimIn)
  if (trained || mean.length > 0) checkEqual(cursor, 'the length of the mean', mean.length, dimOut)
  return { kind: 'center', dimIn, dimOut, trained, mean }
}

/** Mean, eigenvalues and all eigenvectors: the matrix and bias that follow are all that is applied. */
async function passPca(cursor: Cursor, fields: number): Promise<void> {
  cursor.pass(1, fields, 'the fields of a PCA')
  for (const what of ['the mean of a PCA', 'the eigenvalues of a PCA', 'the eigenvectors of a PCA']) {
    cursor.pass(await cursor.u64(`the length of ${what}`), 4, what)
  }
}

async function readFloats(cursor: Cursor, what: string): Promise<Float32Array> {
  return cursor.floats(await cursor.u64(`the length of ${what}`), what)
}

async function readTail(cursor: Cursor): Promise<{ dimIn: number; dimOut: number; trained: boolean }> {
  const dimIn = await cursor.i32('the dimension before a transform')
  checkRange(cursor, 'the dimension before a transform', dimIn, 1, 2 ** 20)
  const dimOut = await cursor.i32('the dimension after a transform')
  checkRange(cursor, 'the dimension after a transform', dimOut, 1, 2 ** 20)
  return { dimIn, dimOut, trained: await cursor.bool('is_trained of a transform') }
}
