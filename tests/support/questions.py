"""Questions with labels, and the hashed linear model fitted to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqcli.datasets.vocabulary import Vocabulary
from seqcli.models.ngram_linear import Config, Model


@dataclass
class Line:
    text: str


def lines(*texts: str) -> list[Line]:
    return [Line(text) for text in texts]


def labelled(count: int) -> Vocabulary:
    return Vocabulary([], [], {}, [str(k) for k in range(count)])


TEXTS = [
    ("What is the capital of Peru ?", 2),
    ("Where is Lima ?", 2),
    ("Where do llamas live ?", 2),
    ("Who wrote Faust ?", 0),
    ("Who was the first man on the moon ?", 0),
    ("What man painted Guernica ?", 0),
    ("How many llamas are there ?", 1),
    ("How far is the moon ?", 1),
    ("What is the number of the beast ?", 1),
    ("", 1),
]


def toy(labels: int = 3, config: Config | None = None, **more: object) -> Model:
    targets = np.array([label % labels for _, label in TEXTS])
    examples = lines(*(text for text, _ in TEXTS))
    return Model.fit(examples, targets, labelled(labels), config or Config(), **more)  # type: ignore[arg-type]
