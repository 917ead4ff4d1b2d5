"""The work of `seqcli eval` on a language model: a text scored as a whole, or line by line."""

from __future__ import annotations

from seqcli import forms, threads
from seqcli.cli import _filter
from seqcli.cli._options import Given
from seqcli.cli._scoring import report
from seqcli.cli.eval import Asked
from seqcli.errors import UsageError
from seqcli.tasks.language_model.predict import Generator
from seqcli.tasks.language_model.score import Lines

ONCE = ("window", "json", "metric", "split")  # options of a text that is scored as a whole
BATCH = 64  # lines scored together


def run(asked: Asked, predictor: Generator, given: Given) -> None:
    """Score FILES or a split, and print."""
    window, wanted = asked.contexts.window, asked.contexts.threads
    if asked.per_line.asked and (flags := given.flags(ONCE)):
        raise UsageError(f"--per-line scores each line by itself: it does not go with {flags[0]}")
    if not window or wanted is not None:  # one stream is probed; windows are tiles, which one thread multiplies best
        threads.choose_for(predictor.model, wanted)
    if not asked.per_line.asked:
        report(asked, predictor, given, window=window)
        return
    lines, files = Lines(predictor.model, predictor.tokenizer, files=predictor.files), asked.files or ["-"]
    write = forms.form("text", asked.per_line.jsonl, None, forms.Costs())
    _filter.run(files, lines.reader(), lines, None, write, batch_size=BATCH, how=asked.per_line.how, what="scoring")
