"""Makes tiny.json and the files tiny_*.faiss here with faiss-cpu 1.15.1; run in this folder after changing either.

Each file is an index of the first vectors of a seeded set; tiny.json holds the queries and, for each file, what faiss
finds: {name: {"nprobe", "D": 5 × k, "I": 5 × k}}. RaBitQ is asked with qb = 0, queries that are not rounded.
"""
import json

import faiss
import numpy as np

faiss.omp_set_num_threads(1)
rng = np.random.default_rng(7)
D, N = 8, 120
x = rng.normal(size=(2000, D)).astype('float32')
q = rng.normal(size=(5, D)).astype('float32')
ids = rng.permutation(N).astype('int64') * 3 + 2**40
found = {'queries': q.ravel().tolist()}


def save(name, ix, add=True, with_ids=None, nprobe=2):
    if not ix.is_trained:
        ix.train(x)
    if add:
        ix.add_with_ids(x[:N], with_ids) if with_ids is not None else ix.add(x[:N])
    try:
        ivf = faiss.downcast_index(faiss.extract_index_ivf(ix))
        ivf.nprobe = nprobe
        if isinstance(ivf, faiss.IndexIVFRaBitQ):
            ivf.qb = 0
    except RuntimeError:
        nprobe = 0
    distances, found_ids = ix.search(q, 5)
    faiss.write_index(ix, f'tiny_{name}.faiss')
    found[name] = {'nprobe': nprobe, 'D': distances.tolist(), 'I': [[int(i) for i in row] for row in found_ids]}


def factory(name, spec, metric=faiss.METRIC_L2, **more):
    save(name, faiss.index_factory(D, spec, metric), **more)


ip = faiss.METRIC_INNER_PRODUCT
factory('flat_l2', 'Flat')
factory('flat_ip', 'Flat', ip)
factory('ivf_l2', 'IVF4,Flat', with_ids=ids)
factory('ivf_ip', 'IVF4,Flat', ip)
factory('ivf_hnsw', 'IVF4_HNSW4,Flat')
factory('ivfpq_l2', 'IVF4,PQ4x4np')
factory('ivfpq_ip', 'IVF4,PQ4x3', ip)
factory('pq', 'PQ4x5')
factory('pq_ip', 'PQ2x4', ip)
factory('ivfsq_ip', 'IVF4,SQ8', ip)
factory('rabitq_ip', 'IVF4,RaBitQ', ip)
factory('rabitq_l2', 'RR8,IVF4,RaBitQ')
factory('pca', 'PCA4,IVF4,Flat')
factory('pcaw', 'PCAW4,Flat')
factory('l2norm', 'L2norm,Flat', ip)
factory('idmap', 'IDMap,SQ8', with_ids=ids)
factory('idmap2', 'IDMap2,IVF4,PQ4x4', with_ids=ids)
factory('refine', 'IVF4,PQ4x4,Refine(SQfp16)')
factory('rflat_ip', 'OPQ4,IVF4,PQ4x4,RFlat', ip)
factory('empty', 'IVF4,SQ8', add=False)

center = faiss.IndexPreTransform(faiss.CenteringTransform(D), faiss.IndexFlatL2(D))
save('center', center)
sparse = faiss.index_factory(D, 'IVF64,Flat')
sparse.train(x)
sparse.add(x[:6])
save('sparse', sparse, add=False, nprobe=64)

kinds = [n for n in dir(faiss.ScalarQuantizer) if n.startswith('QT_') and 0 <= getattr(faiss.ScalarQuantizer, n) <= 8]
for name in kinds:
    ix = faiss.IndexScalarQuantizer(D, getattr(faiss.ScalarQuantizer, name), faiss.METRIC_L2)
    scale = 40 if 'direct' in name else 1
    kept, x = x, np.round(x * scale + (100 if name == 'QT_8bit_direct' else 0)).astype('float32') if scale > 1 else x
    save('sq' + name[2:], ix)
    x = kept

mapped = faiss.index_factory(D, 'IVF4,Flat')
mapped.train(x)
mapped.set_direct_map_type(faiss.DirectMap.Hashtable)
save('direct_map', mapped)

untrained = faiss.index_factory(D, 'OPQ4,IVF4,PQ4x4')
faiss.write_index(untrained, 'tiny_untrained.faiss')
for name, spec in [('fast_scan', 'IVF4,PQ4x4fs'), ('hnsw', 'HNSW4,Flat'), ('lsh', 'LSH'), ('itq', 'ITQ4,Flat')]:
    ix = faiss.index_factory(D, spec)
    ix.train(x)
    ix.add(x[:20])
    faiss.write_index(ix, f'refused_{name}.faiss')
l1 = faiss.IndexFlat(D, faiss.METRIC_L1)
l1.add(x[:3])
faiss.write_index(l1, 'refused_l1.faiss')

with open('tiny.json', 'w') as out:
    json.dump(found, out)
