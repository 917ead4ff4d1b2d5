"""Frames a second of CTC's prefix beam search, beside a textbook's in plain Python and peers, where installed.

    python tests/benchmarks/bench_ctc.py [--frames 300] [--seconds 1]

One thread. Frames are made up: `peaked` as a trained model gives them, two of three surely blank and the others sure of
a symbol or in doubt between a few; `flat` as one hardly trained, any symbol in each. Peers: pyctcdecode (its own
pruning of symbols and rows switched off, or as it comes), flashlight-text (C++, without lexicon and language model),
fast-ctc-decode (Rust; its scores are products of float32, it drops symbols below 0.001 here). A column says whether
the best text is the same as ours.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from figures import begin
from support.ctc import textbook

from seqcli.decoding import ctc


class Bigrams:
    """A language model that costs a look-up: what it says depends on the last symbol."""

    def __init__(self, V: int):
        logits = np.random.default_rng(0).normal(size=(V, V + 1))
        self._rows = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        self.calls = self.asked = 0

    def start(self) -> ctc.Following:
        """Of the empty text."""
        return ctc.Following(self._rows[:1, :-1], self._rows[:1, -1], [None])

    def step(self, states: Any, ids: np.ndarray) -> ctc.Following:
        """Of texts that end in ids."""
        self.calls += 1
        self.asked += len(ids)
        rows = self._rows[ids]
        return ctc.Following(rows[:, :-1], rows[:, -1], states)


def made(T: int, V: int, kind: str) -> np.ndarray:
    """Log-probabilities (T, V) float32, the blank first."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(T, V)) * 1.5
    if kind == "peaked":
        blank = rng.random(T) < 2 / 3
        logits[blank, 0] += rng.uniform(8, 16, size=blank.sum())
        for t in np.flatnonzero(~blank):
            logits[t, rng.choice(V, 3, replace=False)] += rng.uniform(2, 12, size=3)
    return (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)).astype(np.float32)


def peers(V: int, beam: int) -> Iterator[tuple[str, Callable[[np.ndarray], tuple[int, ...]]]]:
    """Names of those that are installed, and what gives their best text."""
    letters = [chr(0x4E00 + v) for v in range(V)]
    numbers = {letter: v for v, letter in enumerate(letters)}
    try:
        from pyctcdecode import build_ctcdecoder  # pyright: ignore[reportMissingImports]
    except ImportError:
        pass
    else:
        decoder = build_ctcdecoder(["", *letters[1:]])
        unpruned = {"token_min_logp": -99.0, "beam_prune_logp": -1e9}
        for name, pruned in (("pyctcdecode", {}), ("pyctcdecode all", unpruned)):

            def pyctc(x: np.ndarray, pruned: Any = pruned) -> tuple[int, ...]:
                found = decoder.decode_beams(x, beam_width=beam, prune_history=False, **pruned)
                return tuple(numbers[letter] for letter in found[0][0])

            yield name, pyctc
    try:
        from flashlight.lib.text.decoder import (  # pyright: ignore[reportMissingImports]
            CriterionType,
            LexiconFreeDecoder,
            LexiconFreeDecoderOptions,
            ZeroLM,
        )
    except ImportError:
        pass
    else:
        options = LexiconFreeDecoderOptions(beam, V, 1e9, 0.0, 0.0, True, CriterionType.CTC)
        flashlight = LexiconFreeDecoder(options, ZeroLM(), V - 1, 0, [])

        def flash(x: np.ndarray) -> tuple[int, ...]:
            path = flashlight.decode(x.ctypes.data, *x.shape)[0].tokens[1:-1]  # between two that stand for silence
            return tuple(b for a, b in zip([0, *path], path, strict=False) if b not in (a, 0))

        yield "flashlight", flash
    try:
        from fast_ctc_decode import beam_search  # pyright: ignore[reportMissingImports]
    except ImportError:
        pass
    else:

        def fast(x: np.ndarray) -> tuple[int, ...]:
            text, _ = beam_search(np.exp(x), letters, beam_size=beam, beam_cut_threshold=min(1e-3, 0.5 / V))
            return tuple(numbers[letter] for letter in text)

        yield "fast-ctc-decode", fast


def rate(decode: Callable[[], Any], T: int, seconds: float) -> float:
    """Frames a second, the best of at least three rounds."""
    best, rounds, end = np.inf, 0, time.perf_counter() + seconds
    while rounds < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        decode()
        best, rounds = min(best, time.perf_counter() - start), rounds + 1
    return T / best


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=1.0)
    asked, figures = begin(parser)
    T = asked.frames
    for kind in ("peaked", "flat"):
        for V, beam in ((30, 8), (60, 16), (60, 32), (300, 32)):
            x = made(T, V, kind)
            best = tuple(ctc.search(x, 0, beam=beam)[0].ids.tolist())
            model = Bigrams(V)
            ctc.search(x, 0, beam=beam, model=model, weight=0.5)
            ways: list[tuple[str, Callable[[np.ndarray], Any]]] = [
                ("search", lambda x: tuple(ctc.search(x, 0, beam=beam)[0].ids.tolist())),  # noqa: B023
                ("with a model", lambda x: ctc.search(x, 0, beam=beam, model=Bigrams(x.shape[1]), weight=0.5)),  # noqa: B023
                ("textbook", lambda x: textbook(x, 0, beam)[0][0]),  # noqa: B023
                *peers(V, beam),
            ]
            print(f"{kind}, V {V}, beam {beam}; a model is asked {model.calls} times, of {model.asked} prefixes")
            for name, way in ways:
                some = x[: T // 10] if name == "textbook" else x
                speed = rate(lambda: way(some), len(some), asked.seconds)  # noqa: B023
                same = "" if name == "with a model" else way(x) == best
                print(f"  {name:16} {speed:10,.0f} frames/s  {same}", flush=True)
                figures.add(f"{kind}, V {V}, beam {beam}: {name}", speed, "frames/s")
        for name, way in (("log_probability", ctc.log_probability), ("align", ctc.align)):
            x = made(T, 300, kind)
            speed = rate(lambda: way(x, best[: T // 4], 0), T, asked.seconds)  # noqa: B023
            print(f"{kind}, {name}: {speed:,.0f} frames/s")
            figures.add(f"{kind}, {name}", speed, "frames/s")
    figures.end()


if __name__ == "__main__":
    main()
