"""Answers to sources, and the settings that ask for them."""

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
    """How answers are found, and what they should contain."""

    search: Search = field(default_factory=Search)
    sampling: Sampling | None = None  # draw instead of searching
    samples: int = 1
    seed: int = 0
    max_length: int | None = None  # most tokens of an answer; None: by the source's length
    attention: bool = False
    replace_unknown: bool = False  # allow `<unk>`, and write the source token that it attends to
    least: float = 0.0  # withhold answers less likely to be right than this
    explain: bool = False  # add the effect of each source token on the probability of the best answer
    times: bool = False  # add the place of each symbol in the source; for a CTC model
    fusion: Fusion = field(default_factory=Fusion)  # a language model beside a CTC model
    demands: Demands = field(default_factory=Demands)  # what an answer must hold or be


@dataclass(frozen=True)
class Answer:
    """An answer found for a source."""

    text: str
    symbols: list[str]  # its tokens in readable form
    logprob: float  # nats, with EOS if it was reached
    score: float  # by which answers are ranked
    finished: bool
    confidence: float = 1.0  # the probability that it is right
    withheld: bool = False  # because confidence is less than asked for, or a demand is not met
    logprobs: list[float] = field(default_factory=list)  # of each token, EOS last
    attention: np.ndarray | None = None  # (T + 1, S)
    source_symbols: list[str] = field(
        default_factory=list
    )  # the symbols of those S positions, if attention is asked for
    explained: list[Token] | None = None
    times: list[Time] | None = None
    unmet: tuple[str, ...] = ()  # the demands that it does not meet: then it is withheld


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
    """Return settings given from Python, for a model whose recipe searches by `own`; `demanded` are those of
    `Demands`.

    Raises UsageError for options that contradict each other.
    """
    demands, sampling = Demands.of(**demanded), None
    if temperature != 0 and (temperature, top_k, top_p) != (None, None, None):
        sampling = Sampling(1.0 if temperature is None else temperature, top_k, top_p)
        if beam is not None:
            raise UsageError("beam searches, but temperature, top_k and top_p draw: give only one kind")
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
    """Raise UsageError if demands cannot be met by the way in which answers are found."""
    if drawn and demands.aims:
        raise UsageError(f"{demands.flags[0]}: what an answer must hold is found by a beam, not by drawing")
    if replace_unknown and (flags := demands.flags):
        raise UsageError(f"--replace-unknown writes words that cannot be checked: {flags[0]} does not apply")
