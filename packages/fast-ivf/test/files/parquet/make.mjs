/** Writes tags.parquet: 49 rows of columns of every kind, with a list of 384 doubles; all made up. */
import { writeFileSync } from 'node:fs'
import { parquetWriteBuffer } from 'hyparquet-writer'

const [ROWS, DIM] = [49, 384]
let state = 7
const random = () => {
  state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
  return state / 0x7fffffff
}
const rows = Array.from({ length: ROWS }, (_, i) => i)
const text = (name, data) => ({ name, type: 'STRING', data })
const doubles = (name) => ({ name, type: 'DOUBLE', data: rows.map(() => 10 * random()) })
const columns = [
  text('lastfm_url', rows.map((i) => `track/${i}`)),
  text('track', rows.map((i) => `Song № ${i}`)),
  text('artist', rows.map((i) => `Artist ${i % 11}`)),
  text('seeds', rows.map((i) => `['${['calm', 'loud', 'wry'][i % 3]}']`)),
  { name: 'number_of_emotion_tags', type: 'INT64', data: rows.map((i) => BigInt(i * 3)) },
  ...['valence_tags', 'arousal_tags', 'dominance_tags'].map(doubles),
  ...['mbid', 'spotify_id', 'genre', 'text'].map((name) => text(name, rows.map((i) => (i % 5 ? `${name} ${i}` : null)))),
]
const list = rows.map(() => Array.from({ length: DIM }, () => random() - 0.5))
const leaf = ({ name, type }) => ({
  ...{ name, repetition_type: 'OPTIONAL' },
  ...(type === 'STRING' ? { type: 'BYTE_ARRAY', converted_type: 'UTF8' } : { type }),
})
const schema = [
  { name: 'root', num_children: columns.length + 1 },
  ...columns.map(leaf),
  { name: 'embedding', repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
  { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
  { name: 'element', repetition_type: 'OPTIONAL', type: 'DOUBLE' },
]
const columnData = [...columns.map(({ name, data }) => ({ name, data })), { name: 'embedding', data: list }]
writeFileSync(new URL('tags.parquet', import.meta.url), Buffer.from(parquetWriteBuffer({ schema, columnData })))
