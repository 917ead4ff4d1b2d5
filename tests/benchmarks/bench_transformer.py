"""A transformer's decoding beside CTranslate2 with the same arrays:

    SEQCLI_DATA=... python tests/benchmarks/bench_transformer.py -m RUN --peer PYTHON

RUN is of the recipe multi30k-transformer, or another transformer with norms before each part and sinusoidal positions;
PYTHON that of a virtual environment with `ctranslate2` and `numpy`. Both answer test_2016_flickr from ids to ids, in
memory, in one process on one thread, in float32, without a length penalty; the best of --rounds counts. How many
answers are equal is told: with a beam of 5 CTranslate2 stops a search earlier.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from figures import begin

from seqcli import runs, threads
from seqcli.decoding.beam import Search, search
from seqcli.tasks.sequence_to_sequence.predict import ROWS, Translator

PEER = Path(__file__).resolve().parent / "peers/ctranslate2_transformer.py"
MOST = 100  # tokens of an answer
BATCH = 64  # sources that the peer answers together


def own(translator: Translator, sources: list[np.ndarray], beam: int, rounds: int) -> tuple[float, list[list[int]]]:
    """The least seconds of some rounds, and the answers."""
    codec, best = translator.codec, float("inf")
    found: list[list[int]] = [[] for _ in sources]
    order = sorted(range(len(sources)), key=lambda i: len(sources[i]))
    for _ in range(rounds):
        begun = time.perf_counter()
        for at in range(0, len(order), ROWS // beam):
            part = order[at : at + ROWS // beam]
            answers = search(
                translator.model,
                [sources[i] for i in part],
                Search(beam, length_penalty=0.0),
                bos=codec.bos,
                eos=codec.eos,
                limits=[MOST] * len(part),
                banned=codec.banned,
            )
            for i, (answer, *_) in zip(part, answers, strict=True):
                found[i] = answer.ids.tolist()
        best = min(best, time.perf_counter() - begun)
    return best, found


def peer(
    python: str, translator: Translator, sources: list[np.ndarray], beam: int, rounds: int
) -> tuple[float, list[list[int]]]:
    """The same of CTranslate2."""
    model, config, codec = translator.model, translator.header["model"], translator.codec
    asked = {
        "layers": len(model.encoder),
        "decoder_layers": len(model.decoder),
        "heads": config["heads"],
        "activation": config["activation"],
        "bos": codec.bos,
        "eos": codec.eos,
        "unknown": codec.unknown,
        "banned": list(codec.banned),
        "beam": beam,
        "most": MOST,
        "batch": BATCH,
        "threads": 1,
        "rounds": rounds,
        "sources": [ids.tolist() for ids in sources],
    }
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "asked.json").write_text(json.dumps(asked))
        np.savez(Path(folder) / "arrays.npz", **model.arrays())
        done = subprocess.run([python, str(PEER), folder], check=True, stdout=subprocess.PIPE)
    answer = json.loads(done.stdout)
    return answer["seconds"], answer["answers"]


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-m", "--model", required=True, help="a run")
    parser.add_argument("--peer", required=True, help="a Python that has ctranslate2")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lines", type=int, default=1000)
    given, figures = begin(parser)
    translator = Translator.open(runs.open_model(given.model, "generate"))
    limit = threads.limit(1)  # noqa: F841  holds as long as it is kept
    data = Path(os.environ["SEQCLI_DATA"]) / "multi30k-en-de/tok/test_2016_flickr.lc.norm.tok.en"
    lines = data.read_text(encoding="utf-8").splitlines()[: given.lines]
    sources = [translator.codec.source_ids(line) for line in lines]
    for name, beam in (("greedy", 1), ("beam 5", 5)):
        ours, answers = own(translator, sources, beam, given.rounds)
        theirs, expected = peer(given.peer, translator, sources, beam, given.rounds)
        same = sum(a == b for a, b in zip(answers, expected, strict=True)) / len(answers)
        print(
            f"{name:<7} {len(lines) / ours:7,.0f} sentences/s, CTranslate2 {len(lines) / theirs:7,.0f};"
            f" {theirs / ours:.2f} times; {same:.1%} of the answers equal"
        )
        figures.add(name, len(lines) / ours, "sentences/s")
        figures.add(f"{name} over CTranslate2", theirs / ours, "times")
        figures.add(f"{name}, answers equal", same, "share")
    figures.end()


if __name__ == "__main__":
    main()
