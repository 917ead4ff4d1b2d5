"""What readers gain from few labels: `SEQCLI_DATA=... python tests/benchmarks/bench_readers.py DATA --readers RUN RUN`.

DATA is ewt-upos, conll2000-chunk, sst2 or wnut17-ner. Trains its recipe on the first 500 sentences (--sentences) without
readers, with them as they are (frozen), and, from there on, with them trained further (tuned: --init-from), for each of
--seeds; of sst2 the linear model of the same sentences too. With --self, a frozen (or alone) model of EWT or CoNLL-2000
also tags the rest of the training text, where it is sure (0.8), and a new one learns from both. Prints a line of JSON a run: scores on valid and test, seconds. Minutes a run. `--text FILE`
writes the unlabelled text of DATA's training split, on which its readers are trained, and no more.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from figures import begin

from seqcli import artifact

ROOT = Path(__file__).resolve().parents[2]
SEQCLI = (sys.executable, "-m", "seqcli", "-q")


class Case(NamedTuple):
    """A data set: its folder and files, the last one None where valid is the end of train; what stands between its
    sentences; the recipe's metric; and keys of its recipe."""

    folder: str
    train: str
    valid: str | None
    test: str
    between: str
    metric: str
    sets: list[str]


EWT, SST = "en_ewt-ud-{}.conllu", "stsa.binary.{}"
RATES = ["train.learning_rate=1e-3", "train.warmup=20", "train.reader_rate=0.2", "train.layer_rate=0.38"]
TUNED = [*RATES, "train.epochs=3", "train.evaluate_every=96"]
LABELS = 'data.labels={"0": negative, "1": positive}'
PLAIN = [
    "tokenizer={kind: word, split: whitespace, lowercase: true}",
    "data.phrases=false",
    LABELS,
    "data.format=label-text",
]
SMALL = ["model={cell: lstm, embedding: 100, hidden: 100, pooling: max, dropout: 0.5}", "train.epochs=15"]
CASES = {
    "ewt-upos": Case(
        "ud-en-ewt", EWT.format("train"), EWT.format("dev"), EWT.format("test"), "\n\n", "accuracy",
        ["data.tag=upos", "train.epochs=30", "train.evaluate_every=96"],
    ),
    "conll2000-chunk": Case(
        "conll2000", "train.txt", None, "test.txt", "\n\n", "span-f1",
        ["data.columns=[word, pos, chunk]", "train.epochs=30", "train.evaluate_every=96"],
    ),
    "sst2": Case(
        "sst", SST.format("train"), SST.format("dev"), SST.format("test"), "\n", "accuracy",
        [*PLAIN, *SMALL, "train.batch_size=16", "train.evaluate_every=32", "train.average=0.99"],
    ),
    "wnut17-ner": Case(
        "wnut17", "wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated", "\n\n", "span-f1",
        ["data.columns=[word, ner]", "data.separator=tab", "data.format=conll", "train.epochs=30"],
    ),
}  # fmt: skip
HELD = 447  # sentences at the end of conll2000's training split that validate


def sentences(path: Path, between: str) -> list[str]:
    """The sentences of a file, as they stand."""
    text = path.read_text(encoding="utf-8")
    lines = [line.rstrip() if between == "\n\n" else line for line in text.split("\n")]
    return [s.strip("\n") for s in "\n".join(lines).split(between) if s.strip()]


def words(sentence: str) -> str:
    """The first column of a sentence in columns, spaced."""
    return " ".join(line.split("\t")[0].split(" ")[0] for line in sentence.splitlines())


def unlabelled(sentence: str, case: Case) -> str:
    """The text of a sentence: that of EWT as it was written, the others spaced."""
    if case.folder == "ud-en-ewt":
        return next(line.removeprefix("# text = ") for line in sentence.splitlines() if line.startswith("# text = "))
    return sentence.partition(" ")[2] if case.between == "\n" else words(sentence)


