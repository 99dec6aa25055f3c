"""Makes the numpy_* files and expected.json here with NumPy; run in this folder after changing either."""
import glob
import json

import numpy as np

rng = np.random.default_rng(1)
values = rng.integers(0, 100, (7, 3))
for code in ['b1', 'i1', 'u1', '<i2', '>i2', '<u2', '>u4', '<i4', '>i4', '<u8', '>i8', '<f2', '>f2', '>f8']:
    a = (values % 2 if code == 'b1' else values - 50 if 'i' in code else values / 8 if 'f' in code else values)
    name = code.replace('<', 'le_').replace('>', 'be_')
    np.save(f'numpy_{name}.npy', a.astype(code))
    np.save(f'numpy_{name}_fortran.npy', np.asfortranarray(a.astype(code)))
np.save('numpy_halves.npy', np.arange(65536, dtype=np.uint16).view(np.float16).reshape(256, 256)[::8])
np.savez('numpy_empty.npz')

expected = {}
for file in sorted(glob.glob('*.npy')):
    a = np.load(file)
    if a.ndim in (1, 2) and 'halves' not in file:
        a = np.atleast_2d(a)
        expected[file] = {
            'dtype': str(a.dtype.newbyteorder('=')),
            'shape': a.shape,
            'sum': float(a.astype(np.float64).sum()),
            'first': [float(x) for x in a.ravel()[:8]],
            'last': [float(x) for x in a.ravel()[-8:]],
        }
with open('expected.json', 'w') as out:
    json.dump(expected, out, indent=1)
