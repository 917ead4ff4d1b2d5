"""`seqcli tag` beside flair, and from a cold shell: `SEQCLI_DATA=... python tests/benchmarks/bench_tag.py -m RUN`.

RUN is a trained `ewt-upos` model. Three things are measured, in turns, the best of the rounds counting:

- the filter on the words of EWT's test split, some times over, from file to file, a whole process: tokens a second of the clock, less
  the time the same process takes for one line (start-up), with 1 and with 2 processes; also with start-up;
- flair's BiLSTM-CRF of the same hidden size (`peers/flair_tagger.py`), tagging alone and training, given --flair, the
  python of a virtual environment with flair and torch; and seqcli's own training speed on as many sentences;
- one line from a cold shell, beside `import torch`.

The figures to reach are 4 times flair in tagging and in training.
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

from figures import begin

from seqcli import artifact, runs

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def words(path: Path) -> list[list[str]]:
    """The sentences of a CoNLL-U file."""
    sentences: list[list[str]] = [[]]
    for line in path.read_text(encoding="utf-8").split("\n"):
        fields = line.split("\t")
        if not line:
            sentences.append([])
        elif fields[0].isdigit():
            sentences[-1].append(fields[1].replace(" ", "\u00a0"))
    return [s for s in sentences if s]


def seconds(command: list[str], source: Path | None = None) -> float:
    """The clock time of a whole process."""
    began = time.perf_counter()
    with Path(source or os.devnull).open() as file:
        subprocess.run(command, stdin=file, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True)
    return time.perf_counter() - began


def own_training(sentences: int, threads: int) -> float:
    """Tokens a second of seqcli's training: an epoch of the model's own recipe, as its log has it."""
    with tempfile.TemporaryDirectory() as folder:
        # evaluations are no part of it: the display's figure leaves out only the first step
        command = [sys.executable, "-m", "seqcli", "train", str(ROOT / "recipes/ewt-upos.yaml"), "--name", "speed"]
        steps = -(-sentences // 16)
        settings = [f"train.steps={steps}", f"train.evaluate_every={steps}", f"train.threads={threads}"]
        for setting in settings:
            command += ["--set", setting]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, env={**os.environ})
        record = json.loads((Path(folder) / "runs/speed/metrics.jsonl").read_text().splitlines()[-1])
    return record["tokens_per_second"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("-m", "--model", required=True)
    parser.add_argument("--flair", help="the python that has flair")
    parser.add_argument("--sentences", type=int, default=2000, help="trained on to measure training")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--times", type=int, default=16, help="how often the words of the split are tagged")
    options, figures = begin(parser)
    if "SEQCLI_DATA" not in os.environ:
        sys.exit("SEQCLI_DATA does not name the folder of data sets")
    model = runs.find_model(options.model, "tag")
    config = artifact.read_header(model)["model"]
    test = words(Path(os.environ["SEQCLI_DATA"]) / "ud-en-ewt/en_ewt-ud-test.conllu")
    tokens = options.times * sum(map(len, test))
    with tempfile.TemporaryDirectory() as folder:
        whole, one = Path(folder) / "test.txt", Path(folder) / "one.txt"
        whole.write_text("".join(" ".join(s) + "\n" for s in test) * options.times, encoding="utf-8")
        one.write_text(" ".join(test[1]) + "\n", encoding="utf-8")
        tag = [sys.executable, "-m", "seqcli", "-q", "tag", "-m", str(model), "--input", "tokens"]
        found: dict[str, list[float]] = {}
        for _ in range(options.rounds):
            for jobs in ("1", "2"):
                start = seconds([*tag, "--jobs", jobs], one)
                all_of_it = seconds([*tag, "--jobs", jobs], whole)
                found.setdefault(f"start {jobs}", []).append(start)
                found.setdefault(f"whole {jobs}", []).append(all_of_it)
            found.setdefault("torch", []).append(seconds([sys.executable, "-c", "import torch"]))
    best = {name: min(times) for name, times in found.items()}
    rates = {jobs: tokens / (best[f"whole {jobs}"] - best[f"start {jobs}"]) for jobs in ("1", "2")}
    for jobs, rate in rates.items():
        print(
            f"seqcli tag, {jobs} process(es): {rate:,.0f} tokens/s; with start-up {tokens / best[f'whole {jobs}']:,.0f}"
        )
        figures.add(f"tag, --jobs {jobs}", rate, "tokens/s")
    figures.add("import torch over one line", best["torch"] / best["start 1"], "times")
    print(f"one line, cold: {best['start 1']:.3f} s = {best['start 1'] / best['torch']:.2f} of import torch")
    if options.flair:
        command = [options.flair, str(HERE / "peers/flair_tagger.py"), "--hidden", str(config["hidden"])]
        rows = []
        for threads in ("1", "2"):
            run = subprocess.run(
                [*command, "--sentences", str(options.sentences), "--threads", threads],
                capture_output=True,
                check=True,
                text=True,
            )
            rows.append(json.loads(run.stdout))
            shown = {k: rows[-1][k] for k in ("train_tokens_per_second", "predict_tokens_per_second")}
            print(f"flair, {threads} thread(s): {json.dumps(shown)}")
        tagging = max(row["predict_tokens_per_second"] for row in rows)
        training = max(max(row["train_tokens_per_second"]) for row in rows)
        ours = max(own_training(options.sentences, threads) for threads in (1, 2))
        for jobs, rate in rates.items():
            print(f"tagging, {jobs} process(es): {rate / tagging:.1f} times flair")
            figures.add(f"tag over flair, --jobs {jobs}", rate / tagging, "times")
        print(f"training: {ours:,.0f} tokens/s, {ours / training:.1f} times flair")
        figures.add("training", ours, "tokens/s")
        figures.add("training over flair", ours / training, "times")
    figures.end()


if __name__ == "__main__":
    main()
