"""Show a language model in a report: what it writes, and what each token of a text costs it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from seqcli.decoding.sampling import Sampling
from seqcli.errors import SeqcliError
from seqcli.insight.shown import Coloured, Shown
from seqcli.report import Report
from seqcli.streams import Chunk
from seqcli.tasks.language_model.condition import Condition
from seqcli.tasks.language_model.look import surprise
from seqcli.tasks.language_model.predict import Generator, Ready, Settings

READ, WRITTEN, SAMPLES = 1500, 300, 3  # tokens of the text and of each sample; samples


def shown(own: Generator, records: Any) -> tuple[Report | None, Shown]:
    """Return the model's surprise at the beginning of a text and at samples of its own. No report: the scores are in
    the model's file, and scoring a whole text again would take minutes."""
    found = [_coloured(own, records, READ, "validation text")]
    settings = Settings(Sampling(temperature=0.8), WRITTEN, SAMPLES, seed=1, lines=False)
    for head, text in _samples(own, settings):
        try:
            found.append(_coloured(own, [Chunk(text, "<sample>", 1)], WRITTEN, f"{head}, temperature 0.8, seed 1"))
        except SeqcliError:  # the sample is too short
            continue
    return None, Shown(colours="The darker a token, the more nats it costs.", texts=found)


def _samples(own: Generator, settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield the heading and the text of each sample; for a model under a condition, a line for each of the first
    labels."""
    if (condition := Condition.of(own.header)) is None:
        begin = Ready(np.array([own.tokenizer.newline_id or 0]), 0, [])
        yield from ((f"sample {n}", written.text) for n, written in enumerate(own.answer([begin], settings)[0], 1))
        return
    for value in condition.values[:SAMPLES]:
        under = replace(settings, samples=1, condition=value, lines=True)
        written = own.answer([Ready(np.zeros(0, np.int64), 0, [])], under)[0][0]
        yield f"sample, {condition.name} {value}", f"{condition.lead(value)}{written.text}"


def _coloured(own: Generator, chunks: Any, most: int, head: str) -> Coloured:
    seen, nats = surprise(own, chunks, most)
    top = max(float(nats.max()), 1e-9)
    weights = [(a, b, round(float(n) / top, 3)) for (a, b), n in zip(seen.places[1:], nats, strict=True)]
    return Coloured(seen.text, weights, head, f"mean {nats.mean():.3f} nats per token, the darkest {top:.2f}")
