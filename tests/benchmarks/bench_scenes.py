"""Captions by their meaning: `python tests/benchmarks/bench_scenes.py RUN` of a run of the recipe `scenes`.

For the validation split (pairs of colour and shape that training has) and the test split (each picture has a pair that it
has not): the share of answers that mean the same as the caption, whatever their words; and where attention lies while a
shape's noun is written: how often on a patch that a shape of that group touches, and how much of its weight.
"""

from __future__ import annotations

import argparse

import numpy as np
from figures import begin

import seqcli
from seqcli.datasets import catalog
from seqcli.datasets.scenes import NOUNS, SIZE, meaning, objects
from seqcli.records import Pair
from seqcli.tasks.sequence_to_sequence.predict import Settings

TOGETHER = 50  # pictures answered at once


def main() -> None:
    """Answer, judge, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model")
    given, figures = begin(parser)
    model = seqcli.load(given.model)
    files = catalog.find("scenes").files
    side = model.model.front_end.side
    for split in ("valid", "test"):
        path = files[split][0]
        rows = [line.split("\t") for line in path.read_text().splitlines()[1:]]
        right, hits, weight, nouns = 0, 0, 0.0, 0
        for first in range(0, len(rows), TOGETHER):
            part = rows[first : first + TOGETHER]
            pairs = [Pair(source, source=str(path)) for source, *_ in part]
            answers = model.answer([model.ready(p) for p in pairs], Settings(model.search, attention=True))
            for (_, gold, _, shapes), (answer, *_) in zip(part, answers, strict=True):
                right += meaning(answer.text) == meaning(gold)
                for t, word in enumerate(answer.symbols):
                    if (shape := NOUNS.get(word)) is None or t == 0:
                        continue
                    own = [o for o in objects(shapes) if (o.colour, o.shape) == (answer.symbols[t - 1], shape)]
                    if own:  # the answer speaks of a group that is there
                        there = np.zeros((SIZE // side, SIZE // side), bool)
                        for o in own:
                            there[o.top // side : -(-o.bottom // side), o.left // side : -(-o.right // side)] = True
                        looked = answer.attention[t]
                        hits += bool(there.ravel()[looked.argmax()])
                        weight += float(looked[there.ravel()].sum())
                        nouns += 1
        print(
            f"{split}: exact meaning {right / len(rows):.4f} of {len(rows)}; of {nouns} nouns the most looked-at patch is"
            f" on the shape {hits / nouns:.4f}, weight there {weight / nouns:.4f}",
            flush=True,
        )
        figures.add(f"{split}: exact meaning", right / len(rows), "share")
        figures.add(f"{split}: nouns that look at the shape", hits / nouns, "share")
    figures.end()


if __name__ == "__main__":
    main()
