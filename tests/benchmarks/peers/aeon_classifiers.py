"""MiniRocket and 1-NN DTW of aeon, to measure seqcli's classifiers of series against. Run by hand, in a venv of its own:

    pip install aeon==1.6.0
    python tests/benchmarks/peers/aeon_classifiers.py TRAIN.ts TEST.ts

prints a line of JSON for each: accuracy on the test series, seconds of fitting and answering (one thread, one process;
MiniRocket's first run compiles). Series of different lengths are filled up with zeros for MiniRocket, which needs it.
"""

from __future__ import annotations

import json
import sys
import time
import warnings

import numpy as np


def main() -> None:
    """Fit, answer, print."""
    from aeon.classification.convolution_based import MiniRocketClassifier
    from aeon.classification.distance_based import KNeighborsTimeSeriesClassifier
    from aeon.datasets import load_from_ts_file

    warnings.simplefilter("ignore")
    (train, labels), (test, gold) = (load_from_ts_file(path) for path in sys.argv[1:3])
    longest = max(x.shape[1] for x in [*train, *test])

    def filled(series):
        return np.stack([np.pad(x, ((0, 0), (0, longest - x.shape[1]))) for x in series])

    for name, own, whole in (
        ("MiniRocket", MiniRocketClassifier(random_state=1, n_jobs=1), True),
        ("1-NN DTW", KNeighborsTimeSeriesClassifier(distance="dtw", n_jobs=1), False),
    ):
        a, b = (filled(train), filled(test)) if whole else (train, test)
        start = time.perf_counter()
        answers = own.fit(a, labels).predict(b)
        seconds = time.perf_counter() - start
        print(json.dumps({"peer": name, "accuracy": float(np.mean(answers == gold)), "seconds": round(seconds, 1)}))


if __name__ == "__main__":
    main()
