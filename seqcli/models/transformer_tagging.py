"""Transformer tagger: words, with their characters, attend to each other; a CRF or a softmax over labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from seqcli.models import tagger
from seqcli.models._attending import Attending, Keys

TASK = "tagging"
VERBS = ("tag", "eval", "embed")
TRAINED = "gradient"
FRAMES = True  # it can read frames too
OF_TEXT = tagger.OF_TEXT


class Config(tagger.BaseConfig, Keys):
    """Recipe keys of `model` for a transformer tagger."""

    kind: Literal["transformer-tagging"] = "transformer-tagging"


@dataclass(frozen=True)
class Model(Attending, tagger.Model):
    """A tagger like the recurrent one, over the outputs of blocks of attention."""

    kind = "transformer-tagging"
