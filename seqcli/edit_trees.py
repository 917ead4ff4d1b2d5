"""What makes one word of another, as a label: the edit trees of lemmas (Chrupała 2008; Müller et al. 2015).

The longest text that word and lemma have in common stays; what stands before and behind it is edited in the same
way, down to texts without a common character, of which one replaces the other. A tree knows what it replaces and how
many characters stand before and behind what stays, not what stays: `dogs` and `cats` lose their `s` by the same one,
and to a word of another form it does not apply.

A tree is of words in lower case, and its label says how the lemma is written: in `lower` case, in the word's own
(`keep`: NASA, McDonalds), or with a capital (`title`). Where none of those fits, the tree is of words as they are.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any

Tree = Any  # None: all stays; [replaced, by]: a leaf; [characters before, behind, tree of those, tree of these]
CASES = ("lower", "keep", "title")
UNCHANGED = '["keep",null]'
REMEMBERED = 1 << 16  # pairs, labels and words


def tree_of(word: str, lemma: str) -> Tree:
    """The edit tree that makes `lemma` of `word`."""
    if word == lemma:
        return None
    at, to, size = SequenceMatcher(None, word, lemma, autojunk=False).find_longest_match()
    if not size:
        return [word, lemma]
    before, behind = tree_of(word[:at], lemma[:to]), tree_of(word[at + size :], lemma[to + size :])
    return [at, len(word) - at - size, before, behind]


def edited(word: str, tree: Tree) -> str | None:
    """What a tree makes of a word; None where it does not apply."""
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
    """The label of what makes `lemma` of `word`, always the same: `apply(script(word, lemma), word) == lemma`."""
    lower = tree_of(word.lower(), lemma.lower())
    for case in ("lower", "keep", "title"):
        label = json.dumps([case, lower], ensure_ascii=False, separators=(",", ":"))
        if apply(label, word) == lemma:
            return label
    return json.dumps(["keep", tree_of(word, lemma)], ensure_ascii=False, separators=(",", ":"))


@lru_cache(REMEMBERED)
def apply(label: str, word: str) -> str | None:
    """What a label makes of a word; None where it does not apply to it, or is none."""
    case, tree = _parsed(label)
    found = edited(word if case == "keep" else word.lower(), tree)
    return found[:1].upper() + found[1:] if found and case == "title" else found


def scripts(words: Sequence[str], lemmas: Sequence[str]) -> list[str]:
    """The labels of words with their lemmas."""
    return list(map(script, words, lemmas))


@lru_cache(REMEMBERED)
def _parsed(label: str) -> tuple[str, Tree]:
    case, tree = json.loads(label)
    if case not in CASES or not _is_tree(tree):
        raise ValueError(f"{label[:40]!r} is no edit of a word")
    return case, tree


def check(labels: Sequence[str]) -> None:
    """Raise ValueError for a label that is no edit."""
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
