"""The vocabulary of taggers and classifiers: words, characters, values of further columns, labels."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np

from seqcli import edit_trees, schemes
from seqcli.artifact import Artifact
from seqcli.characters import UNSEEN
from seqcli.datasets.targets import Target
from seqcli.errors import SeqcliError
from seqcli.records import Sentence

UNKNOWN = 0  # the id of words and values that were not in the training data
MARKS = 4  # ids of characters begin here, after padding, unknown, the beginning and the end of a word
PAD, _, BEGIN, END = range(MARKS)
LONGEST = 32  # characters of a word that are read: half of them from each end of a longer word

FORMS = 1 << 20  # known words that are cached, at most

_DIGIT = re.compile(r"\d")


@dataclass(frozen=True)
class Vocabulary:
    """A vocabulary learnt from the training split alone. Ids of words and column values begin at 1; 0 is unknown."""

    words: list[str]  # as `normal` makes them, the most frequent first
    characters: list[str]
    features: dict[str, list[str]]  # the values of further columns
    labels: list[str]
    scheme: str | None = None  # of the labels, if they are spans
    forms: frozenset[str] = frozenset()  # words as written in the training data
    lowercase: bool = True
    fold_digits: bool = True
    vector_words: list[str] = field(default_factory=list)
    vectors: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.float32))  # (N, D), not trained
    dimensions: int = 0  # size of a frame, for a model that reads frames instead of words
    states: int = 0  # size of the reader's state of a word; 0: no reader
    reader: Any = field(default=None, repr=False, compare=False)  # a `seqcli.reader.Reader`, or None
    target: str = ""  # the name of the labels' target, if the model has several
    edits: bool = False  # whether labels are edits of the word (`edit_trees`) that produce the tags
    further: dict[str, Target] = field(default_factory=dict)  # the labels of the other targets

    @classmethod
    def learn(
        cls,
        sentences: Iterable[Sentence],
        labels: Iterable[Sequence[str]],
        features: Sequence[str] = (),
        *,
        scheme: str | None = None,
        lowercase: bool = True,
        fold_digits: bool = True,
        min_count: int = 1,
        by_character: bool = True,
    ) -> Self:
        """Count the words of the training split. `labels` are its tags in the form that the model predicts."""
        words: Counter[str] = Counter()
        forms: Counter[str] = Counter()
        columns: dict[str, Counter[str]] = {name: Counter() for name in features}
        for sentence in sentences:
            forms.update(sentence.words)
            for name, counts in columns.items():
                counts.update(sentence.features[name])
        empty = cls([], [], {}, [], lowercase=lowercase, fold_digits=fold_digits)
        for form, count in forms.items():
            words[empty.normal(form)] += count
        found = cls(
            words=[w for w, n in _ranked(words) if n >= min_count],
            characters=[],
            features={name: [v for v, _ in _ranked(counts)] for name, counts in columns.items()},
            labels=sorted({label for sequence in labels for label in sequence}),
            scheme=scheme,
            forms=frozenset(forms),
            lowercase=lowercase,
            fold_digits=fold_digits,
        )
        return found.with_characters(forms) if by_character else found

    def with_characters(self, forms: Iterable[str]) -> Self:
        """Return the vocabulary with the characters of different words."""
        counts = Counter(c for form in forms for c in form)
        return replace(self, characters=[c for c, _ in _ranked(counts)])

    def grown(self, other: Self) -> Self:
        """Return the vocabulary followed by what another one, learnt from further text, has besides."""

        def both(own: Sequence[str], more: Sequence[str]) -> list[str]:
            return [*dict.fromkeys([*own, *more])]

        further = {n: t if n not in other.further else replace(t, labels=both(t.labels, other.further[n].labels))
                   for n, t in self.further.items()}  # fmt: skip
        return replace(
            self,
            words=both(self.words, other.words),
            characters=both(self.characters, other.characters),
            features={name: both(values, other.features.get(name, ())) for name, values in self.features.items()},
            labels=both(self.labels, other.labels),
            forms=self.forms | other.forms,
            further=further,
        )

    def normal(self, word: str) -> str:
        """Return a word in the form that the table of words uses."""
        word = word.lower() if self.lowercase else word
        return _DIGIT.sub("0", word) if self.fold_digits else word

    @cached_property
    def limits(self) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """Which labels may begin, follow each other and end a sentence; None if all may."""
        return schemes.limits(self.labels, self.scheme) if self.scheme else None

    @cached_property
    def slices(self) -> dict[str, slice]:
        """The range of each target's labels among those of all targets."""
        found, end = {}, 0
        for name, labels in {self.target: self.labels, **{n: t.labels for n, t in self.further.items()}}.items():
            found[name], end = slice(end, end + len(labels)), end + len(labels)
        return found

    @property
    def width(self) -> int:
        """The number of labels of all targets."""
        return len(self.labels) + sum(len(t.labels) for t in self.further.values())

    def only(self, name: str) -> Self:
        """Return the vocabulary of only one of several targets."""
        own = self.further.get(name, Target(self.labels, self.scheme, self.edits))
        return replace(self, labels=own.labels, scheme=own.scheme, edits=own.edits, target="", further={})

    def as_labels(self, tags: Sequence[str], scheme: str | None, words: Sequence[str] = ()) -> list[str]:
        """Convert tags of data in a scheme to labels; for labels that are edits, find the edits of `words`."""
        if self.edits:
            return edit_trees.scripts(words, tags)
        return schemes.convert(tags, scheme, self.scheme) if scheme and self.scheme else list(tags)

    # ids

    @cached_property
    def _word_ids(self) -> dict[str, int]:
        return {w: i for i, w in enumerate(self.words, 1)}

    @cached_property
    def _character_ids(self) -> dict[str, int]:
        return {c: i for i, c in enumerate(self.characters, MARKS)}

    @cached_property
    def _feature_ids(self) -> dict[str, dict[str, int]]:
        return {name: {v: i for i, v in enumerate(values, 1)} for name, values in self.features.items()}

    @cached_property
    def label_ids(self) -> dict[str, int]:
        """The id of each label."""
        return {label: i for i, label in enumerate(self.labels)}

    @cached_property
    def _vector_ids(self) -> dict[str, int]:
        return {w: i for i, w in enumerate(self.vector_words)}

    @cached_property
    def _known_forms(self) -> set[str]:
        return set()  # filled as words are met, because normal() is slow

    def unknown(self, words: Sequence[str]) -> list[tuple[int, str]]:
        """Return (index, word) of the words that neither the table nor the vectors have."""
        met = self._known_forms
        found = [(i, word) for i, word in enumerate(words) if word not in met]
        if not found:
            return found
        known, vectors, normal = self._word_ids, self._vector_ids, self.normal
        lacking = [
            (i, word)
            for i, word in found
            if normal(word) not in known and word not in vectors and word.lower() not in vectors
        ]
        if len(met) < FORMS:
            met.update({word for _, word in found} - {word for _, word in lacking})
        return lacking

    def word_ids(self, words: Iterable[str]) -> np.ndarray:
        """Return the ids (U,) of words."""
        known, normal = self._word_ids, self.normal
        return np.array([known.get(normal(w), UNKNOWN) for w in words], np.int64)

    def character_ids(self, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return the ids (U, L) of words' characters between their marks, padded, and lengths (U,)."""
        known = self._character_ids
        rows = []
        for word in words:
            if len(word) > LONGEST:
                word = word[: LONGEST // 2] + word[-LONGEST // 2 :]
            rows.append([BEGIN, *(known.get(c, UNSEEN) for c in word), END])
        lengths = np.array([len(row) for row in rows], np.int64)
        ids = np.full((len(rows), int(lengths.max(initial=2))), PAD, np.int64)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = row
        return ids, lengths

    def feature_ids(self, name: str, values: Sequence[str]) -> np.ndarray:
        """Return the ids (T,) of a further column's values."""
        known = self._feature_ids[name]
        return np.array([known.get(v, UNKNOWN) for v in values], np.int64)

    def vector_rows(self, words: Sequence[str]) -> np.ndarray:
        """Return the vectors (U, D) of words, as written or else in lower case; zeros for words without one."""
        rows = np.zeros((len(words), self.vectors.shape[1]), np.float32)
        known = self._vector_ids
        for place, word in enumerate(words if known else ()):
            found = known.get(word)
            found = known.get(word.lower()) if found is None else found
            if found is not None:
                rows[place] = self.vectors[found]
        return rows

    # the artifact

    def header(self) -> dict[str, Any]:
        """Return what an artifact's header stores."""
        own: dict[str, Any] = {name: n for name in ("dimensions", "states") if (n := getattr(self, name))}
        if self.edits:
            own["edits"] = True
        if self.further:
            own["target"] = self.target
            own["further"] = {name: asdict(target) for name, target in self.further.items()}
        return own | {
            "labels": self.labels,
            "scheme": self.scheme,
            "lowercase": self.lowercase,
            "fold_digits": self.fold_digits,
            "words": len(self.words),
            "characters": len(self.characters),
            "features": {name: len(values) for name, values in self.features.items()},
            "vectors": len(self.vector_words),
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the large parts as arrays."""
        text = {
            "words": self.words,
            "characters": self.characters,
            "features": self.features,
            "forms": sorted(self.forms),
            "vector_words": self.vector_words,
        }
        encoded = {name: np.frombuffer(json.dumps(v).encode(), np.uint8) for name, v in text.items()}
        return {**encoded, "vectors": self.vectors}

    @classmethod
    def of(cls, stored: Artifact) -> Self:
        """Restore the vocabulary of a model's file."""
        return cls.restore(stored.header["vocabulary"], stored.part("vocabulary"))

    @classmethod
    def restore(cls, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """Restore the vocabulary that `header` and `arrays` describe. Raises SeqcliError if they are inconsistent."""
        text = {n: json.loads(a.tobytes()) for n, a in arrays.items() if n != "vectors"}
        kept, vectors = ("labels", "scheme", "lowercase", "fold_digits"), arrays["vectors"]
        found = cls(
            **{**text, "forms": frozenset(text["forms"])},
            **{k: header[k] for k in kept},
            vectors=vectors,
            dimensions=header.get("dimensions", 0),
            states=header.get("states", 0),
            target=header.get("target", ""),
            edits=header.get("edits", False),
            further={name: Target(**own) for name, own in header.get("further", {}).items()},
        )
        lists = [text[n] for n in text if n != "features"] + [*found.features.values()]
        lists += [target.labels for target in found.further.values()]
        fits = all(isinstance(values, list) and all(isinstance(v, str) for v in values) for values in lists)
        fits &= isinstance(found.target, str)
        fits &= vectors.dtype == np.float32 and vectors.ndim == 2 and len(vectors) == len(found.vector_words)
        if not (fits and found.header() == {n: header.get(n) for n in found.header()} and np.isfinite(vectors).all()):
            raise SeqcliError("the stored vocabulary contradicts itself", hint="train the model again")
        for target in (Target(found.labels, edits=found.edits), *found.further.values()):
            if target.edits:
                edit_trees.check(target.labels)
        return found


def of_each(vocabulary: Vocabulary) -> dict[str, Vocabulary]:
    """Return the vocabularies of single targets by name; for a model with one target, itself under ""."""
    return {name: vocabulary.only(name) for name in vocabulary.slices} if vocabulary.further else {"": vocabulary}


def _ranked(counts: Counter[str]) -> list[tuple[str, int]]:
    """Return counts sorted by frequency, highest first, ties by code point: independent of the order of the data."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
