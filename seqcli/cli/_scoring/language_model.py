"""The work of `seqcli eval` on a language model: score a text as a whole, or line by line."""

from __future__ import annotations

from dataclasses import replace

from seqcli import forms, threads
from seqcli.cli import _filter
from seqcli.cli._options import Given, nothing_to_read
from seqcli.cli._reading import TEXTS
from seqcli.cli._scoring import report
from seqcli.cli.eval import Asked
from seqcli.errors import UsageError
from seqcli.tasks.language_model.mixing import training_ids
from seqcli.tasks.language_model.predict import Generator
from seqcli.tasks.language_model.score import Lines
from seqcli.training import require_torch

RECORDS = ("input", "text", "field", "delimiter")  # options of records that are scored one by one
ONCE = (
    "window",
    "horizon",
    "json",
    "metric",
    "split",
    "dynamic",
    "mix",
    "cache",
)  # options of a text that is scored as a whole
PER_LINE = "--per-line scores each record by itself"
BATCH = 64  # lines scored together


def run(asked: Asked, predictor: Generator, given: Given) -> int | None:
    """Score FILES or a split, and print."""
    if asked.per_line.asked and not asked.files and nothing_to_read():
        return given.help()  # there are no lines to score
    window, wanted = asked.contexts.window, asked.contexts.threads
    if asked.per_line.asked and (flags := given.flags(ONCE)):
        raise UsageError(f"--per-line scores each line by itself: it cannot be combined with {flags[0]}")
    if not window or wanted is not None:  # windows are multiplied in tiles, best by one thread
        threads.choose_for(predictor.model, wanted)
    if not asked.per_line.asked:
        if (flags := given.flags(RECORDS)) and "condition" not in predictor.header["data"]:
            raise UsageError(f"{flags[0]} is for records, but a text is scored as a whole", hint=PER_LINE)
        if asked.contexts.horizon:
            if "forecast" not in predictor.header:
                hint = "train one with: tokenizer: bins"
                raise UsageError(f"--horizon is for models of numbers, but {predictor.path} is not one", hint=hint)
            if window:
                raise UsageError("--horizon continues from the whole text: --window cannot be combined with it")
        if window and (flags := given.flags(("dynamic", "cache"))):
            raise UsageError(f"{flags[0]} reads one stream: --window cannot be combined with it")
        predictor = _learning(asked, predictor) if asked.learning.dynamic else asked.mixed.mixed(predictor)
        report(asked, predictor, given, window=window, horizon=asked.contexts.horizon)
        return None
    said, jsonl, files = asked.reading, asked.per_line.jsonl, asked.files or ["-"]
    read = TEXTS.chosen(files, said.input, said.field, jsonl, given)
    reader = TEXTS.reader(read, said, predictor.header)
    write = forms.form(read, jsonl, reader, forms.Costs())
    own, how = predictor.recast(Lines), asked.per_line.how
    _filter.run(files, reader, own, None, write, batch_size=BATCH, how=how, what="scoring")
    forms.finish(write)
    return None


def _learning(asked: Asked, predictor: Generator) -> Generator:
    """Return the predictor with a model that learns from what it scores, and with the models mixed in."""
    require_torch("--dynamic")
    from seqcli.training.dynamic import Dynamic, Settings

    said = asked.learning
    settings = Settings(said.dynamic_rate, said.dynamic_decay, said.dynamic_segment)
    model = Dynamic(predictor.model, training_ids(predictor), settings)
    own = asked.mixed.mixed(replace(predictor, also=str(settings)), model)
    model.begin()  # fitting the weights has already used the model
    return own if own.model is not predictor.model else replace(own, model=model)
