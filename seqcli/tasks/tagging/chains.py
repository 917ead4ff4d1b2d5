"""Score a tagger's labels as chains: emissions, allowed tags, best paths; `predict.py` has the probabilities.

Sentences are processed in groups of similar length. No answer depends on its group, to the last bit, so that a filter
may use groups of any size.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np

from seqcli.datasets.vocabulary import Vocabulary
from seqcli.decoding.chain import Chain
from seqcli.errors import SeqcliError, did_you_mean
from seqcli.frames import Frames, named
from seqcli.layers.blank import Blank
from seqcli.layers.crf import CRF
from seqcli.models import TaggingModel
from seqcli.predictor import BasePredictor, HasTargets
from seqcli.records import Sentence, is_open
from seqcli.tasks.tagging.labels import Edits, Labels
from seqcli.tasks.tagging.partial import InPart, Meaning
from seqcli.tasks.tagging.raw import Words

GROUP = 8192  # words, padding included, processed at once; a single sentence may be longer
LONG = 256  # sentences of so many words are grouped WIDER times larger, for a sufficient batch at each step
WIDER = 3

Allowed = Sequence[Sequence[str] | None]  # the tags that each word may have; None or empty: any


@dataclass(frozen=True, repr=False)
class Scored(HasTargets, BasePredictor):
    """A tagging model with everything that turns its scores into probabilities."""

    model: TaggingModel
    vocabulary: Vocabulary
    scheme: str | None  # in which tags are written; the model's own labels may use another
    temperature: float = 1.0
    words: Words = field(default_factory=lambda: Words(None, {}))
    frames: Frames | None = None  # of a model that reads vectors instead of words
    schemes: Mapping[str, str | None] = field(default_factory=dict)  # of further targets
    temperatures: Mapping[str, float] = field(default_factory=dict)
    target: str = ""  # which of a model's several targets this is
    partial: bool = False  # whether tags of the data may be known in part

    def _only(self, name: str) -> Self:
        own: dict[str, Any] = {"scheme": self.schemes[name]} if name in self.schemes else {}
        if name in self.temperatures:
            own["temperature"] = self.temperatures[name]
        model, known = self.model.only(name), self.vocabulary.only(name)  # type: ignore[attr-defined]
        return replace(self, model=model, vocabulary=known, **own, schemes={}, temperatures={}, target=name)

    @property
    def read_columns(self) -> list[str]:
        """The columns needed to score a sentence, besides words and tags."""
        return [*self.features, *self.vocabulary.further]

    @property
    def features(self) -> list[str]:
        """Further columns that the model reads."""
        return list(self.vocabulary.features)

    @cached_property
    def labels(self) -> Labels:
        """The model's labels and how they are written."""
        kind = Edits if self.vocabulary.edits else Labels
        return kind(self.vocabulary.labels, self.vocabulary.scheme, self.scheme)

    @property
    def tags(self) -> list[str]:
        """The tags that the model writes, sorted."""
        return self.labels.tags

    def knows(self, tag: str) -> bool:
        """Whether a tag that a person writes stands for any label: `B-PER`, or `PER` for all its parts."""
        return tag in self.labels.meant

    def _mask(self, allowed: Allowed, length: int, where: Sentence) -> np.ndarray | None:
        """Return a mask (T, K) of the labels that a sentence's words may have; None if they may have any."""
        if not any(allowed):
            return None
        mask = np.ones((length, len(self.vocabulary.labels)), bool)
        for t, tags in enumerate(allowed):
            if not tags:
                continue
            mask[t] = False
            for tag in tags:
                if tag not in self.labels.meant:
                    raise self.unknown(tag, where, t, gold=False)
                mask[t, self.labels.meant[tag]] = True
        return mask

    def unknown(self, tag: str, sentence: Sentence, t: int, *, gold: bool = True) -> SeqcliError:
        """Return the error for a tag that the model does not know; `gold`: it is the sentence's own tag."""
        hint = did_you_mean(tag, self.tags)
        if gold:
            hint += "\n--unknown-label skip or count-wrong continues in spite of it"
        return SeqcliError(f"{sentence.place(t, tag=gold)}: the model does not know the tag {tag!r}", hint=hint)

    def check(self, sentence: Sentence) -> None:
        """Raise SeqcliError if a sentence lacks a column that the model reads, or values in it."""
        for name in self.vocabulary.features if sentence.words else ():
            if name not in sentence.features:
                raise SeqcliError(
                    f"{sentence.place(0)}: no column {name!r}, which the model reads besides the words",
                    hint=f"name the columns in their order, as in: --columns {','.join(['word', *self.features])}",
                )
            if (n := len(sentence.features[name])) != len(sentence.words):
                raise SeqcliError(
                    f"{sentence.place(0)}: {n} values of {name!r} for {len(sentence.words)} words",
                    hint="give one value for each word",
                )

    @cached_property
    def crf(self) -> CRF | None:
        """The chain over neighbouring labels. A model without a CRF still gets the limits of its labels' scheme."""
        if self.model.chain is not None or self.vocabulary.limits is None:
            return self.model.chain
        return CRF.create(len(self.vocabulary.labels), Blank()).limited(self.vocabulary.limits)

    def chains(
        self, sentences: Sequence[Sentence], allowed: Sequence[Allowed] = ()
    ) -> Iterator[tuple[list[int], Chain]]:
        """Yield groups of non-empty sentences of similar length, as their indices and a chain ready for inference.
        The model must have one target."""
        for group, emissions, lengths, mask in self.scores(sentences, allowed):
            yield group, self.chain(emissions, lengths, mask)

    def chain(self, emissions: np.ndarray, lengths: np.ndarray, mask: np.ndarray | None = None) -> Chain:
        """Return a chain ready for inference from the emissions (B, T, K) of a group."""
        return Chain(emissions, lengths, self.crf, temperature=self.temperature, allowed=mask)

    def best(self, chain: Chain, words: Sequence[Sequence[str]]) -> np.ndarray:
        """Return the best paths (B, T) of sentences; labels that are edits are replaced if they do not apply."""
        paths, _ = chain.viterbi()
        if isinstance(self.labels, Edits):
            self.labels.applied(paths, chain.scores, words)
        return paths

    def scores(
        self, sentences: Sequence[Sentence], allowed: Sequence[Allowed] = ()
    ) -> Iterator[tuple[list[int], np.ndarray, np.ndarray, np.ndarray | None]]:
        """Yield groups of sentences: their indices, emissions (B, T, K) of all targets' labels, lengths (B,), and the
        mask of allowed labels (B, T, K) or None."""
        for group, given in self.groups(sentences):
            rows = self.model.emissions(*given)
            lengths = np.array([len(w) for w in given[0]], np.int64)
            emissions = np.zeros((len(group), int(lengths[0]), self.vocabulary.width), np.float32)
            masks = [self._mask(allowed[i], len(sentences[i].words), sentences[i]) for i in group] if allowed else []
            mask = np.ones(emissions.shape, bool) if any(m is not None for m in masks) else None
            for row, scores in enumerate(rows):
                emissions[row, : len(scores)] = scores
                if mask is not None and (own := masks[row]) is not None:
                    mask[row, : len(own)] = own
            yield group, emissions, lengths, mask

    def groups(self, sentences: Sequence[Sentence]) -> Iterator[tuple[list[int], tuple[Any, ...]]]:
        """Yield groups of non-empty sentences of similar length: their indices, and the model's inputs."""
        for s in sentences if self.vocabulary.features else ():
            self.check(s)
        order = sorted((i for i, s in enumerate(sentences) if s.words), key=lambda i: -len(sentences[i].words))
        while order:
            longest = len(sentences[order[0]].words)
            most = max(GROUP * (WIDER if longest >= LONG else 1) // longest, 1)
            group, order = order[:most], order[most:]
            words = [self.read(sentences[i]) for i in group]
            features = [sentences[i].features for i in group] if self.features else ()
            states = (self.model.states([sentences[i] for i in group]),) if hasattr(self.model, "states") else ()  # type: ignore[attr-defined]
            yield group, (words, features, *states)

    def read(self, sentence: Sentence) -> Any:
        """Return what the model reads of a sentence: its words or its frames. Raises SeqcliError that names the
        sentence."""
        if self.frames is None:
            return sentence.words
        frames = self.frames
        return named(sentence, lambda: frames(sentence)) if sentence.frames is None else sentence.frames

    def gold(self, sentence: Sentence) -> list[int] | None:
        """Return the labels of a sentence's own tags; None if the model does not know one or if tags are partial."""
        if self._is_open(sentence):
            return None
        tags = self.vocabulary.as_labels(sentence.tags or [], self.scheme, sentence.words)
        ids = [self.vocabulary.label_ids.get(tag, -1) for tag in tags]
        return None if -1 in ids else ids

    def _is_open(self, sentence: Sentence) -> bool:
        return self.partial and any(map(is_open, sentence.tags or ()))

    @cached_property
    def _meaning(self) -> Meaning:
        return Meaning(self.labels)

    def in_part(self, sentence: Sentence) -> InPart | None:
        """Return what a sentence's tags say if they are known in part; None if all are known."""
        return self._meaning.of(sentence.tags or []) if self._is_open(sentence) else None

    def partial_nats(self, chain: Chain, emissions: np.ndarray, parts: Mapping[int, InPart]) -> dict[int, float]:
        """Return -log p in nats of all paths that the partial tags of some sentences of a group allow, by row;
        emissions (B, T, K) are the group's. Sentences with a tag unknown to the model are missing."""
        rows = [row for row, part in parts.items() if part.allowed.any(1).all()]
        if not rows:
            return {}
        mask = np.ones((len(rows), *emissions.shape[1:]), bool)
        for own, row in zip(mask, rows, strict=True):
            own[: len(parts[row].allowed)] = parts[row].allowed
        allowed = self.chain(emissions[rows], chain.lengths[rows], mask)
        return {row: float(chain.log_z[row] - z) for row, z in zip(rows, allowed.log_z, strict=True)}

    def paths(self, chain: Chain, sentences: Sequence[Sentence]) -> tuple[np.ndarray, list[float | None]]:
        """Return for the sentences of a group their best paths (B, T), and -log p of their own tags in nats, or None
        if those are not known."""
        best, known = self.best(chain, [s.words for s in sentences]), [self.gold(s) for s in sentences]
        gold = np.zeros_like(best)
        for row, ids in enumerate(known):
            gold[row, : len(ids or [])] = ids or []
        logp = chain.log_probability(gold)
        return best, [-float(p) if ids is not None else None for p, ids in zip(logp, known, strict=True)]
