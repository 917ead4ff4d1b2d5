"""The work of `seqcli eval` on a model for classification, and on two side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from seqcli import artifact, console, runs, threads
from seqcli.cli._options import Given
from seqcli.cli._printing import show
from seqcli.cli._reading import trained_roles
from seqcli.cli._splits import named_examples
from seqcli.cli.eval import Asked, Reading
from seqcli.cli.scoring import named
from seqcli.errors import SeqcliError, UsageError, did_you_mean
from seqcli.files import sources
from seqcli.formats import ROWS
from seqcli.labelled import Example, Options
from seqcli.streams import Output
from seqcli.tasks.classification.data import check_labels, formats, guess, read_examples, renamed
from seqcli.tasks.classification.predict import Classifier
from seqcli.tasks.classification.score import compare, evaluate, headline, known_or_not, signature


def run(asked: Asked, stored: artifact.Artifact, given: Given) -> None:
    """Score FILES or a split, and print."""
    limit = threads.limit(1)  # noqa: F841  holds as long as it is kept
    unknown = asked.labels.unknown
    if asked.labels.compare and asked.labels.confusion:
        raise UsageError("--confusion is of one model: leave --compare away")
    what, examples = _examples(asked, stored)
    if asked.labels.compare:
        other = runs.open_model(asked.labels.compare[1], "eval")
        if other.header["task"] != "classification":
            raise UsageError(f"{other.path} is a model for {other.header['task']}: --compare takes two classifiers")
        _compare(asked, stored, other, what, examples)
        return
    classifier = Classifier.open(stored)
    with console.progress(f"scoring {what}", len(examples), " texts") as advance:
        report = evaluate(classifier, examples, unknown=unknown, advance=advance)
    if not report.counts["texts"]:
        hint = "--unknown-label skip left every text out" if "texts left out" in report.counts else ""
        raise SeqcliError(f"{what}: nothing to score", hint=hint)
    scoring, model = asked.scoring, stored.path.as_posix()
    show(report, what, model, scoring.metric or (), as_json=scoring.json, confusion=asked.labels.confusion)


def _examples(asked: Asked, stored: artifact.Artifact) -> tuple[str, list[Example]]:
    if not asked.files:
        return named_examples(stored, asked.scoring.split)
    data, reading = stored.header["data"], asked.reading
    paths = sources(asked.files)
    said = {"text": reading.field or reading.text, "label": reading.label, "delimiter": reading.delimiter}
    stated = reading.input or any(v is not None for v in said.values())
    kept = "record" if stated else data["label_from"]
    read = _format(reading, paths, data) if kept == "record" else "text"
    own = {k: v for k, v in data["options"].items() if k != "gold"} if read == data["format"] else {}
    for name in ("label_prefix", "label_until", "label_separator"):
        own[name] = data["options"][name]
    own["multi_label"] = data["multi_label"]
    options = Options(**{**own, **{k: v for k, v in said.items() if v is not None}})
    found = read_examples(
        paths,
        format_name=read,
        options=options,
        encoding=data["encoding"],
        label_from=kept,
        what="reading",
        trained=trained_roles(stored),
    )
    examples = list(renamed(found, data["labels"]))
    if asked.labels.unknown == "skip":
        examples = [example for example in examples if example.labels or data["multi_label"]]
    check_labels(examples, data["multi_label"])
    return named(asked.files), examples


def _format(reading: Reading, paths: Sequence[Any], data: dict[str, Any]) -> str:
    """What is read: as said, as the first file looks, else as the training data was. Raises UsageError for what has
    no labels, or does not go together."""
    known, read = formats(), reading.input or ("jsonl" if reading.field else None)
    trained = data["format"] if data["format"] in known else None  # None: files' names were the labels
    if read is None and "-" not in paths:
        try:
            read = guess(paths[0])
        except UsageError:
            if trained is None:
                raise
    read = read or trained
    if read is None:
        raise UsageError("in which format are the labels?", hint=f"say it with --input: {', '.join(known)}")
    if read not in known:
        raise UsageError(f"--input {read}: not a format with labels", hint=did_you_mean(read, known))
    if reading.field and reading.text:
        raise UsageError("--field and --text both say where the text is: give one")
    if reading.field and read != "jsonl":
        hint = "--text names a column" if read in ROWS else ""
        raise UsageError(f"--field names a key of JSON objects, but {read} is read", hint=hint)
    for flag, value in (("--text", reading.text), ("--label", reading.label), ("--delimiter", reading.delimiter)):
        fits = ROWS if flag == "--delimiter" else (*ROWS, "jsonl")
        if value is not None and read not in fits:
            raise UsageError(
                f"{flag} says how to read {', '.join(fits)}, but {read} is read", hint="--input says what is read"
            )
    return read


def _compare(
    asked: Asked, first: artifact.Artifact, second: artifact.Artifact, what: str, examples: list[Example]
) -> None:
    """Both scores, and their difference with its interval."""
    if asked.labels.unknown == "skip":
        for stored in (first, second):
            examples = known_or_not(Classifier.open(stored), examples, "skip")
    pair = Classifier.open(first), Classifier.open(second)
    if asked.labels.unknown == "error":
        for own in pair:
            known_or_not(own, examples, "error")
    if not examples:
        raise SeqcliError(f"{what}: nothing to score")
    found: dict[str, Any] = {}
    for metric in asked.scoring.metric or [headline(pair[0].multi_label)]:
        a, b, interval = compare(*pair, examples, metric)
        found[metric] = {"first": a, "second": b, **interval._asdict()}
    out = Output()
    names = [stored.path.as_posix() for stored in (first, second)]
    if asked.scoring.json:
        record = {"text": what, "first": names[0], "second": names[1], "metrics": found}
        record |= {"level": 0.95, "signature": signature(examples)}
        out.line(json.dumps(record, ensure_ascii=False, indent=2))
    else:
        out.line(what)
        for metric, row in found.items():
            width = max(map(len, names))
            for name, key in zip(names, ("first", "second"), strict=True):
                out.line(f"  {name:<{width}}  {metric} {row[key]:.4f}")
            out.line(
                f"  difference {row['difference']:+.4f}, 95 % interval {row['low']:+.4f} to {row['high']:+.4f},"
                f" p {row['p_value']:.4f} (paired bootstrap, {row['resamples']:,} resamples)"
            )
        out.line(signature(examples))
    out.flush()
