"""The exception for everything a user can put right, and the "did you mean" suggestions that go with it."""

from __future__ import annotations

from collections.abc import Iterable

DATA, USAGE = 1, 2  # exit statuses: bad data or a failure at run time; bad usage or a bad recipe
LISTED = 40  # known words that a hint lists, at most


class SeqcliError(Exception):
    """An error that a user can put right: what happened and where (`message`), what to do (`hint`), exit status."""

    def __init__(self, message: str, *, hint: str = "", status: int = DATA):
        super().__init__(message)
        self.message, self.hint, self.status = message, hint, status

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class UsageError(SeqcliError):
    """A wrong flag, a wrong recipe, a model of the wrong kind: exit status 2."""

    def __init__(self, message: str, *, hint: str = ""):
        super().__init__(message, hint=hint, status=USAGE)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word most similar to `word`, or None if none is close."""
    import difflib

    by_fold = {k.casefold().replace("_", "-"): k for k in known}
    found = difflib.get_close_matches(word.casefold().replace("_", "-"), by_fold, n=1, cutoff=0.6)
    return by_fold[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `did you mean 'x'?` if a known word is close, else the first known words; empty if there are none."""
    known = sorted(known)
    if best := nearest(word, known):
        return f"did you mean {best!r}?"
    more = f" and {len(known) - LISTED:,} more" if len(known) > LISTED else ""
    return f"known: {', '.join(known[:LISTED])}{more}" if known else ""
