"""Answering sources with a trained model from one sequence to another: text in, the best texts out.

No answer depends, to the last bit, on what is answered beside it, so that a filter may take as many as there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from seqcli import models
from seqcli.artifact import Artifact
from seqcli.decoding.beam import Hypothesis, Search, search
from seqcli.decoding.ensemble import Ensemble
from seqcli.decoding.sampling import Sampling
from seqcli.decoding.transduce import sample
from seqcli.errors import UsageError
from seqcli.parallel import Pair
from seqcli.tasks.sequence_to_sequence.sides import Sides

SPARE = 10  # tokens that an answer may always have beyond its share of the source


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


@dataclass(frozen=True)
class Answer:
    """A text that was found for a source."""

    text: str
    symbols: list[str]  # its tokens, as a person can read them
    logprob: float  # nats, EOS counted where it was reached
    score: float  # by which answers are ranked
    finished: bool
    logprobs: list[float] = field(default_factory=list)  # of each token, EOS last
    attention: np.ndarray | None = None  # (T + 1, S)
    source_symbols: list[str] = field(
        default_factory=list
    )  # what those S positions are, where attention is asked for


class _Copying:
    """A copying model, bound to what some sources show."""

    def __init__(self, model: Any, copies: Sequence[np.ndarray], unknown: int):
        self._model, self._copies, self._unknown = model, copies, unknown

    def start(self, sources: Sequence[np.ndarray]) -> tuple[Any, Any]:
        """As the model's, which is told what can be copied."""
        return self._model.start(sources, self._copies, self._unknown)

    def step(self, ids: np.ndarray, memory: Any, state: Any) -> tuple[np.ndarray, Any, np.ndarray | None]:
        """As the model's."""
        return self._model.step(ids, memory, state)


