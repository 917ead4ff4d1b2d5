"""What a report shows of a language model: what it writes, and what each token of a text costs it."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqcli.decoding.sampling import Sampling
from seqcli.errors import SeqcliError
from seqcli.insight.shown import Coloured, Shown
from seqcli.report import Report
from seqcli.streams import Chunk
from seqcli.tasks.language_model.look import surprise
from seqcli.tasks.language_model.predict import Generator, Ready, Settings

READ, WRITTEN, SAMPLES = 1500, 300, 3  # tokens of the text and of each sample; samples


def shown(own: Generator, records: Any) -> tuple[Report | None, Shown]:
    """Its surprise at the beginning of a text, and at samples of its own. Scores are those of its file: to score a
    whole text again would take minutes."""
    found = [_coloured(own, records, READ, "validation text")]
    settings = Settings(Sampling(temperature=0.8), WRITTEN, SAMPLES, seed=1, lines=False)
    begin = np.array([own.tokenizer.newline_id or 0])
    for number, written in enumerate(own.answer([Ready(begin, 0, [])], settings)[0], 1):
        try:
            chunk = Chunk(written.text, "<sample>", 1)
            found.append(_coloured(own, [chunk], WRITTEN, f"sample {number}, temperature 0.8, seed 1"))
        except SeqcliError:  # too short a sample says nothing
            continue
    return None, Shown(colours="what each token costs: the darker, the more nats", texts=found)


def _coloured(own: Generator, chunks: Any, most: int, head: str) -> Coloured:
    seen, nats = surprise(own, chunks, most)
    top = max(float(nats.max()), 1e-9)
    weights = [(a, b, round(float(n) / top, 3)) for (a, b), n in zip(seen.places[1:], nats, strict=True)]
    return Coloured(seen.text, weights, head, f"mean {nats.mean():.3f} nats a token, the darkest {top:.2f}")
