"""faiss over the vectors of examples/src/index.ts: the original's two rivals, built, searched three times, the best time kept.
Takes one JSON argument, with a folder of raw float32 files; writes the ids found there, prints one line of JSON."""
import json, os, sys, time
import numpy as np
import faiss

options = json.loads(sys.argv[1])
dim, nlist, k = options['dim'], options['nlist'], options['k']
metric = faiss.METRIC_L2 if options['metric'] == 'l2' else faiss.METRIC_INNER_PRODUCT


def read(name):
    x = np.fromfile(os.path.join(options['folder'], name), np.float32).reshape(-1, dim)
    if options['metric'] == 'cosine':
        x /= np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-30)
    return x


base, queries = read('base.f32'), read('queries.f32')
faiss.omp_set_num_threads(max(1, options['threads']))


# np: without the polysemous training, which takes long and serves another way to search
bits = int(options['codewords']).bit_length() - 1
specs = (('IVFFlat', 'IVF%d,Flat' % nlist), ('IVFPQ', 'IVF%d,PQ%dx%dnp' % (nlist, options['subvectors'], bits)))

answers = []
for name, spec in specs:
    index = faiss.index_factory(dim, spec, metric)
    start = time.perf_counter()
    index.train(base)
    index.add(base)
    build = time.perf_counter() - start
    index.nprobe = options['nprobe']
    least = float('inf')
    for _ in range(3):
        start = time.perf_counter()
        _, ids = index.search(queries, k)
        least = min(least, time.perf_counter() - start)
    ids.astype(np.float64).tofile(os.path.join(options['folder'], name + '.ids'))
    sizes = [index.invlists.list_size(cell) for cell in range(nlist)]
    answers.append({'name': name, 'build': build, 'seconds': least, 'cellSizes': sizes})
print(json.dumps({'version': faiss.__version__, 'indexes': answers}))
