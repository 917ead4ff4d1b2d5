"""Well-known names of columns and keys: which of them is the source, which the target."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

COUPLES = {  # names that go together
    ("source", "target"),
    ("src", "tgt"),
    ("src", "trg"),
    ("input", "output"),
    ("in", "out"),
    ("text", "translation"),
    ("original", "corrected"),
    ("question", "answer"),
    ("word", "pronunciation"),
    ("word", "phonemes"),
    ("article", "summary"),
    ("document", "summary"),
    ("command", "actions"),
}
SOURCES = {source for source, _ in COUPLES} | {"sentence", "graphemes", "lemma"}
TARGETS = {target for _, target in COUPLES} | {"reference", "ipa", "inflected", "normalised", "normalized"}


@lru_cache(maxsize=256)
def well_known(
    names: tuple[str, ...], source: int | None = None, target: int | None = None
) -> tuple[int | None, int | None]:
    """(source, target): which of the names each is, counted from 0; None for what they do not tell, or leave open.

    What is known already is kept. Of several possibilities, names that go together are taken, if they are the only
    such two.
    """
    folded = [name.strip().casefold() for name in names]
    sources = [i for i, n in enumerate(folded) if n in SOURCES and i != target] if source is None else [source]
    targets = [i for i, n in enumerate(folded) if n in TARGETS and i != source] if target is None else [target]
    couples = [(s, t) for s in sources for t in targets if (folded[s], folded[t]) in COUPLES]
    if len(couples) == 1:
        return couples[0]
    return _only(sources), _only(targets)


def possible(names: Sequence[str], known: set[str]) -> list[str]:
    """Those of the names that are among the known ones."""
    return [name for name in names if name.strip().casefold() in known]


def _only(found: list[int]) -> int | None:
    return found[0] if len(found) == 1 else None
