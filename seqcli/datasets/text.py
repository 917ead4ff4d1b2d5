"""Plain text: corpora from paths, globs, standard input or a named data set; one stream of tokens a split."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Files = str | list[str]
Held = Annotated[float, Field(gt=0, lt=1)] | Files | None


class Config(BaseModel):
    """Recipe keys of `data` for plain text."""

    model_config = ConfigDict(extra="forbid")

    train: Files  # a name, a path, a glob, `-`, or a list of paths and globs
    valid: Held = None  # a share of the text, or files; default: what the named data set says, else 0.05
    test: Held = None
    encoding: str = "utf-8"
    split_at: Literal["line", "character"] | None = None  # where a share may cut; default: the data set's, else line
