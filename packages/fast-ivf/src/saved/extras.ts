import type { Engine } from '../engine/engine.js'
import type { TensorDtype } from '../storage/tensor-dtypes.js'
import { type IndexFile, placeOf, readSmall } from './file.js'
import { names } from './layout.js'

/** How many numbers an extra has; undefined when there is none of this name. */
export function sizeOfExtra({ tensors }: IndexFile, name: string): number | undefined {
  return tensors.get(names.extra(name))?.shape[0]
}

/** The bytes of what is beside the index in its file, checked. @throws IvfError ERR_FORMAT */
export async function readExtra(
  engine: Engine,
  file: IndexFile,
  name: string,
  dtype: TensorDtype,
): Promise<ArrayBuffer> {
  const tensor = names.extra(name)
  const place = placeOf(file, tensor, dtype, [sizeOfExtra(file, name) ?? 0])
  return readSmall(engine, file, tensor, place)
}
