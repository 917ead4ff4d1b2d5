"""Speed of translation at OpenNMT-py's benchmark size: training, greedy and beam decoding, beside the bare products.

    SEQCLI_DATA=... python tests/benchmarks/bench_translate.py [--epochs 5] [--rounds 3] [--threads 2] [-m RUN]

Embedding 256, a bidirectional GRU encoder of 2 x 256, a GRU decoder of 512 with attention, words, batches of 64
sentences, Multi30k en-de. It trains for some epochs with `seqcli train`, then answers test_2016_flickr with
`seqcli generate`, in one process and in two; start-up, one line, is measured too, told, and taken off. A model of one or two epochs writes answers that are
twice too long: give it some, or a run that was trained with `--model`, whose training is then not timed. The floor is the time of the same matrix products
alone: for training in torch at the precision and with the threads of the run, for decoding NumPy's with one thread.
OpenNMT-py and JoeyNMT did 4,030 and 1,740 tokens/s, 257 and 164 sentences/s greedy, 126 and 55 with beam 5 at this
size, measured on 2 cores beforehand; they are not run here.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from figures import Figures, begin

RECIPE = """\
task: sequence-to-sequence
tokenizer: {kind: word, min_count: 2}
target_tokenizer: {kind: word, min_count: 2}
data: {train: multi30k-en-de, bleu_tokenize: none}
model: {cell: gru, embedding: 256, hidden: 256, layers: 1, dropout: 0.3}
train: {batch_size: 64, learning_rate: 2e-3, seed: 1}
"""
E, HIDDEN, H, B = 256, 256, 512, 64
STEPS = 14  # of a usual sentence, EOS with it
PEERS = {"train": (4030, 1740), "greedy": (257, 164), "beam 5": (126, 55)}  # OpenNMT-py, JoeyNMT


def products(steps: int, symbols: int) -> list[tuple[int, int, int, int]]:
    """(times, rows, inner, columns) of a batch's forward pass, its sources and targets of so many steps."""
    rows = steps * B
    return [
        (2, rows, E, 3 * HIDDEN),
        (2 * steps, B, HIDDEN, 3 * HIDDEN),
        (1, rows, E, 3 * H),
        (steps, B, H, 3 * H),
        (1, rows, H, H),  # attention's bilinear form
        (2 * B, steps, H, steps),
        (1, rows, 2 * H, E),
        (1, rows, E, symbols),
    ]


def training_floor(steps: int, symbols: int, precision: str, threads: int) -> float:
    """Seconds of a batch's products, the backward pass counted as twice the forward one."""
    import torch

    torch.set_num_threads(threads)
    kind = getattr(torch, precision)
    total = 0.0
    for times, m, k, n in products(steps, symbols):
        a, b = torch.randn(m, k, dtype=kind), torch.randn(k, n, dtype=kind)
        for _ in range(3):
            a @ b
        began, done = time.perf_counter(), 0
        while time.perf_counter() - began < 0.2:
            a @ b
            done += 1
        total += times * (time.perf_counter() - began) / done
    return 3 * total


def decoding_floor(rows: int, symbols: int) -> float:
    """Seconds a step of decoding takes for the products of so many hypotheses, on one thread of NumPy."""
    from threadpoolctl import threadpool_limits

    total = 0.0
    with threadpool_limits(1):
        for k, n in ((E, 3 * H), (H, 3 * H), (H, H), (2 * H, E), (E, symbols)):
            a, b = np.ones((rows, k), np.float32), np.ones((k, n), np.float32)
            began, done = time.perf_counter(), 0
            while time.perf_counter() - began < 0.2:
                a @ b
                done += 1
            total += (time.perf_counter() - began) / done
    return total


def seqcli(*arguments: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "seqcli", *arguments], check=True, **options)  # type: ignore[call-overload]


def train(epochs: str, threads: int, figures: Figures) -> None:
    """Train, and show how fast it was."""
    Path("bench.yaml").write_text(RECIPE, encoding="utf-8")
    overrides = [f"train.epochs={epochs}", f"train.threads={threads}"]
    seqcli("train", "bench.yaml", "-q", *(x for o in overrides for x in ("--set", o)), stdout=subprocess.DEVNULL)
    last = json.loads(Path("runs/bench/metrics.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    about = json.loads(seqcli("inspect", "bench", "--json", stdout=subprocess.PIPE).stdout)
    symbols, precision = about["vocabulary"]["target"], about["recipe"]["train"]["precision"]
    floor = 2 * STEPS * B / training_floor(STEPS, symbols, precision, threads)
    show("train", last["tokens_per_second"], "tokens/s", floor, figures)
    print(f"  ({precision}, {threads} threads, {symbols:,} target symbols; validation included)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", default="5")
    parser.add_argument("-m", "--model", help="a run of this recipe, to decode with")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    given, figures = begin(parser)
    data = Path(os.environ["SEQCLI_DATA"]) / "multi30k-en-de" / "tok" / "test_2016_flickr.lc.norm.tok.en"
    sources = data.read_bytes()
    count = sources.count(b"\n")
    model = Path(given.model).resolve() if given.model else Path("bench")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        if not given.model:
            train(given.epochs, given.threads, figures)
        about = json.loads(seqcli("inspect", str(model), "--json", stdout=subprocess.PIPE).stdout)
        symbols = about["vocabulary"]["target"]
        for name, beam in (("greedy", 1), ("beam 5", 5)):
            best: dict[tuple[int, int], float] = {}  # (processes, lines) -> seconds
            answers = b""
            for _ in range(given.rounds):
                for jobs in (1, 2):
                    for text in (sources.partition(b"\n")[0] + b"\n", sources):
                        began = time.perf_counter()
                        answers = seqcli(
                            "generate", "-m", str(model), "-q", "--beam", str(beam), "--jobs", str(jobs),
                            input=text, stdout=subprocess.PIPE,
                        ).stdout  # fmt: skip
                        at = jobs, text.count(b"\n")
                        best[at] = min(best.get(at, np.inf), time.perf_counter() - began)
            words = len(answers.split()) / count + 1  # EOS
            print(f"  ({words:.1f} symbols an answer)")
            floor = B / (decoding_floor(B * beam, symbols) * words)
            for jobs in (1, 2):
                start, whole = best[jobs, 1], best[jobs, count]
                what = f"{name}, {jobs} process{'es'[: 2 * (jobs - 1)]}"
                show(what, (count - 1) / (whole - start), "sentences/s", floor * jobs, figures)
                print(f"  (start-up with a first line, {start:.2f} s, taken off; with it {count / whole:,.0f})")
    figures.end()


def show(what: str, speed: float, unit: str, floor: float, figures: Figures) -> None:
    peer, joey = PEERS[what.partition(",")[0]]
    figures.add(what, speed, unit)
    figures.add(f"{what}, of the products", speed / floor, "times")
    print(
        f"{what:<22} {speed:>9,.0f} {unit}, {speed / floor:.2f} of the products' {floor:,.0f};"
        f" {speed / peer:.2f} of OpenNMT-py's {peer:,}, {speed / joey:.2f} of JoeyNMT's {joey:,}",
        flush=True,
    )


if __name__ == "__main__":
    main()
