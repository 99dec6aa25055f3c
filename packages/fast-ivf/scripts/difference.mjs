const SHORTEST = 24 // bytes worth repeating: a repeat costs about as much as ten

/**
 * `target` as pieces of `source`: [from, length, own], the bytes to repeat and then those of its own in hexadecimal.
 * @param {Uint8Array} source @param {Uint8Array} target
 * @returns {[from: number, length: number, own: string][]}
 */
export function difference(source, target) {
  const places = new Map()
  for (let at = source.length - SHORTEST; at >= 0; at--) placesOf(source, at).push(at)
  /** @type {[number, number, string][]} */
  const pieces = []
  let own = 0
  let at = 0
  let last = [0, 0]
  while (at < target.length) {
    const [from, length] = longest(at)
    if (length < SHORTEST) {
      at++
      continue
    }
    pieces.push([last[0], last[1], hex(own, at)])
    last = [from, length]
    at += length
    own = at
  }
  pieces.push([last[0], last[1], hex(own, at)])
  return pieces

  /** @param {Uint8Array} bytes @param {number} from @returns {number[]} */
  function placesOf(bytes, from) {
    const key = Buffer.from(bytes.subarray(from, from + SHORTEST)).toString('latin1')
    if (!places.has(key)) places.set(key, [])
    return places.get(key)
  }

  /** @param {number} from @returns {[number, number]} */
  function longest(from) {
    if (from + SHORTEST > target.length) return [0, 0]
    let best = /** @type {[number, number]} */ ([0, 0])
    for (const place of placesOf(target, from)) {
      let length = 0
      while (place + length < source.length && source[place + length] === target[from + length]) length++
      if (length > best[1]) best = [place, length]
    }
    return best
  }

  /** @param {number} from @param {number} to */
  function hex(from, to) {
    return Buffer.from(target.subarray(from, to)).toString('hex')
  }
}
