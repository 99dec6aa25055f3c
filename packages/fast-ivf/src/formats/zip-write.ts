/** The bytes around one stored member of a zip archive, written forward only: its checksum follows it. */

const SIZES_FOLLOW = 8
const NAME_IS_UTF8 = 0x800
const VERSION_64 = 45
/** 1 January 1980, the first day a zip archive knows: same rows, same bytes. */
const DATE = 0x21
const FULL32 = 0xffffffff

/** What comes before the member's bytes. */
export function zipHeader(file: string): Uint8Array {
  const name = new TextEncoder().encode(file)
  return record((put) => {
    put(4, 0x04034b50)
    put(2, VERSION_64, SIZES_FOLLOW | NAME_IS_UTF8, 0, 0, DATE)
    put(4, 0, FULL32, FULL32)
    put(2, name.length, 20)
    put(1, ...name)
    put(2, 1, 16)
    put(8, 0, 0)
  })
}

/** What comes after them: sizes and checksum, the directory, and where the directory is. */
export function zipFooter(file: string, crc: number, size: number): Uint8Array {
  const name = new TextEncoder().encode(file)
  const directory = zipHeader(file).length + size + 24
  return record((put) => {
    put(4, 0x08074b50, crc)
    put(8, size, size)
    put(4, 0x02014b50)
    put(2, VERSION_64, VERSION_64, SIZES_FOLLOW | NAME_IS_UTF8, 0, 0, DATE)
    put(4, crc, FULL32, FULL32)
    put(2, name.length, 20, 0, 0, 0)
    put(4, 0, 0)
    put(1, ...name)
    put(2, 1, 16)
    put(8, size, size)
    const length = 46 + name.length + 20
    put(4, 0x06064b50)
    put(8, 44)
    put(2, VERSION_64, VERSION_64)
    put(4, 0, 0)
    put(8, 1, 1, length, directory)
    put(4, 0x07064b50, 0)
    put(8, directory + length)
    put(4, 1, 0x06054b50)
    put(2, 0, 0, 1, 1)
    put(4, FULL32, FULL32)
    put(2, 0)
  })
}

/** Little-endian integers, one after the other, each of `size` bytes. */
function record(build: (put: (size: 1 | 2 | 4 | 8, ...values: number[]) => void) => void): Uint8Array {
  const bytes: number[] = []
  build((size, ...values) => {
    for (const value of values) {
      for (let i = 0; i < size; i++) bytes.push(Math.floor(value / 2 ** (8 * i)) % 256)
    }
  })
  return Uint8Array.from(bytes)
}
