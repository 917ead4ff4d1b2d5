"""The targets of models with several: for example a tagger's features and lemmas, or finer labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from seqcli.errors import UsageError, did_you_mean

LEMMAS = ("lemma", "lemmas")  # targets that are edits of the word by default


@dataclass(frozen=True)
class Target:
    """The labels of a target."""

    labels: list[str]
    scheme: str | None = None  # of the labels, if they are spans
    edits: bool = False  # whether they are edits of the word (`edit_trees`)


def named(stated: str | int | Sequence[str | int] | None) -> list[str]:
    """Return the targets that a recipe names if there are several; else none."""
    several = isinstance(stated, list | tuple) and len(stated) > 1
    return [str(name) for name in stated] if several else []  # type: ignore[union-attr]


def first_of(stated: str | int | Sequence[str | int] | None) -> str | None:
    """Return the first, or only, target that a recipe names."""
    first = stated[0] if isinstance(stated, list | tuple) else stated
    return None if first is None else str(first)


def check(names: Iterable[str], known: Sequence[str], key: str) -> None:
    """Raise UsageError if a recipe sets something for a target that does not exist."""
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known) if known else "the data has one target, which needs no name"
            raise UsageError(f"{key}: there is no target {name!r}", hint=hint)
