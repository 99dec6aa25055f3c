"""Reads safetensors files by their published format, with the standard library alone, and prints them as JSON.

Integers of 64 bits are printed as text, NaN and infinities as null. Arguments: 'stdlib' or 'reference' (the package
safetensors reads instead), then paths.
"""

import array
import json
import math
import struct
import sys

CODES = {'U8': 'B', 'I8': 'b', 'U16': 'H', 'I16': 'h', 'U32': 'I', 'I32': 'i', 'U64': 'Q', 'I64': 'q'}
CODES |= {'F32': 'f', 'F64': 'd'}


def numbers(dtype, data):
    if dtype == 'F16':
        return list(struct.unpack(f'<{len(data) // 2}e', data))
    if dtype == 'BF16':
        return [struct.unpack('<f', bytes(2) + data[i : i + 2])[0] for i in range(0, len(data), 2)]
    if dtype == 'BOOL':
        return [byte != 0 for byte in data]
    values = array.array(CODES[dtype], data).tolist()
    return [str(value) for value in values] if dtype in ('U64', 'I64') else values


def unique(pairs):
    assert len({name for name, _ in pairs}) == len(pairs)
    return dict(pairs)


def read_stdlib(path):
    with open(path, 'rb') as file:
        data = file.read()
    (length,) = struct.unpack('<Q', data[:8])
    assert data[8:9] == b'{' and (8 + length) % 64 == 0
    header = json.loads(data[8 : 8 + length].decode('utf-8'), object_pairs_hook=unique)
    metadata = header.pop('__metadata__', {})
    body = data[8 + length :]
    tensors, at = {}, 0
    for name, info in sorted(header.items(), key=lambda item: item[1]['data_offsets']):
        start, end = info['data_offsets']
        assert start == at
        at = end
        tensors[name] = (info['dtype'], info['shape'], body[start:end])
    assert at == len(body)
    return metadata, tensors


def read_reference(path):
    import safetensors

    with open(path, 'rb') as file:
        found = safetensors.deserialize(file.read())
    tensors = {name: (info['dtype'], info['shape'], bytes(info['data'])) for name, info in found}
    with safetensors.safe_open(path, framework='np') as file:
        return file.metadata() or {}, tensors


def printable(value):
    return None if isinstance(value, float) and not math.isfinite(value) else value


read = {'stdlib': read_stdlib, 'reference': read_reference}[sys.argv[1]]
for path in sys.argv[2:]:
    metadata, tensors = read(path)
    for name, (dtype, shape, content) in tensors.items():
        tensors[name] = (dtype, shape, [printable(value) for value in numbers(dtype, content)])
    print(json.dumps({'metadata': metadata, 'tensors': tensors}))
