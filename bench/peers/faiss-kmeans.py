"""k-means of faiss over a set, judged over every row. Its answer is one line of JSON."""
import json, struct, sys, time
import numpy as np
import faiss

options = json.loads(sys.argv[-1])
with open(options['base'], 'rb') as f:
    n, d = struct.unpack('<ii', f.read(8))
    base = np.fromfile(f, np.float32, n * d).reshape(n, d)
faiss.omp_set_num_threads(options['threads'])
answers = []
for points in options['points']:
    kmeans = faiss.Kmeans(d, options['centroids'], niter=10, max_points_per_centroid=points, seed=1)
    start = time.perf_counter()
    kmeans.train(base)
    seconds = time.perf_counter() - start
    distances, _ = kmeans.index.search(base, 1)
    answers.append({'points': points, 'seconds': seconds, 'distance': float(distances.mean())})
print(json.dumps({'version': faiss.__version__, 'answers': answers}))
