"""What a language model adds to lists of answers: weights fitted on the validation split, test looked at once.

python tests/benchmarks/bench_rescore.py -m RUN --lm RUN [--n-best 10] [--metric phoneme-error-rate]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from figures import begin

from seqcli import forms, load, metrics, scoring
from seqcli.metrics.sequences import Metric
from seqcli.tasks.sequence_to_sequence.answers import Settings
from seqcli.tasks.sequence_to_sequence.show import Writer

BATCH = 16


def lists(model: Any, split: str, n_best: int, folder: Path) -> list[str]:
    """Write the lists of a split's answers as JSON lines, and what is right; that."""
    _, pairs = scoring.own_split(model, split)
    settings = Settings(replace(model.search, beam=n_best, n_best=n_best))
    write = forms.form("text", True, None, Writer(many=True))
    with (folder / f"{split}.jsonl").open("w", encoding="utf-8") as file:
        for first in range(0, len(pairs), BATCH):
            part = pairs[first : first + BATCH]
            answers = model.answer([model.made_ready(pair) for pair in part], settings)
            file.write("".join(map(write, part, answers)))
    (folder / f"{split}.txt").write_text("".join(f"{pair.target}\n" for pair in pairs), encoding="utf-8")
    return [pair.target for pair in pairs]


def measured(written: str, right: list[str]) -> dict[str, float]:
    """The figures of what stands in objects."""
    metric = Metric()
    for line, target in zip(written.splitlines(), right, strict=True):
        metric.update(json.loads(line)["seqcli"]["text"], target)
    return metric.result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-m", "--model", required=True)
    parser.add_argument("--lm", required=True)
    parser.add_argument("--n-best", type=int, default=10)
    parser.add_argument("--metric", default="phoneme-error-rate")
    args, figures = begin(parser)
    model = load(args.model)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        right = {split: lists(model, split, args.n_best, folder) for split in ("valid", "test")}
        command = [sys.executable, "-m", "seqcli", "rescore", "-m", args.lm, "--dev", str(folder / "valid.jsonl")]
        command += ["--reference", str(folder / "valid.txt"), "--metric", args.metric, str(folder / "test.jsonl")]
        done = subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8", check=True)
        before = measured((folder / "test.jsonl").read_text(encoding="utf-8"), right["test"])
    after = measured(done.stdout, right["test"])
    for metric in (args.metric, "exact-match"):
        print(f"{metric} on test: {before[metric]:.4f} of the first answers, {after[metric]:.4f} rescored")
        unit = "share" if metrics.offers()[metric].more_is_better else "error"
        figures.add(f"{metric} on test, first answers", before[metric], unit)
        figures.add(f"{metric} on test, rescored", after[metric], unit)
    figures.end()


if __name__ == "__main__":
    main()
