import { describe, expect, test } from 'vitest'
import { Projection } from '../../src/index.js'
import { toHalves } from '../../src/storage/float16.js'
import { type NamedTensor, writeSafetensors } from '../../src/storage/safetensors-write.js'
import { refusal } from '../refusal.js'
import { plainProjection } from './plain.js'

const [weight, bias] = [
  [0.5, -1, 2, 0.25, 3, -0.125],
  [1, -2],
]
const layer = { name: 'weight', shape: [2, 3], data: Float32Array.from(weight) }

describe('a layer of another maker', () => {
  const stored: [string, (numbers: number[]) => Pick<NamedTensor, 'data' | 'dtype'>][] = [
    ['F32', (numbers) => ({ data: Float32Array.from(numbers) })],
    ['F64', (numbers) => ({ data: Float64Array.from(numbers) })],
    ['F16', (numbers) => ({ data: toHalves(numbers, 0, numbers.length), dtype: 'F16' })],
    [
      'BF16',
      (numbers) => ({
        data: new Uint16Array(Float32Array.from(numbers).buffer).filter((_, i) => i % 2),
        dtype: 'BF16',
      }),
    ],
  ]
  test.each(stored)('in %s is read, as a projection by cosine', async (_, store) => {
    const tensors = [
      { name: 'bias', shape: [2], ...store(bias) },
      { name: 'other.weight', shape: [1], data: Int8Array.of(1) },
      { name: 'weight', shape: [2, 3], ...store(weight) },
    ]
    const projection = await Projection.fromSafetensors(writeSafetensors(tensors, { format: 'pt' }), { threads: 0 })
    const own = { word: 'DENSE2', metric: 'cosine', dim: 3, width: 2, unit: true } as const
    expect(projection.parameters).toEqual({ ...own, weight: Float32Array.from(weight), bias: Float32Array.from(bias) })
    const given = Float32Array.of(1, 2, 3)
    const [expected, found] = [plainProjection(projection.parameters, given), await projection.apply(given)]
    found.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 6))
    await projection.close()
  })

  const refused: [string, NamedTensor[], string, RegExp][] = [
    ['none', [], 'ERR_FORMAT', /no tensor 'weight' \(but none\)/],
    ['no weight', [{ ...layer, name: 'kernel' }], 'ERR_FORMAT', /no tensor 'weight' \(but kernel\)/],
    ['a weight of one dimension', [{ ...layer, shape: [6] }], 'ERR_FORMAT', /shape \[6\]; it must be width × dim/],
    ['a weight of three dimensions', [{ ...layer, shape: [1, 2, 3] }], 'ERR_FORMAT', /shape \[1,2,3\]/],
    [
      'a weight without numbers',
      [{ ...layer, shape: [0, 3], data: new Float32Array(0) }],
      'ERR_FORMAT',
      /shape \[0,3\]/,
    ],
    ['a number alone', [{ ...layer, shape: [], data: Float32Array.of(1) }], 'ERR_FORMAT', /width × dim/],
    ['too many columns', [{ ...layer, shape: [1, 65537], data: new Float32Array(65537) }], 'ERR_FORMAT', /65537/],
    [
      'whole numbers',
      [{ ...layer, data: Int32Array.from({ length: 6 }, () => 1) }],
      'ERR_FORMAT',
      /I32; floats are needed/,
    ],
    [
      'a bias too long',
      [layer, { name: 'bias', shape: [3], data: new Float32Array(3) }],
      'ERR_FORMAT',
      /bias of 3 .* gives 2/,
    ],
    [
      'a bias without numbers',
      [layer, { name: 'bias', shape: [0], data: new Float32Array(0) }],
      'ERR_FORMAT',
      /bias of 0/,
    ],
    ['NaN', [{ ...layer, data: layer.data.with(4, Number.NaN) }], 'ERR_NOT_FINITE', /weight holds NaN/],
    [
      'Infinity',
      [layer, { name: 'bias', shape: [2], data: Float32Array.of(0, -Infinity) }],
      'ERR_NOT_FINITE',
      /bias holds -Infinity/,
    ],
    [
      'what 32 bits cannot hold',
      [{ ...layer, data: Float64Array.from(weight).with(0, 1e39) }],
      'ERR_NOT_FINITE',
      /1e\+39/,
    ],
  ]
  test.each(refused)('with %s is refused', async (_, tensors, code, message) => {
    const error = await refusal(Projection.fromSafetensors(writeSafetensors(tensors)))
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) })
  })
})
