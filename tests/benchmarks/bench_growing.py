"""How sub-words grow: what old and new text is divided into before and after.

    SEQCLI_DATA=... python tests/benchmarks/bench_growing.py --size 1000

Learnt from the first 8,000 lines of tinyshakespeare, grown by the first 3,000 of PTB's validation split; unseen text of the
old kind is tinyshakespeare's last 200,000 characters.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
from figures import begin

from seqcli.tokenizers.sentencepiece import Config, Tokenizer

LINES, MORE, UNSEEN = 8000, 3000, 200_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1000)
    given, figures = begin(parser)
    size, data = given.size, Path(os.environ["SEQCLI_DATA"])
    whole = (data / "tinyshakespeare/input.txt").read_text(encoding="utf-8")
    old = ["".join(whole.splitlines(keepends=True)[:LINES])]
    new = ["".join((data / "ptb/ptb.valid.txt").read_text(encoding="utf-8").splitlines(keepends=True)[:MORE])]
    print(
        "kind, old text, symbols, pieces of new text before, after, of its own; old text as before, unseen lines changed"
    )
    for kind in ("unigram", "bpe"):
        config = Config(size=size, model_type=kind)
        own, other = Tokenizer.learn(old, config), Tokenizer.learn(new, config)
        for there in (True, False):
            grown = own.grown(other, lambda: new, (lambda: old) if there else None)
            pieces = [len(t.encode(new[0])) for t in (own, grown, other)]
            same = np.array_equal(own.encode(old[0]), grown.encode(old[0]))
            lines = whole[-UNSEEN:].split("\n")
            changed = sum(not np.array_equal(own.encode(line), grown.encode(line)) for line in lines)
            name = f"{kind}, old text {'there' if there else 'gone'}"
            figures.add(f"{name}: pieces of new text", pieces[1] / pieces[0], "of before")
            figures.add(f"{name}: unseen lines changed", changed / len(lines), "share")
            counts = f"{own.size:,} to {grown.size:,}: {pieces[0]:,}, {pieces[1]:,}, {pieces[2]:,}"
            print(f"{kind}, {'there' if there else 'gone'}, {counts}; {same}, {changed:,} of {len(lines):,}")
    figures.end()


if __name__ == "__main__":
    main()
