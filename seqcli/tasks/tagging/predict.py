"""Labelling sentences with a trained model: words found in raw text, emissions, exact inference, answers.

Sentences are worked on in groups of like length. No answer depends on its group, to the last bit, so that a filter
may take as many as there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from seqcli import console, models, registry, schemes
from seqcli.artifact import Artifact
from seqcli.datasets.vocabulary import Vocabulary
from seqcli.decoding.chain import Chain
from seqcli.errors import SeqcliError, did_you_mean
from seqcli.formats import Answer, Sentence, SpanAnswer
from seqcli.layers.blank import Blank
from seqcli.layers.crf import CRF
from seqcli.models import TaggingModel
from seqcli.tasks.tagging.labels import Labels
from seqcli.tasks.tagging.raw import Words

GROUP = 8192  # words, padding included, that are worked on at once; one sentence may be longer

Allowed = Sequence[Sequence[str] | None]  # of each word, the tags it may have; None or nothing: any


@dataclass(frozen=True)
class Settings:
    """What is asked of an answer beside its tags."""

    confidence: bool = False  # probabilities of tags and spans
    n_best: int = 0  # so many whole answers with their probabilities
    least: float = 0.0  # a tag or a span less probable than this is left away

    @property
    def posterior(self) -> bool:
        return self.confidence or self.least > 0


@dataclass(frozen=True)
class Tagger:
    """A model with all that turns its scores into answers."""

    model: TaggingModel
    vocabulary: Vocabulary
    scheme: str | None  # that tags are written in; the model's own labels may be of another
    temperature: float = 1.0
    words: Words = field(default_factory=lambda: Words(None, {}))

    @classmethod
    def open(cls, stored: Artifact) -> Tagger:
        """The tagger of a model's file."""
        vocabulary = Vocabulary.of(stored)
        header = stored.header
        temperature = header.get("decoding", {}).get("temperature", 1.0)
        return cls(
            models.restore(stored, vocabulary), vocabulary, header["data"]["scheme"], temperature, Words.of(header)
        )

    @property
    def features(self) -> list[str]:
        """Further columns that the model reads."""
        return list(self.vocabulary.features)

    @cached_property
    def labels(self) -> Labels:
        """The model's labels, and how they are written."""
        return Labels(self.vocabulary.labels, self.vocabulary.scheme, self.scheme)

    @property
    def tags(self) -> list[str]:
        """The tags that it writes, sorted."""
        return self.labels.tags

    def knows(self, tag: str) -> bool:
        """Whether a tag as a person writes it stands for any label: `B-PER`, or `PER` for all its parts."""
        return tag in self.labels.meant

    def _mask(self, allowed: Allowed, length: int, where: Sentence) -> np.ndarray | None:
        """(T, K) bool of what a sentence's words may be; None where anything may."""
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
        """The error for a tag that the model does not know; `gold`: it is the sentence's own."""
        hint = did_you_mean(tag, self.tags)
        if gold:
            hint += "\n--unknown-label skip or count-wrong goes on all the same"
        return SeqcliError(f"{sentence.place(t, tag=gold)}: the model does not know the tag {tag!r}", hint=hint)

    def check(self, sentence: Sentence) -> None:
        """Raises SeqcliError where a sentence lacks a column that the model reads, or a part of it."""
        for name in self.vocabulary.features if sentence.words else ():
            if name not in sentence.features:
                raise SeqcliError(
                    f"{sentence.place(0)}: no column {name!r}, which the model reads beside the words",
                    hint=f"name the columns in their order, as in: --columns {','.join(['word', *self.features])}",
                )
            if (n := len(sentence.features[name])) != len(sentence.words):
                raise SeqcliError(
                    f"{sentence.place(0)}: {n} values of {name!r} for {len(sentence.words)} words",
                    hint="give every word one",
                )

    @cached_property
    def crf(self) -> CRF | None:
        """What joins neighbouring labels; where the model joins none, what their scheme forbids still holds."""
        if self.model.chain is not None or self.vocabulary.limits is None:
            return self.model.chain
        return CRF.create(len(self.vocabulary.labels), Blank()).limited(self.vocabulary.limits)

    # answers

    def answer(
        self, sentences: Sequence[Sentence], settings: Settings = Settings(), allowed: Sequence[Allowed] = ()
    ) -> list[Answer]:
        """An answer for each sentence, in their order; with the text that it restores, where the model does."""
        found = [self._nothing(settings) for _ in sentences]
        for group, chain in self.chains(sentences, allowed):
            paths, _ = chain.viterbi()
            marginals = chain.marginals() if settings.posterior else None
            best = chain.nbest(settings.n_best) if settings.n_best else None
            spans = self._spans(chain, paths, [len(sentences[i].words) for i in group], settings)
            for row, i in enumerate(group):
                n = len(sentences[i].words)
                path = paths[row, :n]
                answer = Answer(tags=self.labels.written(path), spans=spans[row] if self.scheme else None)
                if marginals is not None:
                    answer.probabilities = self._probabilities(path, marginals[row, :n])
                if best is not None:
                    answer.alternatives = [(self.labels.written(p), float(np.exp(logp))) for p, logp in best[row]]
                found[i] = self._confident(answer, settings, marginals[row, :n] if marginals is not None else None)
        if self.words.restore:
            restore = registry.load("restoration", self.words.restore).restore
            for sentence, answer in zip(sentences, found, strict=True):
                answer.text = restore(sentence.words, answer.tags)
        return found

    def _nothing(self, settings: Settings) -> Answer:
        """The answer for a sentence without words."""
        return Answer(
            [],
            [] if settings.posterior else None,
            [] if self.scheme else None,
            [([], 1.0)] if settings.n_best else None,
        )

    def chains(
        self, sentences: Sequence[Sentence], allowed: Sequence[Allowed] = ()
    ) -> Iterator[tuple[list[int], Chain]]:
        """The sentences that have words in groups of like length (their places), ready for inference."""
        for group, emissions, lengths, mask in self.scores(sentences, allowed):
            yield group, Chain(emissions, lengths, self.crf, temperature=self.temperature, allowed=mask)

    def scores(
        self, sentences: Sequence[Sentence], allowed: Sequence[Allowed] = ()
    ) -> Iterator[tuple[list[int], np.ndarray, np.ndarray, np.ndarray | None]]:
        """Groups of sentences: their places, emissions (B, T, K), lengths (B,), and what is allowed (B, T, K)."""
        for s in sentences if self.vocabulary.features else ():
            self.check(s)
        order = sorted((i for i, s in enumerate(sentences) if s.words), key=lambda i: -len(sentences[i].words))
        while order:
            most = max(GROUP // len(sentences[order[0]].words), 1)
            group, order = order[:most], order[most:]
            words = [sentences[i].words for i in group]
            features = [sentences[i].features for i in group] if self.features else ()
            rows = self.model.emissions(words, features)
            lengths = np.array([len(w) for w in words], np.int64)
            emissions = np.zeros((len(group), int(lengths[0]), len(self.vocabulary.labels)), np.float32)
            masks = [self._mask(allowed[i], len(sentences[i].words), sentences[i]) for i in group] if allowed else []
            mask = np.ones(emissions.shape, bool) if any(m is not None for m in masks) else None
            for row, scores in enumerate(rows):
                emissions[row, : len(scores)] = scores
                if mask is not None and (own := masks[row]) is not None:
                    mask[row, : len(own)] = own
            yield group, emissions, lengths, mask

    def _probabilities(self, path: np.ndarray, marginals: np.ndarray) -> list[float]:
        """Of each word's tag: of all labels that say the same (see `Labels.parts`)."""
        part = self.labels.part_ids
        same = part[path][:, None] == part[None]  # (T, K)
        return np.minimum((marginals * same).sum(axis=1), 1.0).tolist()

    def _spans(
        self, chain: Chain, paths: np.ndarray, lengths: list[int], settings: Settings
    ) -> list[list[SpanAnswer]]:
        """Of each sentence in a group."""
        if not self.scheme:
            return []
        places, asked = [], []
        for row, n in enumerate(lengths):
            labels = [self.vocabulary.labels[k] for k in paths[row, :n].tolist()]
            for span in schemes.spans(labels):
                places.append((row, span))
                asked.append((row, span.start, paths[row, span.start : span.end]))
        found: list[list[SpanAnswer]] = [[] for _ in lengths]
        probabilities: Sequence[float | None] = [None] * len(asked)
        if settings.posterior and asked:
            probabilities = [float(p) for p in chain.span_probabilities(asked, self._continues)]
        for (row, span), p in zip(places, probabilities, strict=True):
            found[row].append(SpanAnswer(span.start, span.end, span.label, p))
        return found

    @cached_property
    def _continues(self) -> np.ndarray:
        assert self.vocabulary.scheme
        return schemes.continues(self.vocabulary.labels, self.vocabulary.scheme)

    def _confident(self, answer: Answer, settings: Settings, marginals: np.ndarray | None) -> Answer:
        """The answer without what is less probable than asked for; `marginals` (T, K) of its words."""
        if not settings.least or not answer.tags or marginals is None or answer.probabilities is None:
            return answer
        if answer.spans is not None:
            answer.spans = [s for s in answer.spans if (s.probability or 0.0) >= settings.least]
            kept = np.zeros(len(answer.tags), bool)
            for s in answer.spans:
                kept[s.start : s.end] = True
            tags = [tag if kept[t] else "O" for t, tag in enumerate(answer.tags)]
            assert self.scheme
            answer.tags = schemes.convert(tags, self.scheme, self.scheme)  # in IOB1 B after what is gone becomes I
            outside = self.vocabulary.label_ids.get("O")
            for t in np.flatnonzero(~kept).tolist():
                answer.probabilities[t] = float(marginals[t, outside]) if outside is not None else 0.0
        else:
            pairs = zip(answer.tags, answer.probabilities, strict=True)
            answer.tags = [tag if p >= settings.least else "" for tag, p in pairs]
        return answer

    # evaluation

    def gold(self, sentence: Sentence) -> list[int] | None:
        """The labels of a sentence's own tags; None where the model does not know one."""
        tags = self.vocabulary.as_labels(sentence.tags or [], self.scheme)
        ids = [self.vocabulary.label_ids.get(tag, -1) for tag in tags]
        return None if -1 in ids else ids

    def paths(
        self, sentences: Sequence[Sentence], each: Callable[[list[int], Chain, np.ndarray], None] | None = None
    ) -> Iterator[tuple[int, list[str], float | None]]:
        """(place, predicted tags, -log p of the sentence's own tags in nats or None), in no order.

        `each` is given every group: the places of its sentences, their chain and their best paths.
        """
        for group, chain in self.chains(sentences):
            best, _ = chain.viterbi()
            if each:
                each(group, chain, best)
            gold = np.zeros_like(best)
            known = [self.gold(sentences[i]) for i in group]
            for row, ids in enumerate(known):
                gold[row, : len(ids or [])] = ids or []
            logp = chain.log_probability(gold)
            for row, i in enumerate(group):
                tags = self.labels.written(best[row, : len(sentences[i].words)])
                yield i, tags, -float(logp[row]) if known[row] is not None else None


def warn_of_splitting(tagger: Tagger, chunk: str) -> None:
    """Say that raw text is cut as the training data was, not by the rule alone."""
    own = " ".join(tagger.words.differing[chunk])
    console.warn(
        f"the training data has {chunk!r} as {own!r}, which the rule for raw text would not: it is cut as there;"
        " other words may be cut otherwise than the model knows (give tokens with --input tokens to be sure)"
    )
