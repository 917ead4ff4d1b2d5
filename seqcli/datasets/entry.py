"""The schema of a `data.yaml`: one named data set, with its files inside its own folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, ValidationError, model_validator

from seqcli.errors import SeqcliError
from seqcli.recipe.paths import looks_like_name
from seqcli.recipe.positions import Problem, parse
from seqcli.recipe.words import explain, known_keys, unknown_key


def known_encoding(value: str) -> str:
    """Return the encoding, if text in it can be split into lines. Raises ValueError if not.

    A byte order mark is never part of a text, so `utf-8-sig` means the same as `utf-8`.
    """
    if value.lower().replace("_", "-") == "utf-8-sig":
        return "utf-8"
    try:
        plain = "a\n".encode(value) == b"a\n"  # lines are found before they are decoded
    except (LookupError, TypeError, ValueError):
        raise ValueError(f"unknown encoding {value!r}; known: utf-8, latin-1, cp1252, koi8-r, gbk ...") from None
    if not plain:
        raise ValueError(f"text in {value} cannot be split into lines; convert it to utf-8 first, with iconv")
    return value


Encoding = Annotated[str, AfterValidator(known_encoding)]


def _inside(value: str) -> str:
    if not value or "\0" in value or Path(value).is_absolute() or ".." in Path(value).parts:
        raise ValueError(f"{value!r} is not a file or glob inside the data set's folder")
    return value


def _one_folder(value: str) -> str:
    if not looks_like_name(value):
        raise ValueError(f"{value!r} is not the name of a folder beside this data set's own; write folder: sst")
    return value


Inside = Annotated[str, AfterValidator(_inside)]
Share = Annotated[float, Field(ge=0, lt=1)]


Builtin = Literal[
    "python-docs",
    "python-source",
    "dates",
    "reverse",
    "lags",
    "mackey_glass",
    "numbers",
    "scenes",
    "spoken-digits",
    "spoken-numbers",
    "stories",
]


class Entry(BaseModel, extra="forbid"):
    """A data set, as data.yaml describes it; `files` are files or globs."""

    summary: str = ""
    format: str = "text"
    files: dict[Literal["train", "valid", "test"], Inside] = {}
    builtin: Builtin | None = None
    folder: Annotated[str, AfterValidator(_one_folder)] | None = None
    shares: dict[Literal["valid", "test"], Share] = {}
    split_at: Literal["line", "character"] | None = None
    encoding: Encoding = "utf-8"
    options: dict[str, Any] = {}
    licence: str = ""
    source: str = ""
    sha256: dict[str, str] = {}

    @model_validator(mode="after")
    def _has_data(self) -> Self:
        if self.builtin is None and "train" not in self.files:
            raise ValueError("files: names no file or glob for train; write files: {train: train.txt}")
        return self


def read_entry(path: Path) -> dict[str, Any]:
    """Read a data.yaml. Raises SeqcliError with the place of every mistake."""
    try:
        document = parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, ValueError) as error:
        raise SeqcliError(f"{path}: not readable as YAML: {error}") from None
    if not document.problems:
        try:
            return Entry.model_validate(document.value, strict=True).model_dump(exclude_unset=True)
        except ValidationError as error:
            for keys, text in explain(error, Entry, document.value, _unknown):
                document.problems.append(Problem(document.place(keys), keys, text))
    raise SeqcliError("\n".join(map(str, document.problems)), hint="files: {train: train.txt, valid: valid.txt}")


def _unknown(keys: tuple[Any, ...]) -> str:
    return unknown_key(str(keys[-1]), known_keys(Entry, keys[:-1]), "the README on data sets of one's own")
