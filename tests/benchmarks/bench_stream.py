"""Seconds of audio a second of one core: whole recordings, and the same as they come, in pieces.

    python tests/benchmarks/bench_stream.py -m RUN RECORDING... [--pieces 20 100 1000] [--rounds 3]

RUN is a model of `frames: mel` or `mfcc` that reads forward: a classifier, a softmax tagger or a CTC model. Everything
counts but start-up: decoded samples to mel bands, front end, network, answers; processor time, the best of the rounds.
`delay` is the longest that a piece took: what an answer waits for beyond its window. Real-time factors are the inverse.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import replace

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from figures import begin

from seqcli import predictor, records, runs
from seqcli.frames import Frames, located
from seqcli.frames._audio import Analysis, samples

KIND = {"classification": records.Example, "tagging": records.Sentence, "sequence-to-sequence": records.Pair}


def best(work: Callable[[], object], rounds: int) -> float:
    """Processor seconds, the fewest of some rounds."""
    found = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("-m", "--model", required=True)
    parser.add_argument("recordings", nargs="+")
    parser.add_argument("--pieces", nargs="+", type=int, default=[20, 100, 1000], help="milliseconds each")
    parser.add_argument("--rounds", type=int, default=3)
    options, figures = begin(parser)
    own = predictor.load(runs.open_model(options.model, "eval"))
    greedy = {"search": replace(own.search, beam=1)} if hasattr(own, "search") else {}  # as streams are
    asked = own.asked(**greedy)
    frames: Frames = own.live().frames
    sound = [samples(located(path))[0] for path in options.recordings]
    seconds = sum(map(len, sound)) / frames.config.rate
    print(f"{len(sound):,} recordings, {seconds:,.1f} s at {frames.config.rate:,} Hz; {own.path}")

    def whole(together: bool) -> None:
        """Answer recordings, all in one batch or one by one."""
        made = []
        for one in sound:
            read = frames.normal(Analysis(frames.config).feed(one, last=True))
            words = {"words": ["x"] * len(read)} if own.task == "tagging" else {}
            made.append(KIND[own.task](text="x", frames=read, **words))
        for batch in [made] if together else [[one] for one in made]:
            own.answer(batch, asked)

    def streamed(one: np.ndarray, size: int) -> float:
        """Answer a recording in pieces; the longest that one took, in seconds of the clock."""
        live, delay = own.live(), 0.0
        for first in range(0, len(one), size):
            began = time.perf_counter()
            live.feed(one[first : first + size], last=first + size >= len(one))
            delay = max(delay, time.perf_counter() - began)
        return delay

    joined = np.concatenate(sound)
    rows = [("whole, in one batch", best(lambda: whole(True), options.rounds), "")]
    rows.append(("whole, one by one", best(lambda: whole(False), options.rounds), ""))
    for piece in options.pieces:
        size = frames.config.rate * piece // 1000
        delays: list[float] = []
        spent = best(lambda size=size, delays=delays: delays.append(streamed(joined, size)), options.rounds)
        rows.append((f"one stream, pieces of {piece:,} ms", spent, f"  delay {1000 * min(delays):.1f} ms"))
    for name, spent, more in rows:
        print(f"{name:<28} {seconds / spent:8,.0f} s of audio/s  real-time factor {spent / seconds:.5f}{more}")
        figures.add(name, seconds / spent, "s of audio/s")
    figures.end()


if __name__ == "__main__":
    main()
