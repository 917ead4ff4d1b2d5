"""The work of `seqcli eval` on a language model: a text scored as a whole, or line by line."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from seqcli import artifact, console, models, registry, streams, threads, tokenizers
from seqcli.cli import _filter, _forms
from seqcli.cli._options import Given
from seqcli.cli._printing import show
from seqcli.cli._splits import check_unchanged, choose, recipe_of
from seqcli.cli.eval import Asked
from seqcli.cli.scoring import named
from seqcli.datasets import parts
from seqcli.errors import SeqcliError, UsageError
from seqcli.files import sources
from seqcli.labelled import Example, Options
from seqcli.streams import Chunk
from seqcli.tasks.language_model.score import LineScore, evaluate, score_line


def run(asked: Asked, stored: artifact.Artifact, given: Given) -> None:
    """Score FILES or a split, and print."""
    window, wanted = asked.contexts.window, asked.contexts.threads
    if asked.per_line.asked and (flags := given.flags(("window", "json", "metric", "split"))):
        raise UsageError(f"--per-line scores each line by itself: it does not go with {flags[0]}")
    model, tokenizer = models.restore(stored, stored.header["vocabulary"]), tokenizers.from_artifact(stored)
    if not window or wanted is not None:  # one stream is probed; windows are tiles, which one thread multiplies best
        threads.choose_for(model, wanted)
    if asked.per_line.asked:
        _per_line(asked, stored, Work(model, tokenizer))
        return
    chunks, what = _text(asked, stored)
    with console.progress(f"scoring {what}", None, " tokens") as advance:
        report = evaluate(model, tokenizer, chunks, window=window, advance=advance)
    if not report.counts["tokens"]:
        raise SeqcliError(f"{what}: nothing to score; a text needs at least two tokens")
    show(report, what, stored.path.as_posix(), asked.scoring.metric or (), as_json=asked.scoring.json)


def _text(asked: Asked, stored: artifact.Artifact) -> tuple[Iterable[Chunk], str]:
    """The text to score, and a name for it."""
    if asked.files:
        chunks = streams.read_text(sources(asked.files), cut_long_lines=True, end_lines=True)
        return streams.without_marks(chunks), named(asked.files)
    from seqcli.tasks.language_model.data import open_corpus

    recipe = recipe_of(stored)
    corpus = open_corpus(recipe.data, recipe.base)
    split = choose(asked.scoring.split, list(corpus.splits))
    check_unchanged(stored, split, corpus.digests[split])
    return parts.chunks(corpus.splits[split], corpus.encoding), f"{corpus.name} {split}"


# line by line


def _per_line(asked: Asked, stored: artifact.Artifact, work: Work) -> None:
    """nats TAB tokens for each line, flushed whenever the input pauses."""
    reader = registry.load("labelled", "text").Reader(Options(gold=False))
    write = _forms.form("text", asked.per_line.jsonl, reader, Writer())
    how, files = asked.per_line.how, asked.files or ["-"]
    _filter.run(files, reader, work, write, model=stored.path, batch_size=64, how=how, what="scoring")


@dataclass
class Work(_filter.Work):
    """What scores lines."""

    model: Any
    tokenizer: tokenizers.BaseTokenizer

    def ready(self, record: Example) -> tuple[np.ndarray, list[tuple[int, str]]]:
        """A line's ids, and what it holds that the model has no symbol for."""
        return tokenizers.read(self.tokenizer, record.text)

    def lacking(self, record: tuple[np.ndarray, list[tuple[int, str]]]) -> Sequence[tuple[int, str]]:
        """That."""
        return record[1]

    def where(self, record: Any, number: int) -> int:
        """Its offset is its number."""
        return number

    def answer(self, records: list[tuple[np.ndarray, list[tuple[int, str]]]]) -> list[LineScore]:
        """Each line's score; infinite where it holds what the model cannot give, not even as `<unk>`."""
        found = []
        for ids, lacking in records:
            score = score_line(self.model, self.tokenizer, ids)
            impossible = lacking and self.tokenizer.unk_id is None
            found.append(LineScore(math.inf, score.tokens) if impossible else score)
        return found


class Writer(_forms.Writer):
    """Scores as they are written."""

    key: ClassVar[str] = "text"

    def line(self, record: Example, answer: LineScore) -> str:
        """nats TAB tokens."""
        return f"{answer.nll:.4f}\t{answer.tokens}\n"

    def results(self, record: Example, answer: LineScore) -> list[dict[str, Any]]:
        """What stands under `seqcli`; JSON has no number for what is infinite."""
        logprob = round(-answer.nll, 6) if math.isfinite(answer.nll) else None
        return [{"logprob": logprob, "tokens": answer.tokens}]
