"""Notation of partly known tags: unknown `_`, one of several `NOUN|PROPN`, none of several `!PER|ORG`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from seqcli.errors import SeqcliError

if TYPE_CHECKING:
    from seqcli.records._kinds import Options

NOTHING = "_"  # an empty word in a column format, and an unknown tag
NOT, OR = "!", "|"


def is_open(tag: str) -> bool:
    """Whether a tag is unknown or known only in part. `!` and `|` alone are ordinary tags."""
    return tag == NOTHING or (len(tag) > 1 and (tag[0] == NOT or OR in tag))


def names_in(tag: str) -> list[str]:
    """Return the tags, or kinds of span, that an open tag names."""
    return [] if tag == NOTHING else list(dict.fromkeys(tag.removeprefix(NOT).split(OR)))


def is_name(text: str) -> bool:
    """Whether a text can be one of the names in an open tag."""
    return text not in ("", NOTHING) and text[0] != NOT and OR not in text


def other_than(kinds: Sequence[str]) -> str:
    """Return the tag of a token outside all spans, in data where only these kinds of span are marked."""
    return NOT + OR.join(kinds) if kinds else NOTHING


def tags_of(name: str, fields: Mapping[str, Any], options: Options, place: Callable[..., str]) -> list[Any]:
    """Return the tags in a JSON list under a name. Null is `empty_tag`. If tags may be known in part, null is `_`, a
    list is one of several, and with a list of kinds in `annotated` O excludes only those. Non-tags stay as they are.

    Raises SeqcliError at `place(key, member)` for a list that is not one of names.
    """
    if not options.partial:
        if options.gold and _are_names(fields.get("annotated")):
            said = f"{place('annotated')}: only partly labelled data has this key"
            raise SeqcliError(said, hint="set data.partial: true")
        return [options.empty_tag if tag is None or tag == "" else tag for tag in fields[name]]
    tags = []
    for i, tag in enumerate(fields[name]):
        if isinstance(tag, list) and not (tag and _are_names(tag)):
            hint = 'one of several is ["NOUN", "PROPN"], null is unknown, "!NOUN" anything else'
            raise SeqcliError(f"{place(name, i)}: {json.dumps(tag)[:40]} is not a list of tags", hint=hint)
        tags.append(NOTHING if tag is None or tag == "" else OR.join(tag) if isinstance(tag, list) else tag)
    if (kinds := fields.get("annotated")) is None:
        return tags
    if not _are_names(kinds):
        said = f"{place('annotated')}: {json.dumps(kinds)[:40]} is not a list of kinds of span"
        raise SeqcliError(said, hint='as in "annotated": ["PER", "ORG"]')
    return [other_than(kinds) if tag == "O" else tag for tag in tags]


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(n, str) and is_name(n) for n in value)
