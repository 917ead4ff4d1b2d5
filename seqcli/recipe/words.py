"""Describe types and pydantic's errors in plain words: one message for one value, however complex its type."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from seqcli.errors import did_you_mean, nearest
from seqcli.recipe.positions import FLOAT, Keys

_BOUNDS = (("gt", "greater than"), ("ge", "of at least"), ("lt", "less than"), ("le", "at most"))
_NAMES = {int: "whole number", float: "number", str: "text", bool: "true or false", type(None): "null"}
# errors that `describe` words; all others keep pydantic's own message
_DESCRIBED = ("_type", "literal_error", "greater_than", "greater_than_equal", "less_than", "less_than_equal")
_UNIONS = (typing.Union, types.UnionType)
LONG_LIST = 12  # more known keys than this are not listed in a message


def describe(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    """Describe a type with its bounds: Annotated[float, Field(gt=0)] is "a number greater than 0"."""
    base, bounds = _unwrap(annotation, metadata)
    origin, arms = get_origin(base), get_args(base)
    if origin in _UNIONS:
        *words, last = dict.fromkeys(describe(a) for a in arms if a is not type(None))
        return f"{', '.join(words)}{',' * (len(words) > 1)} or {last}" if words else last
    if origin is Literal:
        words = [_scalar(a) for a in arms]
        return words[0] if len(words) == 1 else f"one of {', '.join(words)}"
    if origin is tuple and arms and arms[-1] is not Ellipsis:
        parts = list(dict.fromkeys(describe(a) for a in arms))
        return f"a list of {len(arms)} items, each {parts[0]}" if len(parts) == 1 else f"a list of {', '.join(parts)}"
    if origin in (list, tuple, set, frozenset):
        return "a list of texts" if arms[:1] == (str,) else f"a list, each item {describe(arms[0])}"
    if base is dict or origin is dict or (isinstance(base, type) and issubclass(base, BaseModel)):
        return "keys with values"
    if base in (str, bool, type(None)):
        return _NAMES[base]
    if base in (int, float):
        said = [f"{word} {_number(bounds[name])}" for name, word in _BOUNDS if name in bounds]
        return " ".join(["a", _NAMES[base], " and ".join(said)]).rstrip()
    return "anything" if base is Any else getattr(base, "__name__", str(base))


def show(value: Any) -> str:
    """Return a value for a message: short, and unambiguous about its type."""
    if isinstance(value, (list, tuple)):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return "keys with values"
    if isinstance(value, str):
        short = value if len(value) <= 40 else f"{value[:37]}..."
        return f"{short!r} in quotes" if FLOAT.fullmatch(value) else repr(short)
    return "null" if value is None else repr(value) if isinstance(value, float) else _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return _number(value) if isinstance(value, float) else str(value)


def _number(value: Any) -> str:
    return repr(value).removesuffix(".0")


def _unwrap(annotation: Any, metadata: Iterable[Any] = ()) -> tuple[Any, dict[str, Any]]:
    """Return the bare type, and its bounds by name."""
    found = [*metadata]
    while get_origin(annotation) is Annotated:
        annotation, *more = get_args(annotation)
        found += more
    bounds: dict[str, Any] = {}
    for item in [m for f in found for m in (f.metadata if isinstance(f, FieldInfo) else [f])]:
        bounds |= {name: getattr(item, name) for name, _ in _BOUNDS if getattr(item, name, None) is not None}
    return annotation, bounds


def _arms(annotation: Any) -> list[Any]:
    """Return the members of a union; the type itself if it is not one."""
    base, _ = _unwrap(annotation)
    return [a for m in get_args(base) for a in _arms(m)] if get_origin(base) in _UNIONS else [annotation]


def member(annotation: Any, keys: Keys) -> Any:
    """Return the type at `keys` inside a type, as Annotated if it has bounds; None if there is none."""
    for key in keys:
        found = None
        for arm in _arms(annotation):
            base, _ = _unwrap(arm)
            origin, arguments = get_origin(base), get_args(base)
            if isinstance(key, str) and isinstance(base, type) and issubclass(base, BaseModel):
                if key in base.model_fields:
                    info = base.model_fields[key]
                    found = Annotated[info.annotation, info] if info.metadata else info.annotation
            elif isinstance(key, str) and origin is dict:
                found = arguments[1]
            elif isinstance(key, int) and origin in (list, tuple) and arguments:
                fixed = origin is tuple and arguments[-1] is not Ellipsis
                found = (arguments[key] if key < len(arguments) else None) if fixed else arguments[0]
            if found is not None:
                break
        if found is None:
            return None
        annotation = found
    return annotation


def known_keys(annotation: Any, keys: Keys = ()) -> list[str]:
    """Return the keys that are allowed at `keys` inside a configuration."""
    found: list[str] = []
    for arm in _arms(member(annotation, keys)):
        base, _ = _unwrap(arm)
        if isinstance(base, type) and issubclass(base, BaseModel):
            found += base.model_fields
    return found


def fitted(annotation: Any, value: Any) -> Any:
    """Convert what YAML cannot express, because pydantic is strict: a list becomes a tuple, and `1e4` an integer, if
    the type asks for one."""
    if isinstance(value, dict):
        return {k: fitted(member(annotation, (k,)), v) if isinstance(k, str) else v for k, v in value.items()}
    if annotation is None or not isinstance(value, (list, float)):
        return value
    wanted = [get_origin(b) or b for b in map(_bare, _arms(annotation))]
    if isinstance(value, float):
        return int(value) if value.is_integer() and int in wanted and float not in wanted else value
    made = [fitted(member(annotation, (i,)), v) for i, v in enumerate(value)]
    return tuple(made) if tuple in wanted and list not in wanted else made


def unknown_key(key: str, known: Iterable[str], see: str) -> str:
    """Return the message for an unknown key, with suggestions; `see` is the command that lists the keys if they are
    many."""
    known = list(known)
    if len(known) > LONG_LIST and not nearest(key, known):
        return f"unknown key; see: {see}"
    return "unknown key; " + (did_you_mean(key, known) or "no keys are allowed here")


def explain(
    error: ValidationError, config: type[BaseModel], value: Any, unknown: Callable[[Keys], str]
) -> list[tuple[Keys, str]]:
    """Return the errors that pydantic found in `value`, as (keys inside value, message), one for each place.

    A value that fits no member of a union is reported once; if it has the shape of one member (a list, a mapping),
    the errors inside it are reported instead. `unknown(keys)` returns the message for an unknown key.
    """
    found: dict[Keys, str] = {}
    by_member: dict[Keys, bool] = {}  # whether all errors at a place come from a union's members
    for item in error.errors(include_url=False):
        keys, named = _locate(item["type"], item["loc"], value)
        found.setdefault(keys, _message(item, config, keys, value, unknown))
        by_member[keys] = by_member.get(keys, True) and named
    inside = {k[:n] for k in found for n in range(len(k))}
    return [(keys, text) for keys, text in found.items() if not (by_member[keys] and keys in inside)]


def _locate(kind: str, location: tuple[str | int, ...], value: Any) -> tuple[Keys, bool]:
    """Return the keys of the value that an error is about, and whether a member of a union found it.

    pydantic puts the names of unions' members among the keys; a key that the value does not have is such a name.
    """

    keys: Keys = ()
    named = False
    missing = location[-1:] if kind == "missing" else ()
    for part in location[:-1] if missing else location:
        if _has(value, part):
            keys, value = (*keys, part), value[part]
        else:
            named = True
    return (keys if isinstance(value, (list, tuple)) else (*keys, *missing)), named


def _has(value: Any, part: str | int) -> bool:
    if isinstance(value, (list, tuple)):
        return isinstance(part, int) and part < len(value)
    return isinstance(value, dict) and part in value


def _message(item: Any, config: type[BaseModel], keys: Keys, value: Any, unknown: Callable[[Keys], str]) -> str:
    kind: str = item["type"]
    annotation = member(config, keys)
    base = _unwrap(annotation)[0]
    for key in keys:
        value = value[key] if _has(value, key) else None
    if kind == "extra_forbidden":
        return unknown(keys)
    if kind == "missing" and get_origin(base) is not tuple:
        return f"missing; it must be {describe(annotation)}" if annotation is not None else "missing"
    if kind in ("value_error", "assertion_error"):  # a validator's own words
        return str(item.get("ctx", {}).get("error") or item["msg"])
    described = kind.endswith(_DESCRIBED) or get_origin(base) is tuple
    if annotation is None or not described:
        return f"{item['msg'][:1].lower()}{item['msg'][1:]}, not {show(value)}"
    choices = [str(c) for b in map(_bare, _arms(annotation)) if get_origin(b) is Literal for c in get_args(b)]
    close = nearest(value, choices) if isinstance(value, str) else None
    found = "; it is empty" if value is None else f", not {show(value)}"
    return f"must be {describe(annotation)}{found}" + (f"; did you mean {close!r}?" if close else "")


def _bare(annotation: Any) -> Any:
    return _unwrap(annotation)[0]
