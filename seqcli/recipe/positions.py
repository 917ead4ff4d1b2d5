"""Read YAML as plain values with their positions.

Values are those of the YAML 1.2 core schema: `1e-3` is a number, `no` and `12:30` are text, only `true` and `false`
are booleans. Values can only be text, numbers, booleans, null, lists and mappings; keys are always text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import yaml

Keys = tuple[str | int, ...]  # ("data", "train", 0)

LARGEST = 256 << 10  # characters of a recipe
MOST = 10_000  # values after expanding aliases: a few lines of aliases can expand to billions
_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, order=True)
class Place:
    """The place of a key or value: `order` sorts places, `where` is for messages."""

    order: tuple[float, ...]
    where: str  # recipes/x.yaml:7, or --set model.hidden=3


@dataclass(frozen=True)
class Problem:
    """One mistake."""

    place: Place
    keys: Keys
    text: str

    def __str__(self) -> str:
        named = f"{dotted(self.keys)}: " if self.keys else ""
        return f"{self.place.where}: {named}{self.text}"


@dataclass
class Document:
    """A value, the place of each part of it, and the mistakes found so far."""

    source: str
    value: Any = None
    places: dict[Keys, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def place(self, keys: Keys) -> Place:
        """Return the place of the last of `keys`, or of the nearest part that encloses it."""
        while keys and keys not in self.places:
            keys = keys[:-1]
        return self.places.get(keys) or Place((0, 1, 0), f"{self.source}:1")

    def problem(self, keys: Keys, text: str) -> None:
        self.problems.append(Problem(self.place(keys), keys, text))


def dotted(keys: Iterable[str | int]) -> str:
    """Return keys as text: ("data", "train", 0) as `data.train[0]`."""
    return "".join(f"[{k}]" if isinstance(k, int) else f".{k}" for k in keys).removeprefix(".")


class Core(yaml.SafeLoader):
    """PyYAML's scanner, parser and composer with the YAML 1.2 core schema's plain scalars, and merge keys."""

    yaml_implicit_resolvers = {}  # noqa: RUF012  PyYAML's own name and type


INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
SCALARS = tuple(  # (type, what a plain scalar must match, its first characters), tried in this order
    (name, re.compile(rf"(?:{pattern})\Z"), first)
    for name, pattern, first in (
        ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
        ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
        ("int", INT.pattern, list("-+0123456789")),
        ("float", FLOAT.pattern, list("-+.0123456789")),
        ("merge", r"<<", ["<"]),
    )
)
for _name, _regexp, _first in SCALARS:
    Core.add_implicit_resolver(_TAG + _name, _regexp, _first)


class _TooMuch(Exception):
    """Raised if the aliases of a document expand to too many values."""


def parse(text: str, source: str, place: Place | None = None) -> Document:
    """Read one YAML document. It never raises for mistakes in the text, which are in `problems`.

    With `place` every part has that place (for the value of an override).
    """
    document = Document(source)
    if place:
        document.places[()] = place
    if len(text) > LARGEST:
        document.problem((), f"{len(text):,} characters: too long to be a recipe")
        return document
    try:
        node = yaml.compose(text, Loader=Core)
        if node is not None:
            document.value = _Builder(document, place).build(node, ())
    except yaml.YAMLError as error:
        line, column, what = _plain(error, text)
        if place:
            document.problem((), f"column {column} of the value: {what}")
        else:
            where = Place((0, line, column), f"{source}:{line}:{column}")
            document.problems.append(Problem(where, (), what))
    except RecursionError:
        document.problem((), "nested too deeply")
    except _TooMuch:
        document.problem((), f"its aliases expand to more than {MOST:,} values")
    return document


class _Builder:
    """Turns composed nodes into values, noting places and mistakes."""

    def __init__(self, document: Document, place: Place | None):
        self.document, self.fixed = document, place
        self.open: set[int] = set()  # nodes being built: an alias to one of them would be endless
        self.built = 0

    def place(self, node: yaml.Node) -> Place:
        line, column = node.start_mark.line + 1, node.start_mark.column + 1
        return self.fixed or Place((0, line, column), f"{self.document.source}:{line}")

    def build(self, node: yaml.Node, keys: Keys) -> Any:
        self.built += 1
        if self.built > MOST:
            raise _TooMuch
        self.document.places.setdefault(keys, self.place(node))
        if id(node) in self.open:
            self.document.problem(keys, "an alias to the value that contains it")
            return None
        self.open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self.mapping(node, keys)
            if isinstance(node, yaml.SequenceNode):
                if node.tag != _TAG + "seq":
                    self.unknown_tag(node, keys)
                return [self.build(item, (*keys, i)) for i, item in enumerate(node.value)]
            return self.scalar(node, keys)
        finally:
            self.open.discard(id(node))

    def mapping(self, node: yaml.MappingNode, keys: Keys) -> dict[str, Any]:
        if node.tag != _TAG + "map":
            self.unknown_tag(node, keys)
        first: dict[str, yaml.Node] = {}
        merged: list[yaml.Node] = []
        values: dict[str, Any] = {}
        for key, item in node.value:
            if key.tag == _TAG + "merge":
                merged += item.value if isinstance(item, yaml.SequenceNode) else [item]
                continue
            if not isinstance(key, yaml.ScalarNode):
                self.mistake(key, keys, "a key must be a word, not a list or a mapping")
                continue
            name = str(key.value)
            if name in first:
                began = f" (first on line {first[name].start_mark.line + 1})" if not self.fixed else ""
                self.mistake(key, (*keys, name), f"duplicate key{began}")
                continue
            first[name] = key
            self.document.places[(*keys, name)] = self.place(key)
            values[name] = self.build(item, (*keys, name))
        for source in merged:
            if not isinstance(source, yaml.MappingNode):
                self.mistake(source, keys, "what `<<` merges must be a mapping")
                continue
            # a mapping's own keys take precedence over merged ones, and earlier merges over later ones
            inner = _Builder(Document(self.document.source), self.fixed)
            inner.open, inner.built = self.open, self.built
            found = inner.build(source, keys)
            self.built = inner.built
            for name in [n for n in found or {} if n not in values]:
                values[name] = found[name]
                part = (*keys, name)
                places = {k: p for k, p in inner.document.places.items() if k[: len(part)] == part}
                self.document.places.update(places)
            self.document.problems += [p for p in inner.document.problems if p not in self.document.problems]
        return values

    def scalar(self, node: yaml.Node, keys: Keys) -> Any:
        text, kind = str(node.value), node.tag.removeprefix(_TAG)
        if kind == "null":
            return None
        if kind == "bool" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if kind == "int" and INT.fullmatch(text):
            if len(text) <= 100:
                return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
            self.document.problem(keys, f"a number of {len(text)} digits")
            return 0
        if kind in ("int", "float") and FLOAT.fullmatch(text):
            number = float(re.sub(r"\.(?=[inIN])", "", text))  # .inf and .nan
            if not math.isfinite(number):
                self.document.problem(keys, f"must be a finite number, not {text}")
            return number
        if kind in ("str", "merge"):
            if any("\ud800" <= c <= "\udfff" for c in text):
                self.document.problem(keys, "holds half a character (a lone surrogate)")
            return text
        if kind in ("int", "float", "bool"):
            self.document.problem(keys, f"{text!r} is not what its tag !!{kind} says")
        else:
            self.unknown_tag(node, keys)
        return text

    def unknown_tag(self, node: yaml.Node, keys: Keys) -> None:
        tag = node.tag.replace(_TAG, "!!")
        self.mistake(node, keys, f"the tag {tag} is not allowed: write the value alone")

    def mistake(self, node: yaml.Node, keys: Keys, text: str) -> None:
        self.document.problems.append(Problem(self.place(node), keys, text))


def _plain(error: yaml.YAMLError, text: str) -> tuple[int, int, str]:
    """Return (line, column, message) of a syntax error, in one line of plain words."""
    if isinstance(error, yaml.reader.ReaderError):
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        return line, column, f"the character U+{int(error.character):04X} is not allowed in YAML"  # type: ignore[arg-type]
    if not isinstance(error, yaml.MarkedYAMLError):
        return 1, 1, str(error).partition("\n")[0]
    mark, began = error.problem_mark or error.context_mark, error.context_mark
    what, context = error.problem or "not valid YAML", error.context or ""
    if "'\\t'" in what:
        what = "a tab character; indent with spaces"
    elif "mapping values are not allowed" in what:
        what = "a second ':' in one value; quote text that contains ': ', or check the indentation"
    elif "could not find expected ':'" in what:
        mark, what = began or mark, "a line that is neither `key: value` nor a comment"
    elif "found unexpected end of stream" in what and "quoted" in context:
        mark, what = began or mark, "a quote that is opened here is never closed"
    elif "or ']'" in what or "or '}'" in what:
        mark, what = began or mark, "a bracket that is opened here is not closed, or a comma is missing after it"
    elif "expected <block end>" in what or "expected '<document start>'" in what:
        what = "this line is indented differently from those it belongs to, or a quote or bracket is out of place"
    elif "sequence entries are not allowed" in what:
        what = "a list item (`- `) is not allowed here; begin it on a line of its own"
    elif "duplicate anchor" in context:
        what = context.replace("found duplicate", "a duplicate").partition(";")[0]
    elif "expected the node content" in what:
        what = "a value is missing here, or a bracket or sign is out of place"
    elif "expected a single document" in context:
        what = "a second document (`---`); a recipe is one"
    elif "found undefined alias" in what:
        what = what.replace("found undefined alias", "no anchor `&` has the name of the alias")
    elif "cannot start any token" in what:
        what = what.replace("found", "the").replace("that cannot start any token", "cannot begin a value; quote it")
    if mark is None:
        return 1, 1, what
    return mark.line + 1, mark.column + 1, what
