"""Find the parts of a record in files: as options say, or as in a model's training data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqcli.errors import UsageError
from seqcli.records import ROWS


@dataclass(frozen=True)
class Reading:
    """The options for reading files to score; without them files are read as the training data was."""

    input: str | None = None  # the format
    text: str | None = None  # columns or keys of the parts of a record
    label: str | None = None
    source: str | None = None
    target: str | None = None
    reference: Sequence[str] | None = None  # pairs: columns or keys of further targets
    tag: str | None = None
    field: str | None = None  # jsonl: the key of the text, or of the tokens
    delimiter: str | None = None  # tsv, csv
    columns: Sequence[str] | None = None  # conll: their names
    separator: str | None = None
    comments: str | None = None
    skip: bool = False  # leave out records without a label
    check: Callable[[str], None] = lambda _: None  # raises UsageError for options that do not apply to a format

    def said(self, *names: str) -> dict[str, Any]:
        """Return those of the named options that are given."""
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    def check_format(self, read: str) -> None:
        """Raise UsageError for options that do not apply to the format that is read."""
        self.check(read)
        if self.field and read != "jsonl":
            hint = "--text names a column" if read in ROWS else "add --input jsonl"
            raise UsageError(f"--field names a key of JSON objects, but the format is {read}", hint=hint)


def with_texts(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options of a format with a list of several `text`s divided into the first and the further ones."""
    text = options.get("text")
    if not isinstance(text, list | tuple):
        return dict(options)
    first, *further = map(str, text)
    return {**options, "text": first, "further": tuple(further)}


def said_texts(header: Mapping[str, Any], said: str | None) -> dict[str, Any]:
    """Return the options that name the place of a model's texts: as a flag does (`title,body` for several), else as
    in training. Raises UsageError for a different number of texts."""
    own = tuple(header["data"].get("options", {}).get("further", ()))
    if not own or said is None:
        return {"text": said, "further": own} if own else {"text": said}
    first, *further = said.split(",")
    if len(further) != len(own):
        names = ",".join([str(trained_roles(header).get("text", "?")), *own])
        raise UsageError(
            f"the model reads {len(own) + 1} texts, but {said!r} names {len(further) + 1}",
            hint=f"name them in this order, separated by commas, as in --text {names}",
        )
    return {"text": first, "further": tuple(further)}


def source_columns(said: str | None, header: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given columns or keys of a model's source, as `3,1` if it has several; without them, those in
    training for such a model. Raises UsageError for a different number of columns."""
    own = header["data"].get("options", {})
    if not (further := own.get("parts")):
        return {} if said is None else {"source": said}
    if said is None:
        return {"source": own["source"], "parts": tuple(further)}
    first, *others = said.split(",")
    if len(others) != len(further):
        names = ",".join([own["source"], *further])
        raise UsageError(
            f"--source {said}: this model reads {1 + len(further)} columns together", hint=f"as --source {names}"
        )
    return {"source": first, "parts": tuple(others)}


def trained_roles(header: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the names of the columns or keys that a model was trained on, by role; numbers for unnamed columns."""
    data = header["data"]
    if data.get("format") == "lines":  # its options are parts of file names
        return {}
    own = {role: data.get("options", {}).get(role) for role in ("text", "label", "source", "target")}
    return {role: name for role, name in {**own, **data.get("roles", {})}.items() if name is not None}
