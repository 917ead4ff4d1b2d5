"""What is asked of answers to sources, and what they are."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqcli.decoding.beam import Search
from seqcli.decoding.sampling import Sampling
from seqcli.errors import UsageError
from seqcli.insight.leaving import Token
from seqcli.tasks.sequence_to_sequence.demands import Demands
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
    demands: Demands = field(default_factory=Demands)  # what it must hold, or be


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
    unmet: tuple[str, ...] = ()  # what it was asked to hold or to be, and is not: it is withheld


def settings_of(
    own: Search,
    *,
    beam: int | None = None,
    n_best: int = 1,
    length_penalty: float | None = None,
    coverage_penalty: float = 0.0,
    no_repeat: int = 0,
    min_length: int = 0,
    max_tokens: int | None = None,
    replace_unknown: bool = False,
    temperature: float | None = None,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int | None = None,
    attention: bool = False,
    **demanded: Any,
) -> Settings:
    """What is asked for from Python, of a model whose recipe searches by `own`; `demanded` are those of `Demands`.

    Raises UsageError for what does not go together.
    """
    demands, sampling = Demands.of(**demanded), None
    if temperature != 0 and (temperature, top_k, top_p) != (None, None, None):
        sampling = Sampling(1.0 if temperature is None else temperature, top_k, top_p)
        if beam is not None:
            raise UsageError("a beam searches, temperature, top_k and top_p draw: give one kind")
    check_demands(demands, drawn=sampling is not None, replace_unknown=replace_unknown)
    search = Search(
        beam=1 if temperature == 0 and beam is None else beam or own.beam,
        n_best=n_best,
        length_penalty=own.length_penalty if length_penalty is None else length_penalty,
        coverage_penalty=coverage_penalty,
        no_repeat=no_repeat,
        min_length=min_length,
    )
    drawn = secrets.randbelow(1 << 31) if seed is None else seed
    return Settings(search, sampling, 1, drawn, max_tokens, attention, replace_unknown, demands=demands)


def check_demands(demands: Demands, *, drawn: bool, replace_unknown: bool) -> None:
    """Raise UsageError where something is demanded of answers that are got in a way that does not serve it."""
    if drawn and demands.aims:
        raise UsageError(f"{demands.flags[0]}: what an answer must hold is searched for by a beam, not drawn")
    if replace_unknown and (flags := demands.flags):
        raise UsageError(f"--replace-unknown writes what nobody knows before: {flags[0]} does not go with it")
