"""What is asked of answers to sources, and what they are."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from seqcli.decoding.beam import Search
from seqcli.decoding.sampling import Sampling
from seqcli.insight.leaving import Token
from seqcli.tasks.sequence_to_sequence.transcribing import Fusion, Time


@dataclass(frozen=True)
class Settings:
    """What is asked of an answer."""

    search: Search = field(default_factory=Search)
    sampling: Sampling | None = None  # draw instead of searching
    samples: int = 1
    seed: int = 0
    max_length: int | None = None  # tokens of an answer; None: by the source's length
    attention: bool = False
    replace_unknown: bool = False  # `<unk>` is allowed, and shown as what it looks at
    least: float = 0.0  # an answer that is right less probably is withheld
    explain: bool = False  # what each token of the source does to the probability of the best answer
    times: bool = False  # where each symbol is in the source; of a CTC model
    fusion: Fusion = field(default_factory=Fusion)  # a language model beside a CTC model


@dataclass(frozen=True)
class Answer:
    """A text that was found for a source."""

    text: str
    symbols: list[str]  # its tokens, as a person can read them
    logprob: float  # nats, EOS counted where it was reached
    score: float  # by which answers are ranked
    finished: bool
    confidence: float = 1.0  # the probability that it is right
    withheld: bool = False  # for that is less than was asked for
    logprobs: list[float] = field(default_factory=list)  # of each token, EOS last
    attention: np.ndarray | None = None  # (T + 1, S)
    source_symbols: list[str] = field(
        default_factory=list
    )  # what those S positions are, where attention is asked for
    explained: list[Token] | None = None
    times: list[Time] | None = None
