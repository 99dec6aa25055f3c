import { describe, expect, it } from 'vitest'
import { type Answer, mergeMeanings, readDictionary } from '../src/dictionary.js'
import { DIM, makeEmbedder, stemOf, wordsOf } from '../src/embed.js'

const entries = await readDictionary()
const embedder = makeEmbedder(entries.map((entry) => entry.stems))
const vectors = embedder.embedAll(entries.map((entry) => entry.stems))

describe('words and stems', () => {
  it('keeps the words that carry meaning', () => {
    expect(wordsOf('The Fear-of SPIDERS, x 2')).toEqual(['fear', 'spiders'])
    expect(wordsOf('someone who is it')).toEqual([])
  })

  it.each([
    ['bodies', 'body'],
    ['dies', 'die'],
    ['boxes', 'box'],
    ['gases', 'gas'],
    ['houses', 'hous'],
    ['ashes', 'ash'],
    ['paddles', 'paddle'],
    ['glass', 'glass'],
    ['gas', 'gas'],
    ['cats', 'cat'],
  ])('takes the plural ending from %s', (word, stem) => {
    expect(stemOf(word)).toBe(stem)
  })
})

describe('the dictionary', () => {
  it('holds 79,416 meanings of 18,939 stems', () => {
    expect(entries.length).toBe(79_416)
    expect(new Set(entries.flatMap((entry) => entry.stems)).size).toBe(18_939)
    expect(entries[0]).toMatchObject({ word: 'entity', pos: 'noun' })
  })

  it('merges the meanings of a headword and keeps the best score', () => {
    const some = ['noun', 'verb', 'noun'].map((pos) => ({ word: 'cut', pos, stems: [] }))
    const hits = [2, 1, 0].map((id) => ({ id, score: id / 4 }))
    expect(mergeMeanings(some, hits)).toEqual([{ word: 'cut', pos: ['noun', 'verb'], score: 0.5 }])
  })
})

describe('vectors', () => {
  it('have length 1, or are zero where no stem is known', () => {
    for (let row = 0; row < entries.length; row += 997) {
      expect(Math.sqrt(dot(row, vectors.subarray(row * DIM, (row + 1) * DIM)))).toBeCloseTo(1, 5)
    }
    expect(embedder.embed(['qqqq']).every((value) => value === 0)).toBe(true)
  })

  it('tell known words from unknown ones', () => {
    expect(embedder.understand('the fear of zyzzyvas, zyzzyvas!')).toEqual({ stems: ['fear'], unknown: ['zyzzyvas'] })
  })
})

describe('the nearest definition, by brute force', () => {
  it.each([
    ['fear of spiders', 'arachnophobia', 0.8],
    ['instrument for measuring temperature', 'thermometer', 0.97],
    ['the day after today', 'tomorrow', 1],
    ['the study of birds', 'ornithologist', 0.71],
    ['someone who loves books', 'bibliophile', 0.8],
    ['the fear of heights', 'acrophobia', 0.73],
    ['a small boat moved with paddles', 'canoe', 0.52],
  ])('of "%s" is %s (%d)', (question, word, score) => {
    const best = answersTo(question)[0]!
    expect(best.word).toBe(word)
    expect(best.score.toFixed(2)).toBe(score.toFixed(2))
  })

  it('of "the study of birds" also finds ornithology (0.59)', () => {
    const answer = answersTo('the study of birds').find(({ word }) => word === 'ornithology')
    expect(answer?.score.toFixed(2)).toBe('0.59')
  })
})

function answersTo(question: string): Answer[] {
  const query = embedder.embed(embedder.understand(question).stems)
  const hits = entries.map((_, id) => ({ id, score: dot(id, query) })).filter(({ score }) => score > 0.3)
  hits.sort((a, b) => b.score - a.score)
  return mergeMeanings(entries, hits)
}

function dot(row: number, query: Float32Array): number {
  let sum = 0
  for (let i = 0; i < DIM; i++) sum += vectors[row * DIM + i]! * query[i]!
  return sum
}
