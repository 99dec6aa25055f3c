"""faiss on one set: builds the indexes asked for, sweeps nprobe or efSearch over the batch, asks one at a time.
Its answer is one line of JSON, in the shape of the npm peers' answers."""
import json, struct, sys, time
import numpy as np
import faiss

options = json.loads(sys.argv[-1])


def read(path):
    kind = {'fbin': np.float32, 'u8bin': np.uint8, 'ibin': np.int32}[path.rsplit('.', 1)[-1]]
    with open(path, 'rb') as f:
        n, d = struct.unpack('<ii', f.read(8))
        return np.fromfile(f, kind, n * d).reshape(n, d)


def floats(path):
    x = np.ascontiguousarray(read(path), dtype=np.float32)
    if options['metric'] == 'cosine':
        x = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-30)
    return np.ascontiguousarray(x, dtype=np.float32)


base, query, truth = floats(options['base']), floats(options['query']), read(options['truth'])
n, d = base.shape
nq, k = len(query), options['k']
metric = faiss.METRIC_L2 if options['metric'] == 'l2' else faiss.METRIC_INNER_PRODUCT
faiss.omp_set_num_threads(options['threads'])


def recalls(ids, k):
    hits = sum(len(np.intersect1d(a, b)) for a, b in zip(ids[:, :k], truth[:, :k]))
    return {'recall': round(hits / (len(ids) * k), 4), 'recall1': round(float(np.mean([b[0] in a for a, b in zip(ids, truth)])), 4)}


SLOW = 4  # seconds for a batch: not repeated, and the sweep ends there


def best(call):
    least, value = 1e9, None
    for _ in range(options['repeats']):
        start = time.perf_counter()
        value = call()
        least = min(least, time.perf_counter() - start)
        if least > SLOW:
            break
    return least, value


def one_by_one(index):
    faiss.omp_set_num_threads(1)
    times = []
    for i in range(min(nq, 300)):
        start = time.perf_counter()
        index.search(query[i:i + 1], k)
        times.append((time.perf_counter() - start) * 1000)
    faiss.omp_set_num_threads(options['threads'])
    return dict(zip(('p50', 'p95', 'p99'), (round(float(np.quantile(times, q)), 4) for q in (.5, .95, .99))), queries=len(times))


def ivf_flat():
    index = faiss.index_factory(d, 'IVF%d,Flat' % options['nlist'], metric)
    return index, 'IVFFlat %d' % options['nlist'], 'nprobe', options['nprobes']


class Missing(Exception):
    """This faiss cannot do it."""


def cells_of(index):
    """The IVF inside, whatever is wrapped around it."""
    return faiss.downcast_index(index.base_index) if isinstance(index, faiss.IndexRefine) else index


def ivf_pq_fast_scan():
    m = next(m for m in range(64, 0, -1) if d % m == 0 and m % 2 == 0)
    index = faiss.index_factory(d, 'IVF%d,PQ%dx4fs,RFlat' % (options['nlist'], m), metric)
    index.k_factor = 16
    return index, 'IVFPQ%dx4fs + refine × 16' % m, 'nprobe', options['nprobes']


def rabitq_fast_scan():
    if not hasattr(faiss, 'IndexIVFRaBitQFastScan'):
        raise Missing('faiss %s has no RaBitQ fast scan' % faiss.__version__)
    index = faiss.index_factory(d, 'IVF%d,RaBitQfs,RFlat' % options['nlist'], metric)
    index.k_factor = 8
    return index, 'IVFRaBitQfs + refine × 8', 'nprobe', options['nprobes']


def hnsw():
    index = faiss.IndexHNSWFlat(d, 16, metric)
    index.hnsw.efConstruction = 40
    return index, 'HNSW16', 'ef', options['efs']


def flat():
    return faiss.IndexFlat(d, metric), 'Flat (exact)', None, [0]


def measure(make):
    index, name, knob, settings = make()
    start = time.perf_counter()
    index.train(base)
    trained = time.perf_counter()
    index.add(base)
    added = time.perf_counter()
    points, single = [], None
    for setting in settings:
        if knob == 'nprobe':
            cells_of(index).nprobe = setting
        if knob == 'ef':
            index.hnsw.efSearch = setting
        point = {'setting': setting}
        stats = faiss.cvar.indexIVF_stats
        stats.reset()
        seconds, (_, ids) = best(lambda: index.search(query, k))
        if knob == 'nprobe' and stats.nq:  # fast scan counts nothing
            point['vectorsPerQuery'] = stats.ndis / stats.nq
        point.update(recalls(ids, k), qps=nq / seconds)
        points.append(point)
        if setting == options['single'] or knob is None:
            single = dict(one_by_one(index), setting=setting, recall=point['recall'])
        if seconds > SLOW:
            break
    answer = {'index': name, 'threads': options['threads'], 'points': points, 'single': single}
    answer['bytesPerVector'] = faiss.serialize_index(index).nbytes / n
    answer['build'] = {'train': trained - start, 'add': added - trained, 'total': added - start}
    if knob is None:
        seconds, (_, ids) = best(lambda: index.search(query, 100))
        answer['k100'] = {'qps': nq / seconds}
    return answer


makers = {'IVFFlat': ivf_flat, 'IVFPQfs': ivf_pq_fast_scan, 'RaBitQfs': rabitq_fast_scan, 'HNSW16': hnsw, 'Flat': flat}
curves, absent = [], []
for name in options['indexes']:
    try:
        curves.append(measure(makers[name]))
    except (Missing, RuntimeError, AssertionError) as error:
        absent.append({'what': 'faiss %s' % name, 'reason': str(error).split('\n')[0][:160]})
answer = {'version': faiss.__version__, 'options': faiss.get_compile_options().strip(), 'curves': curves, 'absent': absent}
print(json.dumps(answer))
