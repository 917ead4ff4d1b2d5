"""Where the parts of a record are in files: as is said, or as a model's training data had them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqcli.errors import UsageError
from seqcli.records import ROWS


@dataclass(frozen=True)
class Reading:
    """What is said of files that are scored: where nothing is, they are read as the training data were."""

    input: str | None = None  # the format
    text: str | None = None  # columns or keys of the parts of a record
    label: str | None = None
    source: str | None = None
    target: str | None = None
    reference: Sequence[str] | None = None  # pairs: where further targets are
    tag: str | None = None
    field: str | None = None  # jsonl: the key of the text, or of the tokens
    delimiter: str | None = None  # tsv, csv
    columns: Sequence[str] | None = None  # conll: their names
    separator: str | None = None
    comments: str | None = None
    skip: bool = False  # records without a label are left out
    check: Callable[[str], None] = lambda _: None  # whether all of it goes with a format

    def said(self, *names: str) -> dict[str, Any]:
        """Those of some parts that are said."""
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    def check_format(self, read: str) -> None:
        """Raise UsageError where what is said does not go with the format that is read."""
        self.check(read)
        if self.field and read != "jsonl":
            hint = "--text names a column" if read in ROWS else "add --input jsonl"
            raise UsageError(f"--field names a key of JSON objects, but {read} is read", hint=hint)


def with_texts(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a format in which `text` may be a list: the first of several texts, and the further ones."""
    text = options.get("text")
    if not isinstance(text, list | tuple):
        return dict(options)
    first, *further = map(str, text)
    return {**options, "text": first, "further": tuple(further)}


def said_texts(header: Mapping[str, Any], said: str | None) -> dict[str, Any]:
    """The options that say where the texts of a model are: as a flag says (`title,body` where it reads several), else
    as in training. Raises UsageError where they are not as many."""
    own = tuple(header["data"].get("options", {}).get("further", ()))
    if not own or said is None:
        return {"text": said, "further": own} if own else {"text": said}
    first, *further = said.split(",")
    if len(further) != len(own):
        names = ",".join([str(trained_roles(header).get("text", "?")), *own])
        raise UsageError(
            f"the model reads {len(own) + 1} texts, {said!r} names {len(further) + 1}",
            hint=f"name them in that order, a comma between, as in --text {names}",
        )
    return {"text": first, "further": tuple(further)}


def source_columns(said: str | None, header: Mapping[str, Any]) -> dict[str, Any]:
    """The columns or keys of a model's source that are said, `3,1` where it is made of several; else, of such a
    model, those in training. Raises UsageError for another number of them."""
    own = header["data"].get("options", {})
    if not (further := own.get("parts")):
        return {} if said is None else {"source": said}
    if said is None:
        return {"source": own["source"], "parts": tuple(further)}
    first, *others = said.split(",")
    if len(others) != len(further):
        names = ",".join([own["source"], *further])
        raise UsageError(
            f"--source {said}: this model reads {1 + len(further)} columns together", hint=f"as in --source {names}"
        )
    return {"source": first, "parts": tuple(others)}


def trained_roles(header: Mapping[str, Any]) -> Mapping[str, Any]:
    """The names of the columns or keys that a model was trained on, by role; numbers of columns without names."""
    data = header["data"]
    if data.get("format") == "lines":  # what is said there are parts of files' names
        return {}
    own = {role: data.get("options", {}).get(role) for role in ("text", "label", "source", "target")}
    return {role: name for role, name in {**own, **data.get("roles", {})}.items() if name is not None}
