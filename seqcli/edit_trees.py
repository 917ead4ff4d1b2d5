"""Edit trees, which turn one word into another, as labels for lemmas (Chrupała 2008; Müller et al. 2015).

The longest common substring of word and lemma stays; the parts before and after it are edited in the same way, down
to parts without a common character, one of which replaces the other. A tree stores what it replaces and how many
characters stand before and after what stays, not what stays: `dogs` and `cats` lose their `s` by the same tree, and
it does not apply to a word of another form.

Trees are for words in lower case, and a label says how the lemma is written: in `lower` case, in the word's own
(`keep`: NASA, McDonalds), or with a capital (`title`). If none of those fits, the tree is for words as they are.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any

Tree = Any  # None: no change; [replaced, by]: a leaf; [characters before, after, tree of those, tree of these]
CASES = ("lower", "keep", "title")
UNCHANGED = '["keep",null]'
REMEMBERED = 1 << 16  # cached pairs, labels and words


def tree_of(word: str, lemma: str) -> Tree:
    """Return the edit tree that turns `word` into `lemma`."""
    if word == lemma:
        return None
    at, to, size = SequenceMatcher(None, word, lemma, autojunk=False).find_longest_match()
    if not size:
        return [word, lemma]
    before, behind = tree_of(word[:at], lemma[:to]), tree_of(word[at + size :], lemma[to + size :])
    return [at, len(word) - at - size, before, behind]


def edited(word: str, tree: Tree) -> str | None:
    """Apply a tree to a word; None if it does not apply."""
    if tree is None:
        return word
    if len(tree) == 2:
        return tree[1] if word == tree[0] else None
    before, behind, first, last = tree
    end = len(word) - behind
    if before >= end:
        return None
    one, other = edited(word[:before], first), edited(word[end:], last)
    return None if one is None or other is None else one + word[before:end] + other


@lru_cache(REMEMBERED)
def script(word: str, lemma: str) -> str:
    """Return the label that turns `word` into `lemma`, so that `apply(script(word, lemma), word) == lemma`."""
    lower = tree_of(word.lower(), lemma.lower())
    for case in ("lower", "keep", "title"):
        label = json.dumps([case, lower], ensure_ascii=False, separators=(",", ":"))
        if apply(label, word) == lemma:
            return label
    return json.dumps(["keep", tree_of(word, lemma)], ensure_ascii=False, separators=(",", ":"))


@lru_cache(REMEMBERED)
def apply(label: str, word: str) -> str | None:
    """Apply a label to a word; None if it does not apply. Raises ValueError for a label that is not an edit."""
    case, tree = _parsed(label)
    found = edited(word if case == "keep" else word.lower(), tree)
    return found[:1].upper() + found[1:] if found and case == "title" else found


def scripts(words: Sequence[str], lemmas: Sequence[str]) -> list[str]:
    """Return the labels that turn words into their lemmas."""
    return list(map(script, words, lemmas))


@lru_cache(REMEMBERED)
def _parsed(label: str) -> tuple[str, Tree]:
    case, tree = json.loads(label)
    if case not in CASES or not _is_tree(tree):
        raise ValueError(f"{label[:40]!r} is not an edit of a word")
    return case, tree


def check(labels: Sequence[str]) -> None:
    """Raise ValueError for a label that is not an edit."""
    for label in labels:
        _parsed(label)


def _is_tree(tree: Any) -> bool:
    if tree is None:
        return True
    if not isinstance(tree, list):
        return False
    if len(tree) == 2:
        return all(isinstance(text, str) for text in tree)
    return len(tree) == 4 and all(type(n) is int and n >= 0 for n in tree[:2]) and all(map(_is_tree, tree[2:]))
