"""Cold starts beside `import torch`, in one run: `python tests/benchmarks/bench_start.py [MODEL]`.

Medians of 10 after a warm-up, bytecode caching on. Without MODEL a 1 x 384 character LSTM is trained for two steps
first. The shares to stay under: `generate --max-tokens 1` 0.30, `--help` 0.15.
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

from figures import begin

RECIPE = """
task: language-model
tokenizer: {kind: char, unk: true}
data: {train: python-docs, valid: 0.05}
model: {cell: lstm, embedding: 64, hidden: 384}
train: {steps: 2, evaluate_every: 2}
"""


def timed(command: list[str]) -> float:
    """Seconds of one run. Raises CalledProcessError where it fails."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model", nargs="?", help="default: a small one is trained")
    given, figures = begin(parser)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    python = [sys.executable, "-m", "seqcli"]
    with tempfile.TemporaryDirectory() as folder:
        if given.model:
            model = given.model
        else:
            recipe = Path(folder) / "bench.yaml"
            recipe.write_text(RECIPE)
            subprocess.run([*python, "-q", "train", str(recipe)], check=True, cwd=folder, stdout=subprocess.DEVNULL)
            model = str(Path(folder) / "runs" / "bench" / "model.safetensors")
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "import torch": [sys.executable, "-c", "import torch"],
            "seqcli --help": [*python, "--help"],
            "seqcli recipes": [*python, "recipes"],
            "seqcli tokenize (one line)": [
                "sh",
                "-c",
                f"echo a line | {sys.executable} -m seqcli tokenize -m {model}",
            ],
            "seqcli generate --max-tokens 1": [
                *python,
                "generate",
                "-m",
                model,
                "--prompt",
                "a",
                "--max-tokens",
                "1",
            ],
            "seqcli inspect": [*python, "inspect", model],
        }
        seen: dict[str, list[float]] = {name: [] for name in commands}
        for command in commands.values():
            timed(command)
        for _ in range(10):
            for name, command in commands.items():
                seen[name].append(timed(command))
    torch = statistics.median(seen["import torch"])
    for name, values in seen.items():
        median = statistics.median(values)
        print(f"{name:<32} {median:.3f} s  {median / torch:.2f} of import torch")
        figures.add(name, median, "s")
        if name.startswith("seqcli"):
            figures.add(f"import torch over {name}", torch / median, "times")
    figures.end()


if __name__ == "__main__":
    main()
