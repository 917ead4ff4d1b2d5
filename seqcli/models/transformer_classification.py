"""Transformer classifier: words look at each other, pooled into one vector, a softmax over labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from seqcli.models import classifier
from seqcli.models._attending import Attending, Keys

TASK = "classification"
VERBS = ("classify", "eval", "embed")
TRAINED = "gradient"
FRAMES = True  # it reads them too
OF_TEXT = classifier.OF_TEXT


class Config(classifier.BaseConfig, Keys):
    """Recipe keys of `model` for a transformer as a classifier."""

    kind: Literal["transformer-classification"] = "transformer-classification"


@dataclass(frozen=True)
class Model(Attending, classifier.Model):
    """As the recurrent classifier, over outputs of blocks of attention."""

    kind = "transformer-classification"
