/** How does a text become a vector? Shared words make two texts near; data/README.md says why each step is there. */

export const DIM = 256

const DRAWS = 8

const STOP_WORDS = new Set(
  (
    'a an the of or and to in for with on by that is are be as at from it its was were which who whom this these ' +
    'those not no into than then when where used using use having has have had being been some any such one something ' +
    'someone especially usually often etc you your they their his her he she can may will would could also if but so ' +
    'do does did up out about'
  ).split(' '),
)

/** What is known of a stem: its idf, and its direction as eight components with a sign each. */
interface Stem {
  idf: number
  /** component · 2 + (1 if negative): DRAWS of them */
  direction: Uint16Array
}

/** Turns texts into vectors of {@link DIM} numbers, by the stems it was made from. */
export interface Embedder {
  /** The vector of a bag of stems, of length 1, written to `out`; zeros if no stem is known. */
  embed(stems: readonly string[], out?: Float32Array): Float32Array
  /** The vectors of many bags, row by row: bags.length × DIM. */
  embedAll(bags: readonly (readonly string[])[]): Float32Array
  /** What a question says: the stems that some definition uses, and the words that none does. */
  understand(text: string): { stems: string[]; unknown: string[] }
}

/** Learns from the definitions how much each stem says (its idf). */
export function makeEmbedder(bags: readonly (readonly string[])[]): Embedder {
  const vocabulary = weighStems(bags)

  function embed(stems: readonly string[], out: Float32Array = new Float32Array(DIM)): Float32Array {
    out.fill(0)
    for (const [text, count] of countEach(stems)) {
      const stem = vocabulary.get(text)
      if (!stem) continue
      const weight = ((1 + Math.log(count)) * stem.idf) / Math.sqrt(DRAWS)
      for (const draw of stem.direction) out[draw >> 1]! += draw & 1 ? -weight : weight
    }
    return normalize(out)
  }

  function embedAll(bags: readonly (readonly string[])[]): Float32Array {
    const vectors = new Float32Array(bags.length * DIM)
    bags.forEach((bag, row) => {
      embed(bag, vectors.subarray(row * DIM, (row + 1) * DIM))
    })
    return vectors
  }

  function understand(text: string): { stems: string[]; unknown: string[] } {
    const words = wordsOf(text)
    const isKnown = (word: string): boolean => vocabulary.has(stemOf(word))
    return {
      stems: words.filter(isKnown).map(stemOf),
      unknown: [...new Set(words.filter((word) => !isKnown(word)))],
    }
  }

  return { embed, embedAll, understand }
}

/** The words of a text that carry meaning: lower-case, two letters or more, no stop words. */
export function wordsOf(text: string): string[] {
  const words = text.toLowerCase().match(/[a-z]{2,}/g) ?? []
  return words.filter((word) => !STOP_WORDS.has(word))
}

/** A word without its plural ending: bodies → body, boxes → box, spiders → spider, glass → glass. */
export function stemOf(word: string): string {
  if (word.length > 4 && word.endsWith('ies')) return `${word.slice(0, -3)}y`
  if (word.length > 4 && /[sxzh]es$/.test(word)) return word.slice(0, -2)
  if (word.length > 3 && /[^s]s$/.test(word)) return word.slice(0, -1)
  return word
}

function weighStems(bags: readonly (readonly string[])[]): Map<string, Stem> {
  const linesWith = new Map<string, number>()
  for (const bag of bags) {
    for (const stem of new Set(bag)) linesWith.set(stem, (linesWith.get(stem) ?? 0) + 1)
  }
  const vocabulary = new Map<string, Stem>()
  for (const [stem, lines] of linesWith) {
    const idf = Math.log((bags.length + 1) / (lines + 1)) + 1
    vocabulary.set(stem, { idf, direction: directionOf(stem) })
  }
  return vocabulary
}

/** Draws a stem's direction from its hash, so that every run and every machine finds the same one. */
function directionOf(stem: string): Uint16Array {
  const direction = new Uint16Array(DRAWS)
  let x = fnv1a(stem) || 1
  for (let i = 0; i < DRAWS; i++) {
    x = xorshift32(x)
    direction[i] = ((x & (DIM - 1)) << 1) | (x & 256 ? 0 : 1)
  }
  return direction
}

/** FNV-1a, 32 bits. Stems are ASCII, so a character is a byte. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/** The next number of a small, exactly repeatable random sequence. */
export function xorshift32(x: number): number {
  x ^= x << 13
  x ^= x >>> 17
  x ^= x << 5
  return x >>> 0
}

function countEach(stems: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const stem of stems) counts.set(stem, (counts.get(stem) ?? 0) + 1)
  return counts
}

function normalize(vector: Float32Array): Float32Array {
  let squares = 0
  for (const value of vector) squares += value * value
  if (squares > 0) {
    const scale = 1 / Math.sqrt(squares)
    for (let i = 0; i < vector.length; i++) vector[i]! *= scale
  }
  return vector
}
