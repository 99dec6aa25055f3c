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


shared = {'n_clusters': options['clusters']}
makers = {
    'MiniBatchKMeans': lambda seed: MiniBatchKMeans(
        batch_size=options['batchSize'], n_init=3, random_state=seed, **shared),
    'KMeans': lambda seed: KMeans(n_init=1, random_state=seed, **shared),
}
trained = []
for name, make in makers.items():
    for seed in options['seeds']:
        start = time.perf_counter()
        kmeans = make(seed).fit(points)
        seconds = time.perf_counter() - start
        file = '%s-%d.i32' % (name, seed)
        kmeans.labels_.astype(np.int32).tofile(path(file))
        trained.append({'name': name, 'file': file, 'seconds': seconds})
judged = [judge(np.fromfile(path(name), np.int32)) for name in options['labels']]
print(json.dumps({'version': sklearn.__version__, 'trained': trained, 'judged': judged}))