def trained(recipe: str, name: str, folder: Path, sets: list[str], start: str | None) -> tuple[dict, float]:
    """Train a recipe where that has not been done: the scores, and the seconds."""
    run = folder / "runs" / name
    if not (run / "done").exists():
        command = [*SEQCLI, "train", str(ROOT / f"recipes/{recipe}.yaml"), "--name", name]
        more = [part for change in sets for part in ("--set", change)] + (
            ["--init-from", f"runs/{start}"] if start else []
        )
        subprocess.run([*command, *more, "--overwrite"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        (run / "done").touch()
    log = run / "metrics.jsonl"
    seconds = json.loads(log.read_text().splitlines()[-1])["seconds"] if log.exists() else 0.0
    return artifact.read_header(run / "model.safetensors")["scores"], seconds


def guessed(name: str, folder: Path, few: Path, rest: list[str], conllu: bool) -> Path:
    """Five times the labelled sentences, and the rest of the text as the run `name` tags it; `_` in doubt."""
    bare, union = folder / "rest.txt", folder / f"{name}.union"
    lines = (line.split("\t" if conllu else " ") for line in "\n\n".join(rest).split("\n"))
    if conllu:
        kept = ("\t".join([*c[:2], *["_"] * 4, *c[6:8], "_", "_"]) if len(c) == 10 else c[0] for c in lines)
        how = ["--format", "conllu"]
    else:
        kept = (" ".join(c[:2]) for c in lines)
        how = ["--format", "conll", "--columns", "word,pos"]
    bare.write_text("\n".join(kept) + "\n\n", encoding="utf-8")
    command = [*SEQCLI, "tag", "-m", name, *how, "--min-confidence", "0.8", "--partial", str(bare)]
    tagged = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE).stdout
    union.write_bytes(few.read_bytes() * 5 + tagged)
    return union


def main() -> None:
    """Write the data, train, score, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", choices=CASES)
    parser.add_argument("--readers", nargs="+", default=[], help="runs of language models")
    parser.add_argument("--sentences", type=int, default=500)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--self", action="store_true", help="EWT, CoNLL-2000: self-training, after the others")
    parser.add_argument(
        "--only", nargs="+", help="of the conditions: alone linear frozen tuned self-alone self-frozen"
    )
    parser.add_argument("--set", dest="sets", action="append", default=[], help="a further change to the recipe")
    parser.add_argument("--tag", default="", help="beside the runs' names, of further changes")
    parser.add_argument("--folder", type=Path, help="where data and runs are kept; default: nowhere")
    parser.add_argument("--text", type=Path, help="write the readers' text there, and no more")
    options, figures = begin(parser)
    if "SEQCLI_DATA" not in os.environ:
        sys.exit("SEQCLI_DATA does not name the folder of data sets")
    data = Path(os.environ["SEQCLI_DATA"])
    case = CASES[options.data]
    if options.text:
        own = sentences(data / case.folder / case.train, case.between)[: None if case.valid else -HELD]
        options.text.write_text("".join(f"{unlabelled(s, case)}\n" for s in own), encoding="utf-8")
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        source, few = data / case.folder, folder / f"{options.data}-{options.sentences}"
        own = sentences(source / case.train, case.between)
        few.write_text(case.between.join(own[: options.sentences]) + case.between, encoding="utf-8")
        held = folder / f"{options.data}-held"
        held.write_text(case.between.join(own[-HELD:]) + case.between, encoding="utf-8")
        files = [f"data.train={few}", f"data.valid={source / case.valid if case.valid else held}"]
        common = [*files, f"data.test={source / case.test}", "train.threads=1", *case.sets]
        readers = [f"model.reader=[{','.join(str(Path(name).resolve()) for name in options.readers)}]"]
        made = {"alone": [], "frozen": readers, "tuned": [*readers, *TUNED]}
        for how in ("alone", "frozen") if options.self else ():
            made[f"self-{how}"] = [*made[how], "data.partial=true", "train.epochs=5", "train.evaluate_every=400"]
        for condition in options.only or made:
            found = []
            for seed in options.seeds if condition != "linear" else [1]:
                sets = [*common, *made.get(condition, []), f"train.seed={seed}", *options.sets]
                recipe, name = options.data, f"{options.data}-{condition}{options.tag}-{seed}"
                if condition == "linear":
                    recipe, sets = "sst2-linear", [*common[:3], LABELS, "data.format=label-text"]
                if condition.startswith("self-"):
                    first = f"{options.data}-{condition[5:]}{options.tag}-{seed}"
                    rest = own[options.sentences : None if case.valid else -HELD]
                    union = guessed(first, folder, few, rest, options.data == "ewt-upos")
                    sets = [f"data.train={union}" if change.startswith("data.train=") else change for change in sets]
                start = f"{options.data}-frozen-{seed}" if condition == "tuned" else None
                scores, seconds = trained(recipe, name, folder, sets, start)
                found.append(scores["test"][case.metric])
                said = {split: round(scores[split][case.metric], 4) for split in ("valid", "test")}
                print(json.dumps({"condition": condition + options.tag, "seed": seed, **said, "seconds": seconds}), flush=True)  # fmt: skip
            figures.add(f"{options.data}, {condition}: {case.metric}", statistics.mean(found), "share")
    figures.end()


if __name__ == "__main__":
    main()
