"""JSON objects, one a line: locate their members, and add results to them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from seqcli.console import visible

RESULT = "seqcli"  # the key of the results
WHITE = " \t\r"  # a line of nothing else is blank
_decode = json.JSONDecoder().raw_decode


def whole(text: str) -> bool:
    """Whether a text can be encoded: it has no lone surrogate, half of a character that was escaped."""
    return not any("\ud800" <= c <= "\udfff" for c in text)


def short(value: Any) -> str:
    """Return a value as JSON, truncated to 40 characters."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:40] + "…"


def starts(body: str, key: str) -> tuple[int, list[int]]:
    """Return where a key's value begins in a line, in characters from 0, and where its members begin if it is a list.

    The line must be a JSON object. The last of several equal keys counts; a missing key is found at 0.
    """
    value, found = 0, []
    for name, _, at, _ in _members(body):
        if name == key:
            value, found = at, []
            if body[at] == "[":
                at = _skip(body, at + 1)
                while body[at] != "]":
                    found.append(at)
                    at = _skip(body, _decode(body, at)[1], ",")
    return value, found


def _skip(body: str, at: int, more: str = "") -> int:
    while at < len(body) and body[at] in WHITE + more:
        at += 1
    return at


def _members(body: str) -> Iterator[tuple[str, int, int, int]]:
    """Yield each member of an object: its name, where the name begins, where the value begins, and where it ends."""
    at = _skip(body, 0) + 1
    while (at := _skip(body, at, ",")) < len(body) and body[at] != "}":
        begin = at
        name, at = _decode(body, at)
        value = _skip(body, at, ":")
        _, at = _decode(body, value)
        yield name, begin, value, at


def is_object(line: str) -> bool:
    """Whether a line is a JSON object."""
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def dumps(value: Any) -> str:
    """Return a value as JSON on one line; lone surrogates and what some programs take for a line end are escaped."""
    return visible(json.dumps(value, ensure_ascii=False))


def joined(body: str, result: dict[str, Any]) -> str:
    """Return a line with an object, unchanged but for `result` as its last member."""
    return with_members(body, {RESULT: result})


def with_members(body: str, new: dict[str, Any]) -> str:
    """Return a line with an object, unchanged but for new members at its end, which replace those of their names."""
    record = json.loads(body)
    if any(name in record for name in new):  # the other members stay as they were written
        record = {name: value for name, value in record.items() if name not in new}
        body = "{" + ", ".join(body[a:b] for name, a, _, b in _members(body) if name not in new) + "}"
    head = body.rstrip(WHITE)[:-1]
    added = ", ".join(f"{dumps(name)}: {dumps(value)}" for name, value in new.items())
    return f"{head}{', ' if record else ''}{added}}}"


def new_object(members: dict[str, Any], result: dict[str, Any]) -> str:
    """Return a line with a new object of these members and the result."""
    return dumps({**members, RESULT: result})
