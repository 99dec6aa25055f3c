"""scikit-learn on the points of examples/src/kmeans.ts: its own k-means, and its measures of labels that others found.
Takes one JSON argument, with a folder of raw files; writes the labels it found there, prints one line of JSON."""
import json, os, sys, time
import numpy as np
import sklearn
from sklearn import metrics
from sklearn.cluster import KMeans, MiniBatchKMeans

options = json.loads(sys.argv[1])


def path(name):
    return os.path.join(options['folder'], name)


points = np.fromfile(path('points.f32'), np.float32).reshape(-1, options['dim'])
truth = np.fromfile(path('truth.i32'), np.int32)


def judge(labels):
    return {
        'homogeneity': metrics.homogeneity_score(truth, labels),
        'completeness': metrics.completeness_score(truth, labels),
        'vMeasure': metrics.v_measure_score(truth, labels),
        'adjustedRand': metrics.adjusted_rand_score(truth, labels),
        'adjustedMutualInformation': metrics.adjusted_mutual_info_score(truth, labels),
    }


shared = {'n_clusters': options['clusters'], 'random_state': 1}
makers = {
    'MiniBatchKMeans': lambda: MiniBatchKMeans(batch_size=options['batchSize'], n_init=3, **shared),
    'KMeans': lambda: KMeans(n_init=1, **shared),
}
trained = []
for name, make in makers.items():
    start = time.perf_counter()
    kmeans = make().fit(points)
    seconds = time.perf_counter() - start
    kmeans.labels_.astype(np.int32).tofile(path(name + '.i32'))
    trained.append({'name': name, 'seconds': seconds, 'steps': int(kmeans.n_iter_), 'inertia': float(kmeans.inertia_)})
judged = [judge(np.fromfile(path(name), np.int32)) for name in options['labels']]
print(json.dumps({'version': sklearn.__version__, 'trained': trained, 'judged': judged}))
