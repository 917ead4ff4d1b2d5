"""Label sentences with a trained model: find words in raw text, infer exactly, build answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqcli import console, models, registry, schemes
from seqcli.artifact import Artifact
from seqcli.decoding.chain import Chain
from seqcli.errors import UsageError
from seqcli.frames import Frames, located, named
from seqcli.insight.leaving import TINY, WORDS, odds, short
from seqcli.reader import known, left
from seqcli.records import TAGGED, Answer, Sentence, SpanAnswer
from seqcli.restoration.sentences import TOKEN
from seqcli.tasks.tagging.chains import Allowed, Scored
from seqcli.tasks.tagging.labels import Edits
from seqcli.tasks.tagging.raw import Words

if TYPE_CHECKING:
    from seqcli.report import Report
    from seqcli.tasks.tagging.forced import Forced


@dataclass(frozen=True)
class Settings:
    """What an answer should contain besides its tags, and what limits them."""

    confidence: bool = False  # add probabilities of tags and spans
    n_best: int = 0  # add so many whole answers with their probabilities
    least: float = 0.0  # drop tags and spans less probable than this
    partial: bool = False  # drop each tag by itself, O too: what is dropped is unknown, not outside of all spans
    forced: Forced | None = None  # the column of the input whose tags are kept
    lexicon: Mapping[str, Sequence[str]] = field(default_factory=dict)  # the tags that a word may have
    explain: bool = False  # add the effect of each word on each tag

    @property
    def posterior(self) -> bool:
        return self.confidence or self.least > 0


@dataclass(frozen=True, repr=False)
class Tagger(Scored):
    """A tagger in use: a model with everything that turns its scores into answers, in the shell and from Python."""

    task = "tagging"
    kind = TAGGED
    settings = Settings

    @classmethod
    def _restored(cls, stored: Artifact, *others: Artifact) -> Tagger:
        vocabulary, header = known(stored), stored.header
        fitted = header.get("decoding", {})
        model, scheme = models.restore(stored, vocabulary), header["data"]["scheme"]
        if scheme and not vocabulary.scheme:
            raise ValueError(f"data.scheme is {scheme!r}, but the labels have no scheme")
        found = Words.of(header)
        frames = Frames.of(stored) if "frames" in header else None
        schemes, temperatures = header["data"].get("schemes", {}), fitted.get("temperatures", {})
        if schemes.keys() != vocabulary.further.keys():
            raise ValueError("data.schemes has other targets than the vocabulary")
        return cls(
            model, vocabulary, scheme, fitted.get("temperature", 1.0), found, frames, schemes, temperatures,
            partial=header["data"].get("partial", False), header=header, files=(stored.path,),
        )  # fmt: skip

    def evaluate(self, files: str | Path | Sequence[str | Path] | None = None, **asked: Any) -> Report:
        own = self.of(asked["tag"]) if self.targets and asked.get("tag") else self
        return super(Tagger, own).evaluate(files, **asked)

    @property
    def divides(self) -> bool:
        """Whether it splits running text into sentences."""
        return bool(self.words.restore and registry.constant("restoration", self.words.restore, "RUNNING"))

    @property
    def finer(self) -> bool:
        """Whether, in splitting running text, it has learnt where tokens end too."""
        return TOKEN in self.vocabulary.label_ids

    # records

    def prepare(self, record: Sentence, asked: Settings) -> Sentence:
        """Return the sentence with its words, found in its text unless they are given. Raises SeqcliError for a
        column that it lacks."""
        if asked.forced:
            asked.forced.check(record, self)
            self.counted["forced"] += bool(asked.forced.of(record))
        if record.split:
            self.check(record)
            return self.framed(record)
        if not self.counted["labelled"] and self.header["data"]["format"] == "word-tag":
            self.counted["labelled"] += 1  # looks at the first text alone
            chunks = [chunk.rpartition("/") for chunk in record.text.split()]
            if len(chunks) > 1 and all(word and self.knows(tag) for word, _, tag in chunks):
                console.warn(f"{record.place(0)}: the tags of words are read as text: --input word-tag skips them")
        if not self.counted["splitting"] and (chunk := self.words.odd(record.text)):
            self.counted["splitting"] += 1
            self.warn_of_splitting(chunk)
        return self.framed(self.words.find(record))

    def framed(self, record: Sentence) -> Sentence:
        """Return the sentence with its frames, if the model reads frames; for a file of frames, words are numbers."""
        if self.frames is None or not (record.words or record.text.strip()):
            return record
        frames = self.frames
        if located(record.text, record.source).path is not None and not record.places:
            own = named(record, lambda: frames(replace(record, words=[])))
            return replace(record, frames=own, words=[str(t) for t in range(1, len(own) + 1)], offsets=None)
        return replace(record, frames=named(record, lambda: frames(record)))

    def warn_of_splitting(self, chunk: str) -> None:
        """Warn that raw text is split as the training data was, not by the rule alone."""
        own = " ".join(self.words.differing[chunk])
        console.warn(
            f"{chunk!r} is split into {own!r} as in the training data, not by the rule for raw text; other words may"
            " be split differently from the training data (to be sure, give tokens with --input tokens)"
        )

    def light(self, record: Sentence) -> Sentence:
        """Return a sentence without the parts that only its writer needs."""
        return replace(record, raw=None, places=(), tag_places=())

    def holds(self, path: str | Path) -> list[str] | None:
        """Return the records in a recording, a file of arrays, or a folder of these, for a model of frames."""
        return None if self.frames is None else self.frames.holds(path)

    def lacking(self, record: Sentence) -> Sequence[tuple[int, str]]:
        """Return its words that the vocabulary lacks."""
        return () if self.frames is not None else self.vocabulary.unknown(record.words)

    # from Python

    def tag(
        self, text: str | Sequence[str], features: Mapping[str, Sequence[str]] | None = None
    ) -> list[tuple[str, str, float]]:
        """Return (word, tag, probability) for each word of a raw text, or of the given words; for several targets the
        tag of the first (`of(NAME)` selects another).

        `features` gives the further columns that the model reads, if it reads any.
        """
        sentence, answer = self._one(text, features)
        return list(zip(sentence.words, answer.tags, answer.probabilities or [], strict=True))

    def spans(
        self, text: str | Sequence[str], features: Mapping[str, Sequence[str]] | None = None
    ) -> list[tuple[int, int, str, float]]:
        """Return (start, end, label, probability) for each span, in code points of a raw text (or of the given words
        joined by spaces), end exclusive. Raises UsageError if the tags are not spans."""
        if not self.scheme:
            raise UsageError(f"{self.path}: the tags of this model are not spans")
        sentence, answer = self._one(text, features)
        places = sentence.spread()
        return [
            (places[s.start][0], places[s.end - 1][1], s.label, float(s.probability or 0.0))
            for s in answer.spans or []
        ]

    def _one(
        self, text: str | Sequence[str], features: Mapping[str, Sequence[str]] | None
    ) -> tuple[Sentence, Answer]:
        own = {name: list(values) for name, values in (features or {}).items()}
        if missing := [name for name in self.features if name not in own]:
            raise UsageError(f"this model reads {', '.join(missing)} besides the words: give features={{...}}")
        if isinstance(text, str):
            sentence = self.words.find(Sentence(text=text, features=own, split=False))
        else:
            sentence = Sentence(words=list(text), text=" ".join(text), features=own)
        return sentence, self.answer([sentence], Settings(confidence=True))[0]

    # answers

    def answer(
        self, sentences: Sequence[Sentence], settings: Settings = Settings(), allowed: Sequence[Allowed] = ()
    ) -> list[Answer]:
        """Return an answer for each sentence, in order, with the restored text if the model restores."""
        if settings.forced or settings.lexicon:
            allowed = [self._allowed(s, settings) for s in sentences]
        found = [self._nothing(settings) for _ in sentences]
        for group, emissions, lengths, mask in self.scores(sentences, allowed):
            own = [sentences[i].words for i in group]
            if not self.targets:
                answers = self._of_group(self.chain(emissions, lengths, mask), own, settings)
            else:
                each = {
                    name: target._of_group(
                        target.chain(emissions[..., self.vocabulary.slices[name]], lengths), own, settings
                    )
                    for name, target in self.targets.items()
                }
                answers = [joint(dict(zip(each, row, strict=True))) for row in zip(*each.values(), strict=True)]
            for i, answer in zip(group, answers, strict=True):
                found[i] = answer
        if settings.explain:  # of one target
            for sentence, answer in zip(sentences, found, strict=True):
                if short(len(sentence.words), WORDS):
                    answer.explained = self.explained(sentence, answer.tags)
        if self.words.restore:
            restore = registry.load("restoration", self.words.restore).restore
            for sentence, answer in zip(sentences, found, strict=True):
                answer.text = restore(sentence.words, answer.tags)
        return found

    def _of_group(self, chain: Chain, words: Sequence[Sequence[str]], settings: Settings) -> list[Answer]:
        """Return the answers for the sentences of a group."""
        paths = self.best(chain, words)
        marginals = chain.marginals() if settings.posterior else None
        best = chain.nbest(settings.n_best) if settings.n_best else None
        spans = self._spans(chain, paths, [len(own) for own in words], settings)
        found = []
        for row, own in enumerate(words):
            n = len(own)
            path, p = paths[row, :n], None
            answer = Answer(tags=self.labels.written(path, own), spans=spans[row] if self.scheme else None)
            if marginals is not None:
                p = marginals[row, :n]
                answer.probabilities = self._probabilities(path, p, own)
            if best is not None:
                answer.alternatives = [(self.labels.written(q, own), float(np.exp(logp))) for q, logp in best[row]]
            found.append(self._confident(answer, settings, p))
        return found

    def explained(
        self, sentence: Sentence, tags: Sequence[str]
    ) -> list[tuple[list[float | None], list[float | None]]]:
        """Return for each word's tag the effect of each word: the tag's log-odds with that word minus those without
        it (None: the word itself), and its probability after reading up to that word (None: not yet read)."""
        n, place = len(sentence.words), dict(zip(self.labels.parts, self.labels.part_ids.tolist(), strict=True))
        wanted = [place[part] for part in self.labels.parts_of(tags)]
        places = [[*range(i), *range(i + 1, n)] for i in range(n)] + [list(range(i + 1)) for i in range(n)]
        frames = sentence.frames
        asked = []
        for own in [list(range(n)), *places]:
            text, offsets = left(sentence, own)
            features = {name: [column[t] for t in own] for name, column in sentence.features.items()}
            part = None if frames is None else frames[own]
            words = [sentence.words[t] for t in own]
            asked.append(Sentence(words, features=features, offsets=offsets, frames=part, text=text))
        logp = np.full((1 + 2 * n, n), np.nan)
        for group, chain in self.chains(asked):
            marginals = chain.marginals()
            for row, i in enumerate(group):
                for at, t in enumerate(range(n) if not i else places[i - 1]):
                    own = self.labels.part_ids == wanted[t]
                    logp[i, t] = np.log(max(float(marginals[row, at, own].sum()), TINY))
        with np.errstate(invalid="ignore"):
            weights, read = odds(logp[0]) - odds(logp[1 : n + 1]), np.exp(logp[n + 1 :])
        return [(_rounded(weights[:, t]), _rounded(read[:, t])) for t in range(n)]

    def _allowed(self, sentence: Sentence, settings: Settings) -> Allowed:
        found: list[Sequence[str] | None] = [settings.lexicon.get(w) for w in sentence.words]
        if settings.forced:
            given = settings.forced.allowed(sentence, self.scheme)
            found = [one or other for one, other in zip_longest(given, found)]
        return found

    def _nothing(self, settings: Settings) -> Answer:
        """Return the answer for a sentence without words."""
        if self.targets:
            return joint({name: target._nothing(settings) for name, target in self.targets.items()})
        return Answer(
            [],
            [] if settings.posterior else None,
            [] if self.scheme else None,
            [([], 1.0)] if settings.n_best else None,
        )

    def _probabilities(self, path: np.ndarray, marginals: np.ndarray, words: Sequence[str]) -> list[float]:
        """Return the probability of each word's tag, summed over labels of the same part (see `Labels.parts`)."""
        if isinstance(self.labels, Edits):
            path, marginals = self.labels.merged(path, marginals, words)
        part = self.labels.part_ids
        same = part[path][:, None] == part[None]  # (T, K)
        return np.minimum((marginals * same).sum(axis=1), 1.0).tolist()

    def _spans(
        self, chain: Chain, paths: np.ndarray, lengths: list[int], settings: Settings
    ) -> list[list[SpanAnswer]]:
        """Return the spans of each sentence in a group."""
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
        """Return the answer without tags and spans less probable than `least`; `marginals` (T, K) of its words."""
        if not settings.least or not answer.tags or marginals is None or answer.probabilities is None:
            return answer
        if settings.partial or answer.spans is None:
            known = [p >= settings.least for p in answer.probabilities]
            answer.tags = [tag if own else "" for tag, own in zip(answer.tags, known, strict=True)]
            if answer.spans is not None:
                answer.spans = [s for s in answer.spans if all(known[s.start : s.end])]
        else:
            answer.spans = [s for s in answer.spans if (s.probability or 0.0) >= settings.least]
            kept = np.zeros(len(answer.tags), bool)
            for s in answer.spans:
                kept[s.start : s.end] = True
            tags = [tag if kept[t] else "O" for t, tag in enumerate(answer.tags)]
            assert self.scheme
            answer.tags = schemes.convert(tags, self.scheme, self.scheme)  # in IOB1, B after a dropped span becomes I
            outside = self.vocabulary.label_ids.get("O")
            for t in np.flatnonzero(~kept).tolist():
                answer.probabilities[t] = float(marginals[t, outside]) if outside is not None else 0.0
        return answer


def joint(answers: dict[str, Answer]) -> Answer:
    """Join the answers of several targets into one."""
    first, *further = answers
    return replace(answers[first], further={name: answers[name] for name in further})


def _rounded(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(v) else round(float(v), 6) for v in values]


Predictor = Tagger
