"""What the formats share that read fields of JSON objects, one a line: the reader; what is wrong, and where.

Which key is which: as said; else as where the model was trained; else what the kind of record makes of well-known
names.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any

from seqcli.errors import SeqcliError, did_you_mean
from seqcli.formats import Record
from seqcli.formats._lines import Line, LineReader
from seqcli.formats._rows import in_recipe

RESULT = "seqcli"  # the key of what was found
WHITE = " \t\r"  # a line of nothing else is blank


class ObjectReader(LineReader[Record]):
    """Objects, one a line; a blank line is a record without a text, but in a data set."""

    format = "jsonl"
    example: str  # such a line

    def _record(self, line: Line, number: int) -> Record | None:
        if not line.body.strip(WHITE):
            return self._blank(line, number)
        return self._of(object_of(line.body, self._source or "", number, self.example), line, number)

    @abstractmethod
    def _blank(self, line: Line, number: int) -> Record | None:
        """The record of a blank line; None where it holds none."""

    @abstractmethod
    def _of(self, record: dict[str, Any], line: Line, number: int) -> Record:
        """The record of an object."""

    def _key(
        self, role: str, record: dict[str, Any], given: str | None, known: str | None, number: int
    ) -> str | None:
        """The key of a part of a record: what is `given`, else what it was in training, else the `known` one, which
        is told where training had another."""
        own = self.trained.get(role)
        key = given or (own if isinstance(own, str) and own in record else known)
        if key is not None:
            self.found.setdefault(role, key)
            if given is None and isinstance(own, str):
                self._tell(role, key, "key", f"{self._source}:{number}:1")
        return key


# where the members of an object stand in its line

_decode = json.JSONDecoder().raw_decode


def starts(body: str, key: str) -> tuple[int, list[int]]:
    """Where a key's value begins in a line, in characters from 0, and where the members begin if it is a list.

    The line must be a JSON object; a key that is there twice counts where it comes last, and one that is not there
    is found at 0.
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
    """Each member of an object: its name, where that begins, where the value begins, and where it ends."""
    at = _skip(body, 0) + 1
    while (at := _skip(body, at, ",")) < len(body) and body[at] != "}":
        begin = at
        name, at = _decode(body, at)
        value = _skip(body, at, ":")
        _, at = _decode(body, value)
        yield name, begin, value, at


def joined(body: str, result: dict[str, Any]) -> str:
    """A line with an object, as it stands, and `result` as its last member."""
    record = json.loads(body)
    if RESULT in record:  # the other members stay as they are written
        del record[RESULT]
        body = "{" + ", ".join(body[a:b] for name, a, _, b in _members(body) if name != RESULT) + "}"
    head = body.rstrip(WHITE)[:-1]
    return f'{head}{", " if record else ""}"{RESULT}": {json.dumps(result, ensure_ascii=False)}}}'


def new_object(members: dict[str, Any], result: dict[str, Any]) -> str:
    """A line with an object of its own members and what was found for it."""
    return json.dumps({**members, RESULT: result}, ensure_ascii=False)


# what is wrong, and where


ARRAY = "an array is not read: make lines of its members, as jq does: jq -c '.[]' FILE > NEW.jsonl"


def is_object(line: str) -> bool:
    """Whether a line is a JSON object."""
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def object_of(body: str, source: str, number: int, example: str) -> dict[str, Any]:
    """The object that a line is. Raises SeqcliError with the place; `example` is such a line."""
    column, what, found = 1, "not a JSON object", None
    try:
        found = json.loads(body)
    except json.JSONDecodeError as error:
        column = error.colno
        what = f"not a JSON object ({error.msg[:1].lower()}{error.msg[1:]})"
    except (ValueError, RecursionError):  # a number of thousands of digits, brackets thousands deep
        what = "this JSON is too large a number or too deep to read"
    if not isinstance(found, dict):
        hint = f"each line is an object, as in {example}"
        if isinstance(found, list) or body.strip() == "[":
            hint += f"\n{ARRAY}"
        raise SeqcliError(f"{source}:{number}:{column}: {what}", hint=hint)
    return found


def text_of(record: dict[str, Any], key: str, role: str, body: str, source: str, number: int) -> str:
    """The text under a key. Raises SeqcliError where there is none."""
    value = record.get(key)
    if isinstance(value, str):
        return value
    if key not in record:
        raise no_key(role, key, record, source, number)
    where = place_of(body, source, number, key)
    raise SeqcliError(f"{where}: {key!r} holds {short(value)}, not a text", hint=says(role))


def no_key(role: str, key: str, record: dict[str, Any], source: str, number: int) -> SeqcliError:
    """The error for an object without a key that it must have."""
    known = [k for k in record if k != RESULT]
    near = did_you_mean(key, known) or "the object is empty"
    return SeqcliError(
        f"{source}:{number}:1: the object has no {key!r}",
        hint=f"{near if len(near) < 200 else near[:200] + ' …'}\n{says(role)}",
    )


def which_key(role: str, keys: list[str], source: str, number: int) -> SeqcliError:
    """The question which of several keys it is."""
    return SeqcliError(
        f"{source}:{number}:1: which of {_listed(keys)} is the {role}?",
        hint=f"say it: --{role} {keys[0]}{in_recipe(role)}",
    )


def whole(text: str) -> bool:
    """Whether a text can be written: no escape in it stands for half a character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def half_a_character(body: str, source: str, number: int, key: str | None) -> SeqcliError:
    """The error for a field with a lone surrogate."""
    return SeqcliError(
        f"{place_of(body, source, number, key)}: the field {key!r} holds half a character (a lone surrogate)",
        hint="a character beyond U+FFFF is written as itself, or as two \\u escapes",
    )


def place_of(body: str, source: str, number: int, key: str | None) -> str:
    """`file:line:column` of a key's value; of the object where there is no such key."""
    return f"{source}:{number}:{starts(body, key)[0] + 1 if key is not None else 1}"


def says(role: str) -> str:
    """How to say under which key something is."""
    return f"--{role} KEY{in_recipe(role)} says under which key the {role} is"


def short(value: Any) -> str:
    """A value as JSON writes it, its beginning where it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:40] + "…"


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(map(repr, names[:8])) + (" …" if len(names) > 8 else "")
