"""Transformer classifier: words attend to each other, pooled into one vector, a softmax over labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from seqcli.models import classifier
from seqcli.models._attending import Attending, Keys

TASK = "classification"
VERBS = ("classify", "eval", "embed")
TRAINED = "gradient"
FRAMES = True  # it can read frames too
OF_TEXT = classifier.OF_TEXT


class Config(classifier.BaseConfig, Keys):
    """Recipe keys of `model` for a transformer classifier."""

    kind: Literal["transformer-classification"] = "transformer-classification"


@dataclass(frozen=True)
class Model(Attending, classifier.Model):
    """A classifier like the recurrent one, over the outputs of blocks of attention."""

    kind = "transformer-classification"
