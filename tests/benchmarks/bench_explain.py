"""Whether explanations say what decides: `SEQCLI_DATA=... python tests/benchmarks/bench_explain.py MODEL [--split test]`.

Of each text of a classifier's split the tenth of the tokens (at least one) that speak most for its label is left out,
as `classify --explain` weighs them, and as many drawn ones (seed 1): how many labels change. Then the seconds that
1,000 texts take with and without --explain, in one process and thread. With `--integrated N` instead, of the first N
texts: how far the integrated gradients' sums are from the changes of the log-odds.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
from figures import Figures, begin

import seqcli
from seqcli.insight.why import reasons
from seqcli.records import Example
from seqcli.scoring import own_split
from seqcli.tasks.classification import look
from seqcli.tasks.classification.explain import explained


def without(example: Example, spans: list[tuple[int, int]], gone: set[int]) -> Example:
    """The text without some of its tokens."""
    text = "".join(
        example.text[a:b]
        for a, b in zip(
            [0, *(spans[i][1] for i in sorted(gone))],
            [*(spans[i][0] for i in sorted(gone)), len(example.text)],
            strict=True,
        )
    )
    words = None if example.words is None else [w for i, w in enumerate(example.words) if i not in gone]
    return Example(text, words=words)


def integrated(own: Any, records: list[Example], figures: Figures) -> None:
    """The errors of the sums."""
    errors, points, began = [], [], time.perf_counter()
    for record in records:
        if len(own.ready(record).words or []) >= 2:
            found = reasons(look.why(own, [record], 10_000).given, 0)
            errors.append(found.error)
            points.append(found.points)
    seconds = time.perf_counter() - began
    print(
        f"{len(errors):,} texts, {seconds:.1f} s: off by {np.median(errors):.4%} (median), {max(errors):.4%} at most;"
    )
    figures.add("integrated gradients", len(errors) / seconds, "texts/s")
    figures.add("integrated gradients, off by (median)", float(np.median(errors)), "error")
    print(
        f"points: {np.mean(points):.0f} (mean), {max(points)} at most; within 1 %: {np.mean(np.array(errors) < 0.01):.1%}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--split", default="test")
    parser.add_argument("--integrated", type=int, metavar="N")
    given, figures = begin(parser)
    own: Any = seqcli.load(given.model)
    if given.integrated:
        integrated(own, own_split(own, given.split)[1][: given.integrated], figures)
        figures.end()
        return
    examples = [own.ready(record) for record in own_split(own, given.split)[1]]
    p = own.probabilities(examples)
    labels = p.argmax(axis=1)
    got = list(zip(labels.tolist(), p.max(axis=1).tolist(), strict=True))
    tokens, rng = explained(own, examples, got), np.random.default_rng(1)
    most, drawn = [], []
    for example, found in zip(examples, tokens, strict=True):
        spans, count = [(t.start, t.end) for t in found], max(round(len(found) / 10), 1)
        order = sorted(range(len(found)), key=lambda i: -found[i].weight)
        most.append(without(example, spans, set(order[:count])))
        drawn.append(without(example, spans, set(rng.permutation(len(found))[:count].tolist())))
    for name, texts in (("most important", most), ("drawn", drawn)):
        changed = own.probabilities(texts).argmax(axis=1) != labels
        print(f"{name}: {changed.mean():.1%} of {len(labels):,} labels change")
        figures.add(f"labels that change without the tokens that are {name}", changed.mean(), "share")
    part = [e.text for e in examples[:1000]]
    for explain in (False, True):
        began = time.perf_counter()
        own.answer([own.ready(text) for text in part], own.asked(explain=explain))
        seconds = time.perf_counter() - began
        print(f"explain={explain}: {seconds:.2f} s for {len(part):,} texts")
        figures.add(f"classify{' --explain' if explain else ''}", len(part) / seconds, "texts/s")
    figures.end()


if __name__ == "__main__":
    main()
