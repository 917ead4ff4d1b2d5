"""What the formats share that read fields of JSON objects, one a line: what is wrong with them, and where."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from seqcli.errors import SeqcliError, did_you_mean
from seqcli.formats._rows import in_recipe
from seqcli.formats.jsonl import RESULT, starts


def is_object(line: str) -> bool:
    """Whether a line is a JSON object."""
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def object_of(body: str, source: str, number: int, example: str) -> dict[str, Any]:
    """The object that a line is. Raises SeqcliError with the place; `example` is such a line."""
    column, what = 1, "not a JSON object"
    try:
        record = json.loads(body)
    except json.JSONDecodeError as error:
        record, column = None, error.colno
        what = f"not a JSON object ({error.msg[:1].lower()}{error.msg[1:]})"
    except (ValueError, RecursionError):  # a number of thousands of digits, brackets thousands deep
        record, what = None, "this JSON is too large a number or too deep to read"
    if not isinstance(record, dict):
        raise SeqcliError(f"{source}:{number}:{column}: {what}", hint=f"each line is an object, as in {example}")
    return record


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