@dataclass(frozen=True)
class Translator:
    """A model with all that turns its scores into texts."""

    model: Any
    sides: Sides
    ratio: float  # an answer has at most so many tokens a token of its source, and SPARE
    search: Search = field(default_factory=Search)  # what the model's recipe asks for

    @classmethod
    def open(cls, stored: Artifact, others: Sequence[Artifact] = ()) -> Translator:
        """The translator of a model's file; with others, of all together. Raises UsageError where they do not fit."""
        first, config = cls._one(stored), stored.header["model"]
        own = replace(first, search=Search(beam=config["beam"], length_penalty=config["length_penalty"]))
        if not others:
            return own
        members = [first]
        for other in others:
            member = cls._one(other)
            for side, theirs in (("source", member.sides.source), ("target", member.sides.target)):
                if theirs.fingerprint() != getattr(first.sides, side).fingerprint():
                    raise UsageError(
                        f"{other.path} and {stored.path} have other tokenizers of the {side} side",
                        hint="an ensemble is of models trained on the same data with the same tokenizers",
                    )
            members.append(member)
        if any(m.copies for m in members):
            raise UsageError("a model that copies does not go into an ensemble", hint="name it alone")
        ratio = max(m.ratio for m in members)
        return replace(own, model=Ensemble([m.model for m in members]), ratio=ratio)

    @classmethod
    def _one(cls, stored: Artifact) -> Translator:
        sides = Sides.of(stored)
        return cls(models.restore(stored, sides.sizes), sides, stored.header["data"]["answer_ratio"])

    @property
    def copies(self) -> bool:
        """Whether the model can copy what the vocabulary lacks."""
        return getattr(self.model, "copy_weight", None) is not None

    def limit(self, source: np.ndarray) -> int:
        """The most tokens of an answer to a source (S,)."""
        return int(self.ratio * len(source)) + SPARE

    def read(self, pairs: Sequence[Pair]) -> tuple[list[np.ndarray], list[np.ndarray] | None, list[list[str]]]:
        """The ids of sources; of a copying model what can be copied of each, and what of it the target side lacks."""
        sources = [self.sides.source_ids(p.text) for p in pairs]
        if not self.copies:
            return sources, None, [[] for _ in pairs]
        copied = [self.sides.copies(p.text) for p in pairs]
        return sources, [ids for ids, _ in copied], [extra for _, extra in copied]

    def unknown(self, pair: Pair) -> list[tuple[int, str]]:
        """The tokens of a source that its side has no symbol for: (number, text). A model that copies lacks none."""
        unk = self.sides.source.unk_id
        if unk is None or self.copies:
            return []
        places = np.flatnonzero(self.sides.source_ids(pair.text) == unk).tolist()
        texts = self.sides.source_texts(pair.text) if places else []
        return [(i, texts[i]) for i in places]

    def answer(self, pairs: Sequence[Pair], settings: Settings) -> list[list[Answer]]:
        """Answers to each pair's source, the best first; that to a blank source is an empty text."""
        filled = [i for i, pair in enumerate(pairs) if pair.text.strip() or pair.prefix]
        found: list[list[Answer]] = [[_EMPTY] * self._count(settings) for _ in pairs]
        if not filled:
            return found
        chosen = [pairs[i] for i in filled]
        sources, copies, extras = self.read(chosen)
        model = self.model if copies is None else _Copying(self.model, copies, self.sides.unknown)
        begun = [self.sides.prefix(p.prefix or "", extra) for p, extra in zip(chosen, extras, strict=True)]
        decoded = self._decode(model, chosen, sources, [ids for ids, _ in begun], settings)
        for i, extra, (_, shown), hypotheses in zip(filled, extras, begun, decoded, strict=True):
            found[i] = [self._answer(pairs[i], extra, shown, h, settings) for h in hypotheses]
        return found

    @staticmethod
    def _count(settings: Settings) -> int:
        return settings.samples if settings.sampling else settings.search.n_best

    def _decode(
        self,
        model: Any,
        pairs: Sequence[Pair],
        sources: list[np.ndarray],
        prefixes: list[list[int]],
        settings: Settings,
    ) -> list[list[Hypothesis]]:
        sides, s = self.sides, settings
        banned = tuple(i for i in sides.banned if not (s.replace_unknown and i == sides.target.unk_id))
        least = s.search.min_length + 1  # EOS
        if s.max_length is not None and s.max_length < least - 1:
            raise UsageError(f"--max-tokens {s.max_length} is less than --min-length {least - 1}")
        given: dict[str, Any] = {
            "bos": sides.bos,
            "eos": sides.eos,
            "limits": [max(self.limit(x), least) if s.max_length is None else s.max_length for x in sources],
            "prefixes": prefixes,
            "banned": banned,
            "attention": s.attention or s.replace_unknown,
        }
        if s.sampling is None:
            return search(model, sources, s.search, **given)
        rngs = [np.random.default_rng([s.seed, p.record, n]) for p in pairs for n in range(s.samples)]
        return sample(
            model,
            sources,
            s.sampling,
            rngs,
            samples=s.samples,
            min_length=s.search.min_length,
            no_repeat=s.search.no_repeat,
            **given,
        )

    def _answer(
        self, pair: Pair, extra: list[str], begun: list[str], found: Hypothesis, settings: Settings
    ) -> Answer:
        """A hypothesis as text; `begun` is what the tokens of a prefix are shown as, where some are unknown."""
        ids, sides = list(found.ids), self.sides
        extra = list(extra)
        for t, shown in enumerate(begun):
            if ids[t] == sides.target.unk_id:
                ids[t] = sides.sizes.target + len(extra)
                extra.append(shown)
        if settings.replace_unknown and sides.target.unk_id in ids:
            shown, attention = sides.source_texts(pair.text), found.attention
            if attention is None:
                raise UsageError("--replace-unknown shows what an answer looks at: this model has no attention")
            for t, id in enumerate(ids):
                if id == sides.target.unk_id:
                    at = int(attention[t][: max(len(shown), 1)].argmax())  # EOS is no word
                    ids[t] = sides.sizes.target + len(extra)
                    extra.append(shown[at] if shown else "")
        return Answer(
            sides.text(ids, extra),
            sides.target_symbols(ids, extra),
            found.logprob,
            found.score,
            found.finished,
            [float(x) for x in found.logprobs],
            found.attention if settings.attention else None,
            sides.source_symbols(pair.text) if settings.attention else [],
        )


_EMPTY = Answer("", [], 0.0, 0.0, True)
