"""Linear classifiers over word n-grams, to measure seqcli's against. Run by hand, in a venv of its own:

    pip install scikit-learn
    SEQCLI_DATA=DATA python tests/benchmarks/peers/linear_classifiers.py trec --peer nb-svm

prints one line of JSON a peer: accuracy on the test split, seconds of training, lines a second in prediction (all lines
in one call). `--predictions FILE` (with one --peer) writes a label a line, in the order of the test split. The data is
read by fasttext_classifier.py, which lies beside this file.

tf-idf: TF-IDF of words and word pairs, logistic regression, its C chosen by cross-validation on the training split
(`seconds` is mostly this search). One BLAS thread: with more, the products of these sparse problems wait for each other.
nb-svm: Wang and Manning (2012), Baselines and Bigrams, with alpha = 1, C = 0.1, beta = 0.25; one against the rest
where there are more than two labels.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from fasttext_classifier import Texts, data_folder, options, read, report
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

WORDS = {"token_pattern": r"\S+", "ngram_range": (1, 2)}  # the texts are tokenized: marks are words too
RATES = (1.0, 3.0, 10.0, 30.0, 100.0)  # C, the inverse of the L2 penalty
Predictor = Callable[[Sequence[str]], Sequence[str]]


def tf_idf(texts: Sequence[str], labels: Sequence[str]) -> Predictor:
    """Logistic regression over TF-IDF, C by five folds."""
    vectorizer = TfidfVectorizer(**WORDS)
    features = vectorizer.fit_transform(texts)
    folds = StratifiedKFold(5, shuffle=True, random_state=1)
    search = GridSearchCV(LogisticRegression(max_iter=1000), {"C": RATES}, cv=folds)
    search.fit(features, labels)
    return lambda lines: search.predict(vectorizer.transform(lines)).tolist()


def nb_svm(
    texts: Sequence[str], labels: Sequence[str], *, alpha: float = 1.0, c: float = 0.1, beta: float = 0.25
) -> Predictor:
    """A linear SVM over presence times the naive-Bayes log-count ratio, drawn towards its mean weight by `beta`."""
    vectorizer = CountVectorizer(**WORDS, binary=True)
    features: Any = vectorizer.fit_transform(texts)
    known = sorted(set(labels))
    targets = known[1:] if len(known) == 2 else known
    weights, biases = [], []
    for target in targets:
        inside = np.array([label == target for label in labels])
        p, q = (alpha + np.asarray(features[rows].sum(axis=0)).ravel() for rows in (inside, ~inside))
        ratio = np.log(p / p.sum()) - np.log(q / q.sum())
        machine: Any = LinearSVC(C=c, random_state=1).fit(features.multiply(ratio).tocsr(), inside)
        own = machine.coef_[0]
        mean = np.abs(own).mean()
        weights.append(ratio * ((1 - beta) * mean + beta * own))
        biases.append(float(machine.intercept_[0]))
    matrix, offset = np.stack(weights, axis=1), np.array(biases)

    def predict(lines: Sequence[str]) -> list[str]:
        scores = vectorizer.transform(lines) @ matrix + offset
        best = (scores[:, 0] > 0).astype(int) if len(targets) == 1 else scores.argmax(axis=1)
        return [known[i] for i in best]

    return predict


PEERS = {"tf-idf": tf_idf, "nb-svm": nb_svm}


def run(peer: str, train: Texts, test: Texts) -> dict[str, Any]:
    """Train a peer, then label the test texts: {seconds, lines_per_second, labels}."""
    lines = [text for _, text in test]
    with threadpool_limits(1):
        began = time.perf_counter()
        predict = PEERS[peer]([text for _, text in train], [label for label, _ in train])
        seconds = time.perf_counter() - began
        began = time.perf_counter()
        labels = list(predict(lines))
        elapsed = time.perf_counter() - began
    return {"seconds": seconds, "lines_per_second": len(lines) / elapsed, "labels": labels}


def main() -> None:
    """Read a data set's name, print the figures of each peer."""
    parser = options(__doc__)
    parser.add_argument("--peer", choices=PEERS, help="this one only")
    given = parser.parse_args()
    if given.predictions and not given.peer:
        parser.error("--predictions is the file of one peer: name it with --peer")
    train, test = read(given.data, data_folder())
    for peer in [given.peer] if given.peer else PEERS:
        print(report(peer, given.data, test, run(peer, train, test), given.predictions), flush=True)


if __name__ == "__main__":
    main()
