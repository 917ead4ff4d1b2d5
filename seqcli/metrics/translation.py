"""BLEU, chrF and TER of whole texts, as sacrebleu computes them, so that numbers are comparable with published ones.

They compare texts as people write them, so pass whole, detokenized texts, not the tokens of a model: `tokenize` is
sacrebleu's tokenization of them for BLEU (chrF reads characters, TER words at white space). Each number belongs with
its signature, which states all settings; two numbers are comparable if their signatures are the same.

- BLEU (Papineni et al. 2002): n-grams up to 4, smoothing `exp` for counts of zero.
- chrF (Popović 2015; beta 2 as of 2016): character n-grams up to 6, without white space.
- TER (Snover et al. 2006): edits and shifts of words over reference words; case is ignored, which is the default of
  tercom and of sacrebleu, whatever `lowercase` says.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from itertools import zip_longest
from typing import Any, ClassVar, Self

import numpy as np

from seqcli import console
from seqcli.errors import UsageError, did_you_mean
from seqcli.metrics import BaseMetric, Offer, check

USUAL = ("bleu", "chrf")  # TER takes seconds for a thousand sentences: only if it is asked for
TOKENIZED = 100  # this many answers that end in " ." look tokenized: sacrebleu's own limit


@dataclass
class Metric(BaseMetric):
    """Collects answers and references. `tokenize` is sacrebleu's tokenization for BLEU (`13a`, `none`, `char`,
    `intl`, `zh`, `ja-mecab` ...), `lowercase` is for BLEU and chrF, `wanted` names some of OFFERS.

    Raises UsageError if sacrebleu, or what the tokenization needs, is missing, or if a name is unknown.
    """

    OFFERS: ClassVar = {
        "bleu": Offer(
            "of 100", True, "BLEU of all records together, by sacrebleu: n-grams up to 4 that references have"
        ),
        "chrf": Offer("of 100", True, "chrF2 of all records together, by sacrebleu: F of character n-grams up to 6"),
        "ter": Offer(
            "of 100", False, "translation edit rate, by sacrebleu: edits and shifts of words per 100 of the reference"
        ),
    }

    tokenize: str = "13a"
    lowercase: bool = False
    wanted: Sequence[str] = USUAL
    _predicted: list[str] = field(default_factory=list)
    _gold: list[list[str]] = field(default_factory=list)
    _values: dict[str, float] | None = None  # of what was added so far

    @classmethod
    def of(cls, wanted: Sequence[str] = (), alone: bool = False, **setting: Any) -> Self | None:
        """Return a metric of the usual scores and its own ones in `wanted`, or, with `alone`, of the latter only."""
        names = [name for name in dict.fromkeys([*(() if alone else USUAL), *wanted]) if name in cls.OFFERS]
        return super().of(wanted=names, **setting) if names else None

    def __post_init__(self) -> None:
        for name in self.wanted:
            check(name, self.OFFERS)
        _require()
        _check(self.tokenize)
        self._scorers = {name: self._scorer(name) for name in self.wanted}

    def _scorer(self, name: str) -> Any:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF
        from sacrebleu.metrics.ter import TER

        if name == "chrf":
            return CHRF(lowercase=self.lowercase)
        if name == "ter":
            return TER()
        try:
            with _quiet():
                # `force` suppresses its warning about tokenized text: `result` gives our own
                return BLEU(lowercase=self.lowercase, tokenize=self.tokenize, force=True)
        except (Exception, SystemExit) as error:  # a missing package or model raises anything, even an exit
            why = " ".join(str(error).split()) if isinstance(error, Exception) else "its model cannot be downloaded"
            raise UsageError(
                f"sacrebleu's tokenization {self.tokenize!r} cannot be used: {why}", hint=_needs(self.tokenize)
            ) from None

    @property
    def count(self) -> int:
        """N, the number of records."""
        return len(self._predicted)

    def update(self, predicted: str, gold: str | Sequence[str]) -> None:
        """Add a record: the answer, and its reference or references; records may have different numbers of them.

        Raises ValueError for a record without a reference.
        """
        references = [gold] if isinstance(gold, str) else list(gold)
        if not references:
            raise ValueError("a record without a reference")
        self._predicted.append(predicted)
        self._gold.append(references)
        self._values = None

    def result(self) -> dict[str, float]:
        """Return the wanted scores, in sacrebleu's 0 .. 100 (TER may exceed it); none before the first record."""
        if not self._predicted:
            return {}
        if self._values is None:
            if "bleu" in self._scorers and self.tokenize != "none":
                self._look_tokenized()
            streams = list(zip_longest(*self._gold))  # the first reference of each record, the second ...; None: none
            with _quiet():
                self._values = {
                    name: float(scorer.corpus_score(self._predicted, streams).score)
                    for name, scorer in self._scorers.items()
                }
        return dict(self._values)

    def contributions(self, name: str, predicted: Sequence[str], gold: Sequence[str | Sequence[str]]) -> np.ndarray:
        """Return what each record adds to a wanted metric: sacrebleu's own counts, (N, C)."""
        references = [[g] if isinstance(g, str) else list(g) for g in gold]
        with _quiet():
            return np.array(
                self._scorers[name]._extract_corpus_statistics(predicted, list(zip_longest(*references))), float
            )

    def of_sums(self, name: str, sums: np.ndarray) -> np.ndarray:
        """Return a wanted metric from sums (R, C) of `contributions`: (R,)."""
        score = self._scorers[name]._compute_score_from_stats
        return np.array([score(row).score for row in sums.tolist()])

    def signatures(self) -> dict[str, str]:
        """Return sacrebleu's signature of each number: references, case, tokenization, smoothing, version."""
        return {name: str(self._scorers[name].get_signature()) for name in self.result()}

    def _look_tokenized(self) -> None:
        if sum(text.endswith(" .") for text in self._predicted) >= TOKENIZED:
            _warn_once(
                "many answers end in ' .': they look tokenized, and BLEU of tokenized text cannot be compared with "
                "BLEU of plain text; detokenize answers and references, or choose the tokenization none"
            )


def _require() -> None:
    """Import sacrebleu. Raises UsageError with the command that installs it if it is missing or broken."""
    try:
        import_module("sacrebleu")
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == "sacrebleu"
        why = "which is not installed (everything else works without it)" if missing else f"which fails: {error}"
        raise UsageError(f"BLEU, chrF and TER need sacrebleu, {why}", hint="pip install 'seqcli[metrics]'") from None


def _check(tokenize: str) -> None:
    """Raise UsageError, with a suggestion, for a tokenization that sacrebleu does not have."""
    from sacrebleu.metrics.bleu import BLEU

    known = list(BLEU.TOKENIZERS)
    if tokenize not in known:
        raise UsageError(f"sacrebleu has no tokenization {tokenize!r}", hint=did_you_mean(tokenize, known))


def _needs(tokenize: str) -> str:
    extra = {"ja-mecab": "ja", "ko-mecab": "ko"}.get(tokenize)
    if extra:
        return f"pip install 'sacrebleu[{extra}]'"
    return "it downloads a SentencePiece model when it is first used; 13a, intl, char, zh and none need nothing"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep sacrebleu's log and warnings off stderr."""
    logger = logging.getLogger("sacrebleu")
    before, logger.disabled = logger.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = before


@cache
def _warn_once(text: str) -> None:
    """Warn once in a run, which measures after every epoch."""
    console.warn(text)
