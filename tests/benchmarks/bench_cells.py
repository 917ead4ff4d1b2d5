"""Every cell by the same minutes of one core: `SEQCLI_DATA=... python tests/benchmarks/bench_cells.py DATA --runs FOLDER`.

DATA is tinyshakespeare (a language model of characters; the decoder-only Transformer too) or ewt-upos (encoder of a
tagger). Each is trained for --minutes on one thread, --jobs of them side by side, plain and in residual blocks
(`+block`), then scored on the validation split as training does (many short streams, the state carried) and, where it
can, generates --tokens characters in one stream. Prints a table, sorted by score; FOLDER keeps the runs, and those that are there are not trained again. The seed is 1 unless
--seed says otherwise; a start-up is taken off the time of generation.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from figures import begin

from seqcli import artifact, registry

CELLS = registry.names("cells")
SCANS = [name for name in CELLS if not registry.load("cells", name).Cell.recurrent]
SLOW = {"rnn": 1e-3, "irnn": 5e-4}  # learning rates of those that a larger one breaks
TASKS = {
    "tinyshakespeare": [*CELLS, *(f"{c}+block" for c in CELLS), "transformer"],
    "ewt-upos": [*CELLS, *(f"{c}+block" for c in ["lstm", "gru", *SCANS])],
}


def settings(data: str, name: str) -> dict[str, Any]:
    """Keys of the recipe that are other than its own."""
    cell, _, block = name.partition("+")
    spec = {"kind": cell, "block": True} if block else cell
    rate = SLOW.get(cell)
    if data == "ewt-upos":
        keys: dict[str, Any] = {"model.cell": spec}
        return keys | ({"model.hidden": 128, "model.layers": 2} if block else {"train.learning_rate": rate or 2e-3})
    if cell == "transformer":
        model = {"kind": "transformer", "size": 128, "layers": 4, "heads": 4, "feedforward": 512}
        return {"model": model, "train.learning_rate": 2e-3, "train.warmup": 100}
    if block:
        model = {"cell": spec, "embedding": 64, "hidden": 256, "layers": 2, "dropout": 0.1}
        return {"model": model, "train.learning_rate": 2e-3}
    model = {"cell": spec, "embedding": 64, "hidden": 384, "dropout": 0.1}
    return {"model": model, "train.learning_rate": rate or 4e-3}


def seqcli(*arguments: str, folder: Path) -> str:
    command = [sys.executable, "-m", "seqcli", "-q", *arguments]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=folder, env=env, check=True, text=True, stdout=subprocess.PIPE).stdout


def trained(data: str, name: str, folder: Path, minutes: float, seed: int) -> Path:
    """The run's folder, trained where that has not been done."""
    run = folder / "runs" / f"{data}-{name}-{minutes:g}-{seed}"
    if not (run / "model.safetensors").exists():
        budget = {"train.minutes": minutes, "train.epochs": None, "train.threads": 1, "train.seed": seed}
        budget["train.evaluate_every"] = 10**6  # at the end alone, outside the budget
        if data == "tinyshakespeare":
            budget["train.weight_decay"] = 0.01
        keys = settings(data, name) | budget
        sets = [part for key, value in keys.items() for part in ("--set", f"{key}={json.dumps(value)}")]
        seqcli("train", data, "--name", run.name, *sets, folder=folder)
    return run


def measured(data: str, name: str, run: Path, folder: Path, tokens: int) -> dict[str, Any]:
    """What the table says of a run."""
    log = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    found = {"name": name, "tokens read": log[-1]["tokens"], "tokens/s": log[-1]["tokens_per_second"]}
    arrays = artifact.read(run / "model.safetensors").part("model")
    found["parameters"] = sum(a.size for a in arrays.values())
    if data == "ewt-upos":
        return found | {"score": log[-1]["accuracy"]}
    seconds = []
    for count in (1, tokens):
        began = time.perf_counter()
        command = ["generate", "-m", str(run), "--prompt", "ROMEO:", "--max-tokens", str(count), "--seed", "1"]
        seqcli(*command, folder=folder)
        seconds.append(time.perf_counter() - began)
    return found | {"score": log[-1]["valid_loss"], "generated/s": round(tokens / (seconds[1] - seconds[0]))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=TASKS)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tokens", type=int, default=2000)
    parser.add_argument("--only", help="names, with commas between")
    given, figures = begin(parser)
    given.runs.mkdir(parents=True, exist_ok=True)
    names = given.only.split(",") if given.only else TASKS[given.data]
    with ThreadPoolExecutor(given.jobs) as pool:
        each = pool.map(lambda n: trained(given.data, n, given.runs, given.minutes, given.seed), names)
        runs = dict(zip(names, each, strict=True))
    rows = [measured(given.data, name, run, given.runs, given.tokens) for name, run in runs.items()]
    rows.sort(key=lambda row: row["score"], reverse=given.data == "ewt-upos")
    for row in rows:
        print(json.dumps(row), flush=True)
        figures.add(f"{row['name']}: score", row["score"], "share" if given.data == "ewt-upos" else "nats")
        figures.add(f"{row['name']}: training", row["tokens/s"], "tokens/s")
        if "generated/s" in row:
            figures.add(f"{row['name']}: generation", row["generated/s"], "tokens/s")
    figures.end()


if __name__ == "__main__":
    main()
