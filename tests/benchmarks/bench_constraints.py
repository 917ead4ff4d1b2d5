"""What constraints cost: sentences/s of a translator with and without them, side by side, and what they do to BLEU.

    python tests/benchmarks/bench_constraints.py -m RUN SOURCES TARGETS [--lines 200] [--beam 5] [--rounds 3]

The phrases of a line are drawn from its given target (seed 1), as Post & Vilar (2018) draw theirs: one word, two
words, or one phrase of three. `--must-not` forbids a word that no answer had, `--grammar` allows everything
(`.*`): what looking costs alone. BLEU is of all lines; speeds are of the first 60, whose rules are made before, on one
thread; rounds take turns, the median counts. What it takes to make a rule of a phrase is told apart (time of the
processor).
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from figures import begin

from seqcli import api, threads
from seqcli.decoding.beam import Search
from seqcli.records import Pair
from seqcli.tasks.sequence_to_sequence.answers import Settings
from seqcli.tasks.sequence_to_sequence.demands import Demands

BATCH = 64
TIMED = 60  # lines whose phrases are all remembered


def drawn(target: str, words: int, rng: random.Random) -> str:
    """So many words of a target in a row; fewer where it has fewer."""
    found = [word for word in target.split() if word.isalpha()]
    places = [i for i in range(len(found) - words + 1) if " ".join(found[i : i + words]) in target]
    return " ".join(found[(at := rng.choice(places)) : at + words]) if places else (found or [target])[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-m", "--model", required=True)
    parser.add_argument("sources", type=Path)
    parser.add_argument("targets", type=Path)
    parser.add_argument("--lines", type=int, default=200)
    parser.add_argument("--beam", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    asked, figures = begin(parser)
    import sacrebleu

    limit = threads.limit(1)  # noqa: F841  holds as long as it is kept
    sources = asked.sources.read_text(encoding="utf-8").splitlines()[: asked.lines]
    targets = asked.targets.read_text(encoding="utf-8").splitlines()[: asked.lines]
    rng, model = random.Random(1), api.load(asked.model)
    plain = Settings(Search(beam=asked.beam, length_penalty=model.search.length_penalty))
    one, two = ([tuple(drawn(t, 1, rng) for _ in range(n)) for t in targets] for n in (1, 2))
    three = [(drawn(t, 3, rng),) for t in targets]
    cases: dict[str, list[Demands]] = {
        "none": [Demands()] * len(sources),
        "one word": [Demands(must=phrases) for phrases in one],
        "two words": [Demands(must=phrases) for phrases in two],
        "three words in a row": [Demands(must=phrases) for phrases in three],
        "--must-not": [Demands(must_not=("xyzzy",))] * len(sources),
        "--grammar .*": [Demands(grammar=".*")] * len(sources),
    }

    def answered(demanded: Sequence[Demands]) -> list[Any]:
        found = []
        for at in range(0, len(demanded), BATCH):
            pairs = [Pair(text) for text in sources[at : at + BATCH][: len(demanded) - at]]
            found += asked_each(model, pairs, demanded[at : at + BATCH], plain)
        return found

    def bleu(written: list[str]) -> float:
        return sacrebleu.corpus_bleu(written, [targets], tokenize="none", force=True).score

    for name, demanded in cases.items():
        found = [answers[0] for answers in answered(demanded)]
        figures.add(f"{name}: BLEU", bleu([answer.text for answer in found]), "BLEU")
        figures.add(f"{name}: as asked", sum(not answer.unmet for answer in found) / len(found), "share")
    speeds: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(asked.rounds + 1):  # the first one makes the rules again
        for name, demanded in cases.items():
            begun = time.perf_counter()
            answered(demanded[:TIMED])
            if number:
                speeds[name].append(TIMED / (time.perf_counter() - begun))
    fresh = [Pair("", must=(phrase[::-1],)) for phrases in one for phrase in phrases]
    begun = time.process_time()
    for pair in fresh:
        model.rules.of(pair, Demands())
    figures.add("a phrase as a rule", 1000 * (time.process_time() - begun) / len({p.must for p in fresh}), "ms")
    for name, own in speeds.items():
        figures.add(f"{name}: speed", statistics.median(own), "sentences/s")
        if name != "none":
            ratios = [speed / plain for speed, plain in zip(own, speeds["none"], strict=True)]
            figures.add(f"{name}: of that without constraints", statistics.median(ratios), "times")
    for row in figures.record["figures"]:
        print(f"{row['value']:>10.4g} {row['unit']:12s} {row['name']}")
    figures.end()


def asked_each(model: Any, pairs: list[Pair], demanded: Sequence[Demands], plain: Settings) -> list[Any]:
    """The answers to pairs of which each is asked something else."""
    if len(set(map(id, demanded))) == 1:
        return model.answer(pairs, replace(plain, demands=demanded[0]))
    own = [replace(pair, must=demands.must) for pair, demands in zip(pairs, demanded, strict=True)]
    return model.answer(own, plain)


if __name__ == "__main__":
    main()
