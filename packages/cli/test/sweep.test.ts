import { expect, test } from 'vitest'
import { fastestAt, frontier } from '../src/evaluate/frontier.js'
import { cellsOf, rescoringOf, settingsOf, visitingOf } from '../src/evaluate/sweep.js'

const of = (spec: string, keep = 'f32') => ({ spec, nlist: cellsOf(spec) ?? 1, keep })

test('the frontier is what no other setting beats in both, least recall first', () => {
  const settings = [
    { recall: 0.9, qps: 100, name: 'a' },
    { recall: 0.8, qps: 90, name: 'slower and worse' },
    { recall: 0.99, qps: 10, name: 'b' },
    { recall: 0.5, qps: 300, name: 'c' },
    { recall: 0.99, qps: 9, name: 'slower' },
    { recall: 0.4, qps: 300, name: 'worse' },
    { recall: 0.99, qps: 10, name: 'no better than b' },
  ]
  expect(frontier(settings).map(({ name }) => name)).toEqual(['c', 'a', 'b'])
  expect(frontier([])).toEqual([])
})

test('the fastest at a recall is one that was measured', () => {
  const settings = [
    { recall: 0.94, qps: 100 },
    { recall: 0.96, qps: 40 },
    { recall: 0.98, qps: 50 },
  ]
  expect([0.9, 0.94, 0.95, 0.99].map((recall) => fastestAt(settings, recall)?.qps)).toEqual([100, 100, 50, undefined])
})

test('every nprobe is measured with every epsilon, or every factor', () => {
  const sweep = { nprobe: [1, 8], epsilon: [1, 3], rescore: true }
  expect(settingsOf(of('IVF8,SQ4'), sweep)).toEqual([
    { nprobe: 1, epsilon: 1 },
    { nprobe: 1, epsilon: 3 },
    { nprobe: 8, epsilon: 1 },
    { nprobe: 8, epsilon: 3 },
  ])
  const factors = { nprobe: [4], rescoreFactor: [2, 16], rescore: true }
  for (const spec of ['IVF8,SQ1', 'IVF8,PQ4x4', 'OPQ4,IVF8,PQ4x4,R8']) {
    expect(settingsOf(of(spec), factors)).toEqual([
      { nprobe: 4, rescoreFactor: 2 },
      { nprobe: 4, rescoreFactor: 16 },
    ])
  }
})

test('what a spec does not have is not swept', () => {
  const sweep = { nprobe: [1, 8, 64], epsilon: [1, 3], rescore: true }
  expect(settingsOf(of('Flat'), sweep)).toEqual([{}])
  expect(settingsOf(of('IVF8,Flat'), sweep)).toEqual([{ nprobe: 1 }, { nprobe: 8 }])
  expect(settingsOf(of('IVF1,SQ8,R4'), sweep)).toEqual([{ rescoreFactor: 4 }])
  expect(settingsOf(of('IVF4,PQ4x4'), sweep)).toEqual([{ nprobe: 1 }])
  expect(settingsOf(of('IVF4,SQ4', 'none'), sweep)).toEqual([{ nprobe: 1, rescore: false }])
  expect(settingsOf(of('IVF4,SQ4,R4'), { rescore: false })).toEqual([
    { nprobe: 1, rescore: false },
    { nprobe: 4, rescore: false },
  ])
})

test('recalls are asked for beside what is swept', () => {
  const recall = [0.9, 0.99]
  const targets = [{ target: 0.9 }, { target: 0.99 }]
  expect(settingsOf(of('IVF8,SQ4'), { nprobe: [2], rescore: true, recall })).toEqual([
    { nprobe: 2, epsilon: 1.9 },
    ...targets,
  ])
  expect(settingsOf(of('Flat'), { rescore: true, recall })).toEqual([{}, ...targets])
})

test('a line says which cells it visited', () => {
  expect([{ nprobe: 4 }, { target: 0.95 }, {}].map(visitingOf)).toEqual(['4', '≥ 0.95', '–'])
})

test('a line says how it rescored', () => {
  expect(rescoringOf('IVF8,SQ4', { epsilon: 1.2 })).toBe('ε 1.2')
  expect(rescoringOf('IVF8,SQ4', { rescoreFactor: 16 })).toBe('× 16')
  expect(rescoringOf('IVF8,SQ4', { rescore: false })).toBe('no')
  expect(rescoringOf('IVF8,PQ4x4', {})).toBe('default')
  expect(rescoringOf('IVF8,PQ4x4', { target: 0.9 })).toBe('as needed')
  expect(rescoringOf('IVF8,Flat', { target: 0.9 })).toBe('–')
  expect(rescoringOf('IVF8,Flat', {})).toBe('–')
})
