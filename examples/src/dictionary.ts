/** Where do the definitions come from? One line per meaning: headword, part of speech, stems of its definition. */

import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'

/** One meaning of a word. */
export interface Entry {
  word: string
  /** Part of speech: noun, verb, adj or adv. */
  pos: string
  /** The stems of the definition, sorted; a stem that occurs twice is listed twice. */
  stems: string[]
}

/** An answer to a question: a headword, whichever of its meanings matched. */
export interface Answer {
  word: string
  /** Parts of speech of the meanings that matched, best first. */
  pos: string[]
  /** Cosine similarity of the best of them. */
  score: number
}

const DATA = new URL('../data/wordnet-bags.tsv.gz', import.meta.url)

/** Reads all 79,416 meanings. */
export async function readDictionary(): Promise<Entry[]> {
  const text = (await promisify(gunzip)(await readFile(DATA))).toString('utf8')
  return text.trimEnd().split('\n').map(parseLine)
}

/** One answer per headword: a word with many meanings takes one line, placed by its best meaning. */
export function mergeMeanings(entries: readonly Entry[], hits: Iterable<{ id: number; score: number }>): Answer[] {
  const answers = new Map<string, Answer>()
  for (const { id, score } of hits) {
    const { word, pos } = entries[id]!
    const answer = answers.get(word)
    if (!answer) answers.set(word, { word, pos: [pos], score })
    else if (!answer.pos.includes(pos)) answer.pos.push(pos)
  }
  return [...answers.values()]
}

function parseLine(line: string): Entry {
  const [word = '', pos = '', stems = ''] = line.split('\t')
  return { word, pos, stems: stems.split(' ') }
}
