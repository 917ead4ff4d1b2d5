"""Labels inside a model, tags outside: the data may write its spans in another scheme than the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from seqcli import edit_trees, schemes

LITTLE = 1e-4  # edits of at most this probability are not merged


@dataclass(frozen=True)
class Labels:
    """A model's K labels, and the scheme in which they are written as tags."""

    names: list[str]
    inside: str | None  # the scheme of the labels; None if they are not spans
    outside: str | None  # the scheme of the tags

    @cached_property
    def tags(self) -> list[str]:
        """The tags that the model writes, sorted."""
        found = set(self.parts)
        if self._finer:
            divided = [(prefix, name) for prefix, name in map(schemes.divide, self.parts) if prefix in ("B", "I")]
            found |= {_spelt("S" if prefix == "B" else "E", name) for prefix, name in divided}
        return sorted({schemes.in_letters(tag, self.outside) for tag in found})

    @property
    def _finer(self) -> bool:
        """Whether tags distinguish more parts of a span than labels do."""
        return self.inside == "iob2" and self.outside in schemes.LETTERS

    @cached_property
    def _part_scheme(self) -> str | None:
        """The scheme of `parts`: the coarser of the two, but never IOB1, where a tag depends on the one before it."""
        if not self.inside or not self.outside:
            return None
        return self.inside if self.outside in (self.inside, *schemes.LETTERS) else "iob2"

    @cached_property
    def parts(self) -> list[str]:
        """For each label, the tag under which its probability is reported: the written tag in the letters of IOBES;
        for IOB1, where I may begin a span too unless one of its kind precedes it, the tag of IOB2."""
        if self._part_scheme in (None, self.inside):
            return list(self.names)
        plain = {"S": "B", "E": "I"}
        divided = [schemes.divide(label) for label in self.names]
        return [_spelt(plain[p], n) if p in plain else tag for tag, (p, n) in zip(self.names, divided, strict=True)]

    @cached_property
    def part_ids(self) -> np.ndarray:
        """The index of each label's part among the distinct parts, sorted (K,)."""
        different = {part: i for i, part in enumerate(sorted(set(self.parts)))}
        return np.array([different[part] for part in self.parts], np.int64)

    def parts_of(self, tags: Sequence[str]) -> list[str]:
        """Convert tags of the data to the scheme of `parts`."""
        if self.outside and self._part_scheme:
            return schemes.convert(tags, self.outside, self._part_scheme)
        return list(tags)

    def spelt(self, tags: Sequence[str]) -> list[str]:
        """Convert tags of the data to the letters that are written."""
        return schemes.convert(tags, self.outside, self.outside) if self.outside in schemes.LETTERS else list(tags)

    def written(self, path: np.ndarray, words: Sequence[str] = ()) -> list[str]:
        """Return the tags of words for a path of labels (T,)."""
        labels = [self.names[k] for k in path.tolist()]
        if self.inside and self.outside and self.inside != self.outside:
            return schemes.convert(labels, self.inside, self.outside)
        return labels

    @cached_property
    def meant(self) -> dict[str, list[int]]:
        """The labels that a tag written by a person may stand for: `B-PER`, or `PER` for all its parts."""
        found: dict[str, list[int]] = {}
        for k, (label, part) in enumerate(zip(self.names, self.parts, strict=True)):
            prefix, name = schemes.divide(label)
            tags = {label, part}
            if self.outside == "iob1" and prefix in ("B", "S"):
                tags.add(_spelt("I", name))  # begins a span in IOB1, unless it follows one of its kind
            if self._finer and prefix in ("B", "I"):
                tags.add(_spelt("S" if prefix == "B" else "E", name))
            for tag in tags | {schemes.in_letters(tag, self.outside) for tag in tags} | {name or label}:
                found.setdefault(tag, []).append(k)
        return found


class Edits(Labels):
    """Labels that are edits of words (`edit_trees`); what is written is the edited word."""

    def applied(
        self, paths: np.ndarray, scores: Callable[[int, int], np.ndarray], words: Sequence[Sequence[str]]
    ) -> None:
        """Replace in paths (B, T), in place, each edit that does not apply to its word by the best one that does;
        `scores(b, t)` returns the scores of a word's labels (K,)."""
        for b, own in enumerate(words):
            for t, word in enumerate(own):
                if edit_trees.apply(self.names[paths[b, t]], word) is None:
                    order = np.argsort(-scores(b, t), kind="stable").tolist()
                    applying = (k for k in order if edit_trees.apply(self.names[k], word) is not None)
                    paths[b, t] = next(applying, paths[b, t])

    def written(self, path: np.ndarray, words: Sequence[str] = ()) -> list[str]:
        """Return the words after the edits of a path; a word to which its edit does not apply stays unchanged."""
        pairs = zip(words, path.tolist(), strict=True)
        return [found if (found := edit_trees.apply(self.names[k], w)) is not None else w for w, k in pairs]

    def merged(self, path: np.ndarray, marginals: np.ndarray, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return a path (T,) and marginals (T, K) in which edits with the same result for a word are merged into the
        one that training would use; edits less probable than LITTLE are not merged."""
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
        """Return the label that training uses for the result of label k on a word; k if there is none."""
        made = edit_trees.apply(self.names[k], word)
        return k if made is None else self._ids.get(edit_trees.script(word, made), k)

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {name: k for k, name in enumerate(self.names)}


def _spelt(prefix: str, name: str) -> str:
    """Join a tag from its parts; a single kind of span needs no name."""
    return f"{prefix}-{name}" if name else prefix
