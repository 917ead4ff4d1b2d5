"""The work of `seqcli rescore`: take, read or fit weights, and rank lists by them."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqcli import artifact, console, metrics, nbest, streams, threads
from seqcli.cli import _filter
from seqcli.cli._options import Filtering
from seqcli.decoding import rescoring
from seqcli.errors import SeqcliError, UsageError
from seqcli.files import sources
from seqcli.nbest import OWN, Best
from seqcli.records.lines import read_lines
from seqcli.tasks.language_model.rescore import Rescorer

if TYPE_CHECKING:
    from seqcli.cli.rescore import Lists, Weighing

BATCH = 64  # default number of lists answered together
FAMILIES = ("translation", "sequences")  # families of metrics that are functions of sums over records


@dataclass(frozen=True)
class Asked:
    """The options of the command line."""

    files: list[str]
    lists: Lists
    weighing: Weighing
    how: Filtering


def run(asked: Asked, stored: artifact.Artifact) -> None:
    """Fit weights and rank lists. Raises SeqcliError."""
    limit = threads.limit(asked.how.threads or 1)  # noqa: F841  in force while it is referenced
    own, weighing = Rescorer.open(stored), asked.weighing
    if weighing.dev:
        weights = _fitted(asked, own)
    elif weighing.weights:
        weights = _read(Path(weighing.weights), stored.path)
    else:
        weights = dict(map(_said, weighing.weight or ()))
    if not asked.files:
        return
    reader, write = nbest.reader(asked.lists.input), Ranked(weights, asked.lists.n_best)
    how, size = asked.how, asked.how.batch_size or BATCH
    _filter.run(asked.files, reader, own, None, write, batch_size=size, how=how, what="rescoring")


@dataclass
class Ranked:
    """Writes the best answer of each list, or the rows of the N best."""

    weights: dict[str, float]
    n_best: int | None
    begun: bool = False

    def __call__(self, record: Best, costs: np.ndarray) -> str:
        if not record.hypotheses:
            return nbest.object_again(record, [], False)
        names = [name for name in self.weights if name not in OWN]
        features = features_of(record, record.chosen(names), costs)
        own = [self.weights[name] for name in names] + [self.weights.get(name, 0.0) for name in OWN]
        order, total = rescoring.ranked(features, own)
        found = [
            nbest.Found(record.hypotheses[i], float(costs[i, 0]), int(costs[i, 1]), t)
            for i, t in zip(order[: self.n_best or 1].tolist(), total.tolist(), strict=False)
        ]
        if record.form == "jsonl":
            return nbest.object_again(record, found, self.n_best is not None)
        if self.n_best is None:
            return f"{found[0].of.text}\n"
        head, self.begun = "" if self.begun else nbest.head_again(record), True
        return head + nbest.rows_again(record, found)


def features_of(record: Best, chosen: Sequence[int], costs: np.ndarray) -> np.ndarray:
    """Return the features (K, F) of K answers: the chosen scores, then those of OWN."""
    scores = np.array([one.scores for one in record.hypotheses]).reshape(len(record.hypotheses), -1)
    return np.concatenate([scores[:, list(chosen)], costs], axis=1)


# weights


def _said(text: str) -> tuple[str, float]:
    """Parse a weight given by a flag. Raises UsageError."""
    name, _, number = text.rpartition("=")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not name or not math.isfinite(value):
        raise UsageError(f"--weight {text}: expected NAME=NUMBER, as in lm=0.5")
    return name, value


def _read(path: Path, model: Path) -> dict[str, float]:
    """Read the weights of a file; warn if they were fitted with another model. Raises SeqcliError."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        weights = {str(name): float(value) for name, value in found["weights"].items()}
        if not all(map(math.isfinite, weights.values())):
            raise ValueError("a weight is not finite")
    except OSError as error:
        raise SeqcliError(
            f"cannot read {path}: {error.strerror}", hint="--dev fits weights and writes them"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SeqcliError(f"{path}: not a file of weights ({error})", hint="--dev writes one") from None
    if found.get("model") not in (None, _digest(model)):
        console.warn(f"{path}: its weights were fitted with another language model than {model}")
    return weights


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _fitted(asked: Asked, own: Rescorer) -> dict[str, float]:
    """Fit weights on the lists of --dev, print them, and write them to the file of --weights."""
    said = asked.weighing
    dev = str(said.dev)
    metric = metrics.summed(said.metric, FAMILIES, tokenize=said.tokenize)
    sign = 1.0 if metrics.offers(FAMILIES)[said.metric].more_is_better else -1.0
    found = list(_scored(asked, own, dev))
    gold = _references(said.reference or (), dev, len(found))
    if empty := next((record for record, _ in found if not record.hypotheses), None):
        raise SeqcliError(f"{empty.place()}: a list without answers cannot be fitted on")
    if not found:
        raise SeqcliError(f"{dev}: no lists to fit the weights on")
    first = found[0][0]
    chosen = first.chosen(said.score)
    names = [*(first.names[i] for i in chosen), *OWN]
    texts = [text for record, _ in found for text in record.texts]
    every = [right for (record, _), right in zip(found, gold, strict=True) for _ in record.hypotheses]
    counts = np.split(
        metric.contributions(said.metric, texts, every), np.cumsum([len(r.texts) for r, _ in found])[:-1]
    )
    made = [
        (features_of(record, record.chosen([first.names[i] for i in chosen]), costs), own_counts)
        for (record, costs), own_counts in zip(found, counts, strict=True)
    ]
    lists = rescoring.Lists.of(made, lambda sums: sign * metric.of_sums(said.metric, sums))
    best = rescoring.fit(lists, [*(1.0 for _ in chosen), *(0.0 for _ in OWN)], said.seed)
    weights = dict(zip(names, best.weights, strict=True))
    before, after = sign * lists.value([0.0] * len(names)), sign * best.value
    flags = " ".join(f"--weight {name}={value:g}" for name, value in weights.items())
    console.say(f"{said.metric} of {len(found):,} lists: {before:.4f} for first answers, {after:.4f} with {flags}")
    if said.weights:
        record = {"weights": weights, "metric": said.metric, "first": before, "fitted": after, "lists": len(found)}
        record |= {"seed": said.seed, "model": _digest(own.path)}
        artifact.put(Path(said.weights), (json.dumps(record, ensure_ascii=False, indent=2) + "\n").encode())
    return weights


def _scored(asked: Asked, own: Rescorer, path: str) -> Iterator[tuple[Best, np.ndarray]]:
    """Yield the lists of a file, with the language model's scores of their answers."""
    reader = nbest.reader(asked.lists.input)
    with console.progress("scoring lists", None, " lists") as advance:
        for chunk in streams.read_text(sources([path]), end_lines=True):
            for record in reader.feed(chunk):
                yield record, own.answer([own.made_ready(record)], None)[0]
                advance(1)
        for record in reader.close():
            yield record, own.answer([own.made_ready(record)], None)[0]


def _references(paths: Sequence[str], dev: str, lists: int) -> list[list[str]]:
    """Return the right answers of each list. Raises SeqcliError if a file has a different number of lines."""
    files = [(path, read_lines(Path(path), "utf-8")) for path in map(str, sources(paths))]
    for path, lines in files:
        if len(lines) != lists:
            raise SeqcliError(
                f"{dev} has {lists:,} lists, {path} has {len(lines):,} lines: each list needs its right answer",
                hint="the rows of a list are consecutive and share one id",
            )
    return [list(right) for right in zip(*(lines for _, lines in files), strict=True)]
