"""Labels inside a model, tags outside: the data may have written its spans in another scheme than the model's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from seqcli import edit_trees, schemes

LITTLE = 1e-4  # probability of an edit that does not count


@dataclass(frozen=True)
class Labels:
    """A model's K labels and the scheme of the tags that they are written as."""

    names: list[str]
    inside: str | None  # the scheme of the labels; None where they are no spans
    outside: str | None  # the scheme of the tags

    @cached_property
    def tags(self) -> list[str]:
        """The tags that are written, sorted."""
        found = set(self.parts)
        if self._finer:
            divided = [(prefix, name) for prefix, name in map(schemes.divide, self.parts) if prefix in ("B", "I")]
            found |= {_spelt("S" if prefix == "B" else "E", name) for prefix, name in divided}
        return sorted({schemes.in_letters(tag, self.outside) for tag in found})

    @property
    def _finer(self) -> bool:
        """Whether tags tell more parts of a span apart than labels do."""
        return self.inside == "iob2" and self.outside in schemes.LETTERS

    @cached_property
    def _part_scheme(self) -> str | None:
        """The scheme of `parts`: the coarser of the two, but never IOB1, where a tag hangs on the one before it."""
        if not self.inside or not self.outside:
            return None
        return self.inside if self.outside in (self.inside, *schemes.LETTERS) else "iob2"

    @cached_property
    def parts(self) -> list[str]:
        """For each label, what it says of a token in the terms that probabilities are given in: the tag that it is
        written as, in the letters of IOBES; in IOB1, where I begins a span too unless one of its kind goes before,
        the one of IOB2."""
        if self._part_scheme in (None, self.inside):
            return list(self.names)
        plain = {"S": "B", "E": "I"}
        divided = [schemes.divide(label) for label in self.names]
        return [_spelt(plain[p], n) if p in plain else tag for tag, (p, n) in zip(self.names, divided, strict=True)]

    @cached_property
    def part_ids(self) -> np.ndarray:
        """(K,) the place of each label's part among the different ones, sorted."""
        different = {part: i for i, part in enumerate(sorted(set(self.parts)))}
        return np.array([different[part] for part in self.parts], np.int64)

    def parts_of(self, tags: Sequence[str]) -> list[str]:
        """Tags of the data in the terms of `parts`."""
        if self.outside and self._part_scheme:
            return schemes.convert(tags, self.outside, self._part_scheme)
        return list(tags)

    def spelt(self, tags: Sequence[str]) -> list[str]:
        """Tags of the data in the letters that are written."""
        return schemes.convert(tags, self.outside, self.outside) if self.outside in schemes.LETTERS else list(tags)

    def written(self, path: np.ndarray, words: Sequence[str] = ()) -> list[str]:
        """The tags of a path of labels (T,), of words."""
        labels = [self.names[k] for k in path.tolist()]
        if self.inside and self.outside and self.inside != self.outside:
            return schemes.convert(labels, self.inside, self.outside)
        return labels

    @cached_property
    def meant(self) -> dict[str, list[int]]:
        """A tag as a person writes it to the labels it may stand for: `B-PER`, or `PER` for all its parts."""
        found: dict[str, list[int]] = {}
        for k, (label, part) in enumerate(zip(self.names, self.parts, strict=True)):
            prefix, name = schemes.divide(label)
            tags = {label, part}
            if self.outside == "iob1" and prefix in ("B", "S"):
                tags.add(_spelt("I", name))  # begins a span there, unless it follows one of its kind
            if self._finer and prefix in ("B", "I"):
                tags.add(_spelt("S" if prefix == "B" else "E", name))
            for tag in tags | {schemes.in_letters(tag, self.outside) for tag in tags} | {name or label}:
                found.setdefault(tag, []).append(k)
        return found


class Edits(Labels):
    """Labels that are edits of words (`edit_trees`): what is written is what they make of a word."""

    def applied(
        self, paths: np.ndarray, scores: Callable[[int, int], np.ndarray], words: Sequence[Sequence[str]]
    ) -> None:
        """Put into paths (B, T), where an edit does not apply to its word, the best one that does; `scores(b, t)` are
        those of a word's labels (K,)."""
        for b, own in enumerate(words):
            for t, word in enumerate(own):
                if edit_trees.apply(self.names[paths[b, t]], word) is None:
                    order = np.argsort(-scores(b, t), kind="stable").tolist()
                    applying = (k for k in order if edit_trees.apply(self.names[k], word) is not None)
                    paths[b, t] = next(applying, paths[b, t])

    def written(self, path: np.ndarray, words: Sequence[str] = ()) -> list[str]:
        """What the edits of a path make of the words; a word stays where its edit does not apply."""
        pairs = zip(words, path.tolist(), strict=True)
        return [found if (found := edit_trees.apply(self.names[k], w)) is not None else w for w, k in pairs]

    def merged(self, path: np.ndarray, marginals: np.ndarray, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Path (T,) and marginals (T, K) in which edits that make the same of a word are one, the one that training
        would have; what is less probable than LITTLE stays where it is."""
        path, marginals = path.copy(), marginals.copy()
        for t, word in enumerate(words):
            own = self._same(path[t], word)
            for k in np.flatnonzero(marginals[t] > LITTLE).tolist():
                if (to := self._same(k, word)) != k:
                    marginals[t, to] += marginals[t, k]
                    marginals[t, k] = 0.0
            path[t] = own
        return path, marginals

    def _same(self, k: int, word: str) -> int:
        """The label that training has for what a label makes of a word; itself where it has none."""
        made = edit_trees.apply(self.names[k], word)
        return k if made is None else self._ids.get(edit_trees.script(word, made), k)

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {name: k for k, name in enumerate(self.names)}


def _spelt(prefix: str, name: str) -> str:
    """A tag of its parts; one kind of span needs no name."""
    return f"{prefix}-{name}" if name else prefix
