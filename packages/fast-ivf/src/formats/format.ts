import type { ByteSource } from '../storage/source.js'
import type { Dtype } from './dtypes.js'
import type { Rows } from './vector-file.js'

/** One file format: everything the library knows about it. A new one is a file here and a line in the registry. */
export interface Format {
  readonly name: string
  /** without the dot, lower case */
  readonly extensions: readonly string[]
  /** what the writer can store; the first is chosen where the vectors' own dtype is not among them */
  readonly dtypes: readonly Dtype[]
  /** whether a file without rows is possible: the file must tell its dim elsewhere than in a row */
  readonly canBeEmpty: boolean
  /** whether these first bytes can only be this format */
  recognizes?(head: Uint8Array): boolean
  /** Checks the header against the size before anything is allocated. @throws IvfError ERR_FORMAT */
  open(source: ByteSource, name: string, options: OpenDetails): Promise<Rows>
  encoder(layout: Layout): Encoder
}

export interface OpenDetails {
  /** the array to take from an archive of several */
  readonly member: string | undefined
}

/** What a writer knows once it has seen the first row. */
export interface Layout {
  readonly dim: number
  readonly dtype: Dtype
  readonly member: string | undefined
  /** what to call the file in messages */
  readonly name: string
}

export interface Encoder {
  /** Bytes before the rows; as many for every `count`, so that they can be put right at the end. */
  header?(count: number): Uint8Array
  /** `rows` rows that fit the dtype, at `values[from]` and on; `row` is the first one's number. */
  rows(values: ArrayLike<number>, from: number, rows: number, row: number): Uint8Array
  /** Bytes after the rows. */
  footer?(count: number): Uint8Array
}
