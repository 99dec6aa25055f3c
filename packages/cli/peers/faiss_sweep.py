"""faiss over the vectors of a report: builds an index, visits more and more cells, keeps the best time of a few.
Takes one JSON argument, with paths of raw files; writes the ids found into a folder, prints one line of JSON."""
import json, os, sys, time
import numpy as np
import faiss

options = json.loads(sys.argv[1])
dim, nlist, k = options['dim'], options['nlist'], options['k']
metric = faiss.METRIC_L2 if options['metric'] == 'l2' else faiss.METRIC_INNER_PRODUCT
SLOW = 3  # seconds for a batch: not repeated, and the sweep ends there
faiss.omp_set_num_threads(max(1, options['threads']))


def read(path):
    x = np.fromfile(path, np.float32).reshape(-1, dim)
    if options['metric'] == 'cosine':
        x /= np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-30)
    return x


def best_time(call):
    times, value = [], None
    while sum(times) < 1.2 and (len(times) < 3 or sum(times) < .3):
        start = time.perf_counter()
        value = call()
        times.append(time.perf_counter() - start)
    return min(times), value


def memory(what):
    """VmRSS or VmHWM in bytes; None where the system does not tell."""
    try:
        with open('/proc/self/status') as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith(what))
    except (OSError, StopIteration):
        return None


def forget_peak():
    try:
        with open('/proc/self/clear_refs', 'w') as refs:
            refs.write('5')
        return True
    except OSError:
        return False


def cells_of(index):
    """The IVF inside, whatever is wrapped around it."""
    return faiss.downcast_index(index.base_index) if isinstance(index, faiss.IndexRefine) else index


def measure(spec, factor):
    known = forget_peak()
    before = memory('VmRSS')
    index = faiss.index_factory(dim, spec, metric)
    if factor:
        index.k_factor = factor
    start = time.perf_counter()
    index.train(base)
    index.add(base)
    answer = {'version': faiss.__version__, 'build': time.perf_counter() - start, 'points': []}
    if known and before is not None:
        answer['peakBytes'] = max(0, memory('VmHWM') - before)
    ivf = cells_of(index) if spec.startswith('IVF') else None
    nprobe = 1
    while True:
        if ivf is not None:
            ivf.nprobe = nprobe
        seconds, (_, ids) = best_time(lambda: index.search(queries, k))
        name = '%d.ids' % nprobe
        ids.astype(np.float64).tofile(os.path.join(options['folder'], name))
        answer['points'].append({'nprobe': nprobe if ivf is not None else None, 'seconds': seconds, 'ids': name})
        nprobe *= 2
        if ivf is None or nprobe > nlist or nprobe > options['most'] or seconds > SLOW:
            break
    answer['bytes'] = faiss.serialize_index(index).nbytes
    if ivf is not None:
        answer['cellSizes'] = [ivf.invlists.list_size(cell) for cell in range(nlist)]
    return answer


base, queries = read(options['base']), read(options['queries'])
print(json.dumps(measure(options['spec'], options['factor'])))
