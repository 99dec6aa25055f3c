/** Where do vectors come from? Files of vectors, read and written in batches. */
export type { VectorBatches, Vectors } from '../engine/vectors.js'
export type { ByteSource, SourceInput } from '../storage/source.js'
export type { Dtype, TypedArray } from './dtypes.js'
export { listMembers, type OpenOptions, openVectors } from './read.js'
export { formatNames } from './registry.js'
export type { WriteTarget } from './sink.js'
export type { BatchOptions, VectorBatch, VectorFile } from './vector-file.js'
export { toBytes, type WriteOptions, type Written, writeVectors } from './write.js'
