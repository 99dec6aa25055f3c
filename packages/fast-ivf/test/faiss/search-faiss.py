"""Prints, a line for each file named, what faiss finds for queries from standard input (a flat array)."""
import json
import sys

import faiss
import numpy as np

numbers = np.array(json.load(sys.stdin), dtype='float32')
for path in sys.argv[1:]:
    index = faiss.read_index(path)
    distances, ids = index.search(numbers.reshape(-1, index.d), 5)
    print(json.dumps({'D': distances.tolist(), 'I': [[str(i) for i in row] for row in ids]}))
