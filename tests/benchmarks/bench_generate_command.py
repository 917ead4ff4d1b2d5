"""`seqcli generate` as a command, beside its products: `python tests/benchmarks/bench_generate_command.py [--against ROOT]`.

An untrained 2x512 LSTM over characters; temperature 0.8, top-k 40; into a pipe, start-up (the same with one token) taken off:

- stream: one `--prompt`, tokens a second, as a share of the model's matrix-vector products alone
- samples: `-n 32`, as a share of its matrix products with 32 columns alone
- piped: 1,000 prompts of 20 characters, 40 tokens each, beside the same of another checkout (--against)

Rounds take turns; the median of each ratio is printed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # of the products measured here, too

import numpy as np
from figures import begin

ROOT = Path(__file__).resolve().parents[2]
RECIPE = """task: language-model
tokenizer: char
data: {train: text.txt, valid: 0.1}
model: {cell: lstm, embedding: 512, hidden: 512, layers: 2}
train: {steps: 1, batch_size: 4, sequence_length: 16, threads: 1}
"""
HOW = ["--temperature", "0.8", "--top-k", "40", "--seed", "1", "--threads", "1"]
PROMPTS, LONG, EACH = 1_000, 20, 40


def seconds(folder: Path, *args: object, root: Path = ROOT, given: str = "") -> float:
    """The time a command takes."""
    env = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "seqcli", "-q", "generate", "-m", "runs/big", *HOW, *map(str, args)]
    begun = time.perf_counter()
    subprocess.run(command, cwd=folder, env=env, input=given, text=True, check=True, stdout=subprocess.PIPE)
    return time.perf_counter() - begun


def products(columns: int, vocabulary: int, rounds: int = 200) -> float:
    """Seconds of the products of a step: the first layer's inputs are looked up."""
    rng = np.random.default_rng(0)
    weights = [rng.standard_normal((n, 512)).astype(np.float32) for n in (2048, 2048, 2048, vocabulary)]
    xs = [rng.standard_normal((512, columns)).astype(np.float32).squeeze() for _ in weights]
    begun = time.perf_counter()
    for _ in range(rounds):
        for weight, x in zip(weights, xs, strict=True):
            np.dot(weight, x)
    return (time.perf_counter() - begun) / rounds


def main() -> None:
    """Measure in turns, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=5_000)
    parser.add_argument("--against", type=Path, help="another checkout, for the piped prompts")
    asked, figures = begin(parser)
    draw, letters = np.random.default_rng(1), [chr(c) for c in range(33, 97)]
    lines = ["".join(draw.choice(letters, LONG)) for _ in range(3_000)]
    found: dict[str, list[float]] = {"stream": [], "samples": [], "piped": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "text.txt").write_text("\n".join(lines) + "\n")
        (folder / "big.yaml").write_text(RECIPE)
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, "-m", "seqcli", "-q", "train", "big.yaml"], cwd=folder, env=env, check=True)
        piped = "".join(f"{line}\n" for line in lines[:PROMPTS])
        for _ in range(asked.rounds):
            n = asked.tokens
            start = seconds(folder, "--prompt", "A", "--max-tokens", 1)
            found["stream"].append(
                products(1, 65) * n / (seconds(folder, "--prompt", "A", "--max-tokens", n) - start)
            )
            took = seconds(folder, "--prompt", "A", "-n", 32, "--max-tokens", n // 10) - start
            found["samples"].append(products(32, 65) * (n // 10) / took)
            took = seconds(folder, "--max-tokens", EACH, given=piped) - start
            if asked.against:
                before = seconds(folder, "--max-tokens", EACH, given=piped, root=asked.against) - start
                found["piped"].append(before / took)
            print({name: round(values[-1], 3) for name, values in found.items() if values}, flush=True)
    print({name: round(statistics.median(values), 3) for name, values in found.items() if values})
    called = {"stream": "of the products, one stream", "samples": "of the products, -n 32", "piped": "piped prompts"}
    for name, values in found.items():
        if values:
            figures.add(called[name], statistics.median(values), "times")
    figures.end()


if __name__ == "__main__":
    main()
