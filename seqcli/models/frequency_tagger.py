"""The most frequent tag of a word; for an unknown word, the tags of rare words with the same ending and form.

Each token is tagged by itself. Its word's tag distribution is interpolated with a chain of ever more general ones:

    word -> (form, last 5 characters) -> ... -> (form, last 1) -> form -> rare words -> all words -> uniform,
    p(t | c) = (a(c t) + v(c) p(t | c')) / (a(c) + v(c)),

with `c'` the next in the chain, and p(t | c) = p(t | c') if `c` was never seen. For a word, and for all words, `a`
counts tokens and `v` is the number of different tags they had (Witten and Bell 1991). In between, `a` counts
different words among the rare ones, those with at most `rare` tokens, because unknown words resemble them (the suffix
model of TnT: T. Brants, TnT, a statistical part-of-speech tagger, ANLP 2000); and `v` is eight times the number of
tags, because the same words are counted again at each length (the factor was chosen on the development part of UD
English EWT: a factor of 1 tagged 69.1 % of unknown words correctly, 8 tagged 72.1 %).

The form is how a word is written: capitals, digits, punctuation. A capital at the beginning of a sentence, where
every word has one, is a different form from a capital within it; for such a word, and for a word all in capitals, the
word in lower case is one more link, after the word itself. Endings are in lower case, with digits replaced by 0.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, Field

from seqcli.datasets.vocabulary import Vocabulary
from seqcli.errors import SeqcliError

TASK = "tagging"
VERBS = ("tag", "eval")
TRAINED = "counted"

TABLES = ("words", "endings")
PARTS = ("text", "lengths", "children", "labels", "counts")  # the arrays of a table that are stored

NESTED = 8  # endings are smoothed by this factor more than words
HELD = 1 << 22  # log-probabilities of words kept in memory, 16 MB

_digit = re.compile(r"\d")


class Config(BaseModel, extra="forbid"):
    """Recipe keys of `model: {kind: frequency-tagger}`."""

    kind: Literal["frequency-tagger"] = "frequency-tagger"
    suffix: Annotated[int, Field(ge=0, le=50)] = 5  # characters of the longest ending that is counted
    rare: Annotated[int, Field(ge=0)] = 10  # endings are counted in words with at most this many tokens


@dataclass(frozen=True, eq=False)
class Table:
    """The counts of tags for each of n strings. The m counts above 0 are in the order of the strings."""

    text: np.ndarray  # (bytes,) uint8: the strings in UTF-8, concatenated
    lengths: np.ndarray  # (n,) bytes of each
    children: np.ndarray  # (n,) different tags of each
    labels: np.ndarray  # (m,) the tags
    counts: np.ndarray  # (m,) how often

    @classmethod
    def of(cls, counts: Mapping[str, Mapping[int, int]]) -> Table:
        """Build a table from counts by string and label; strings are sorted: the same counts give the same bytes."""
        strings = sorted(counts)
        encoded = [string.encode("utf-8", "surrogatepass") for string in strings]
        pairs = [pair for string in strings for pair in sorted(counts[string].items())]
        return cls(
            np.frombuffer(b"".join(encoded), np.uint8),
            _compact([len(string) for string in encoded]),
            _compact([len(counts[string]) for string in strings]),
            _compact([label for label, _ in pairs]),
            _compact([count for _, count in pairs]),
        )

    def fits(self, labels: int) -> bool:
        """Whether the arrays agree with each other and with so many labels."""
        return (
            all(array.ndim == 1 and array.dtype.kind == "u" for array in (getattr(self, part) for part in PARTS))
            and self.text.dtype == np.uint8
            and int(self.lengths.sum(dtype=np.int64)) == len(self.text)
            and len(self.lengths) == len(self.children)
            and int(self.children.sum(dtype=np.int64)) == len(self.labels) == len(self.counts)
            and int(self.labels.max(initial=0)) < labels
            and bool(self.counts.all() and self.children.all())
            and self._readable()
        )

    def _readable(self) -> bool:
        try:
            return len(self.index) == len(self.lengths)  # no string twice
        except UnicodeDecodeError:
            return False

    @cached_property
    def index(self) -> dict[str, int]:
        """The index of each string."""
        data, ends = self.text.tobytes(), np.cumsum(self.lengths, dtype=np.int64).tolist()
        return {
            data[start:end].decode("utf-8", "surrogatepass"): i
            for i, (start, end) in enumerate(zip([0, *ends], ends, strict=False))
        }

    @cached_property
    def _ends(self) -> list[int]:
        return [0, *np.cumsum(self.children, dtype=np.int64).tolist()]

    def interpolate(self, string: str, lower: np.ndarray, weight: int = 1) -> np.ndarray:
        """Return p(. | string) (K,) float64 from `lower`, the next more general distribution (K,); v is `weight`
        times the number of tags."""
        if (i := self.index.get(string)) is None:
            return lower
        part = slice(self._ends[i], self._ends[i + 1])
        counts = self.counts[part].astype(np.float64)
        v = weight * len(counts)
        p = lower * v
        p[self.labels[part]] += counts
        return p / (counts.sum() + v)


@dataclass(frozen=True, eq=False)
class Model:
    """A tagger made of counts of tags by word and by ending, without random numbers or gradients."""

    kind: ClassVar[str] = "frequency-tagger"

    config: Config
    labels: int  # K
    words: Table
    endings: Table  # by form and ending, see _chain

    @classmethod
    def fit(
        cls,
        sentences: Iterable[tuple[Sequence[str], Sequence[int | None]]],
        labels: int,
        config: Config,
        advance: Callable[[int], object] = lambda n: None,
    ) -> Model:
        """Count sentences of T words and T labels 0 .. labels-1 (None: no label); calls `advance` with the number of
        tokens of each.

        Raises SeqcliError if there are no tokens, ValueError for a label out of range or lengths that differ.
        """
        everywhere: Counter[tuple[str, int]] = Counter()
        first: Counter[tuple[str, int]] = Counter()  # of these, how many at the beginning of a sentence
        for words, tags in sentences:
            pairs = [(word, None if tag is None else int(tag)) for word, tag in zip(words, tags, strict=True)]
            labelled = [(word, tag) for word, tag in pairs if tag is not None]
            everywhere.update(labelled)
            first.update(labelled[:1] if pairs[:1] == labelled[:1] else ())
            advance(len(pairs))
        if not everywhere:
            raise SeqcliError(
                "there is nothing to count: the training data has no tokens", hint="see data.train in the recipe"
            )
        if not all(0 <= tag < labels for _, tag in everywhere):
            raise ValueError(f"labels must lie in 0 .. {labels - 1}")
        by_word: defaultdict[str, dict[int, int]] = defaultdict(dict)
        for (word, tag), count in everywhere.items():
            by_word[word][tag] = count
        by_ending: defaultdict[str, defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))
        for word, tags in by_word.items():
            if sum(tags.values()) <= config.rare:
                for tag, count in tags.items():
                    for beginning, seen in ((True, first[word, tag]), (False, count - first[word, tag])):
                        if seen:
                            for key in _chain(word, beginning, config.suffix):
                                by_ending[key][tag] += 1
        return cls(config, labels, Table.of(by_word), Table.of(by_ending))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays `words.*` and `endings.*`: see Table."""
        return {f"{name}.{part}": getattr(getattr(self, name), part) for name in TABLES for part in PARTS}

    @classmethod
    def restore(cls, config: Config, vocabulary: Vocabulary, arrays: Mapping[str, np.ndarray]) -> Model:
        """Restore the model that `arrays` describe. Raises SeqcliError if they do not fit."""
        labels = len(vocabulary.labels)
        names = {f"{name}.{part}" for name in TABLES for part in PARTS}
        if odd := sorted(names ^ arrays.keys()):
            raise SeqcliError(f"the stored counts do not fit the model's configuration: {', '.join(odd[:5])}")
        tables = [Table(*(arrays[f"{name}.{part}"] for part in PARTS)) for name in TABLES]
        if not all(table.fits(labels) for table in tables):
            raise SeqcliError("the stored counts contradict each other", hint="train the model again")
        return cls(config, labels, *tables)

    @property
    def parameters(self) -> int:
        """The number of counts."""
        return len(self.words.counts) + len(self.endings.counts)

    def known(self, words: Sequence[str]) -> list[bool]:
        """Return for each word whether the training text has it, exactly as written."""
        return [word in self.words.index for word in words]

    @property
    def chain(self) -> None:
        """None: labels are independent."""
        return None

    def emissions(self, sentences: Sequence[Sequence[str]], features: Any = ()) -> list[np.ndarray]:
        """Return log p(tag | word) in nats of every token: B sentences of T words -> B arrays (T, K) float32.

        Each row is a distribution without -inf, and depends on the token alone and on whether it comes first.
        """
        nothing, row = np.zeros(0, np.float32), self._row
        found = [[row(word, True) if i == 0 else row(word) for i, word in enumerate(words)] for words in sentences]
        return [np.concatenate([nothing, *rows]).reshape(len(rows), self.labels) for rows in found]

    def distribution(self, word: str, first: bool) -> np.ndarray:
        """Return p(tag | word) (K,) float64; `first`: at the beginning of a sentence."""
        p = self._overall
        for key in _chain(word, first, self.config.suffix):
            p = self.endings.interpolate(key, p, NESTED)
        if _form(word, first) in "FX":
            lower = word.lower()
            p = self.words.interpolate(lower, p) if lower != word else p
        return self.words.interpolate(word, p)

    @cached_property
    def _overall(self) -> np.ndarray:
        """p(tag) (K,) float64 over all words."""
        counts = np.bincount(self.words.labels, self.words.counts, self.labels)
        v = np.count_nonzero(counts)
        return (counts + v / self.labels) / (counts.sum() + v)

    @cached_property
    def _row(self) -> Callable[..., np.ndarray]:
        """A cached function: log p(. | word) (K,) float32 of a word, or of the `first` word of a sentence."""

        @lru_cache(max(1, HELD // self.labels))
        def row(word: str, first: bool = False) -> np.ndarray:
            return np.log(self.distribution(word, first)).astype(np.float32)

        return row


def _chain(word: str, first: bool, longest: int) -> Iterator[str]:
    """Yield the keys of a word's endings, most general first: "", the form, the form and the last 1, 2, ...
    characters."""
    form = _form(word, first)
    yield ""
    yield form
    plain = _digit.sub("0", word.lower())
    for length in range(1, min(longest, len(plain)) + 1):
        yield form + plain[-length:]


def _form(word: str, first: bool) -> str:
    """Return the form of a word, how it is written, as one character."""
    if not any(map(str.isalnum, word)):
        return "."
    if any(map(str.isdigit, word)):
        return "a" if any(map(str.isalpha, word)) else "0"
    if word[:1].isupper() or word[:1].istitle():
        if len(word) > 1 and word.isupper():
            return "X"
        return "F" if first else "C"
    if word.islower() or word.lower() == word:
        return "-" if "-" in word else "x"
    return "m"


def _compact(values: list[int]) -> np.ndarray:
    """Return non-negative numbers in the smallest unsigned type that holds them."""
    return np.array(values, np.min_scalar_type(max(values, default=0)))
