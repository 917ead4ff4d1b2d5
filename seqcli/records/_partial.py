"""How tags that are known in part are written: none `_`, one of several `NOUN|PROPN`, none of some `!PER|ORG`."""

from __future__ import annotations

from typing import Any

NOTHING = "_"  # how a column format writes a word that is empty, and a token whose tag is not known
NOT, OR = "!", "|"


def is_open(tag: str) -> bool:
    """Whether a tag is known in part."""
    return tag == NOTHING or tag.startswith(NOT) or OR in tag


def names_in(tag: str) -> list[str]:
    """The tags, or kinds of span, that an open tag names."""
    return [] if tag == NOTHING else tag.removeprefix(NOT).split(OR)


def other_than(kinds: list[str]) -> str:
    """The tag of a token in no span of some kinds, where no others are marked."""
    return NOT + OR.join(kinds) if kinds else NOTHING


def tags_of(value: list[Any], annotated: Any, empty: str, *, partial: bool) -> list[Any]:
    """The tags in a list of JSON: null is `empty`; where they are known in part a list is one of several, and with a
    list of kinds in `annotated` O may hide others."""
    tags = [empty if tag is None or tag == "" else tag for tag in value]
    if not partial:
        return tags
    tags = [OR.join(t) if isinstance(t, list) and t and all(isinstance(n, str) for n in t) else t for t in tags]
    if isinstance(annotated, list) and all(isinstance(kind, str) for kind in annotated):
        tags = [other_than(annotated) if tag == "O" else tag for tag in tags]
    return tags
