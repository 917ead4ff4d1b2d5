"""Names of columns and keys: what names look like, and well-known names that show what a column holds."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache

TEXT_NAMES = (  # the most likely first
    *("text", "sentence", "review", "comment", "tweet", "message", "question", "query", "utterance", "content"),
    *("body", "document", "phrase", "description", "headline", "title", "name"),
)
LABEL_NAMES = (
    *("label", "labels", "class", "category", "sentiment", "target", "intent", "topic", "emotion", "polarity"),
    *("tag", "tags", "language", "lang", "rating", "score", "stars", "type", "gold_label", "is_duplicate"),
)
TEXT_PAIRS = {  # names of two texts of one record, the question or the like first, and the `model.pair` for them
    **dict.fromkeys((("premise", "hypothesis"), ("question1", "question2"), ("text1", "text2")), "compare"),
    **dict.fromkeys((("sentence1", "sentence2"), ("sentence_a", "sentence_b"), ("text_a", "text_b")), "compare"),
    **{
        ("question", other): "attend"
        for other in ("passage", "context", "story", "paragraph", "document", "sentence")
    },
    **{("query", other): "attend" for other in ("passage", "document", "text")},
    **{("title", other): "joined" for other in ("body", "text", "abstract", "description", "content", "review")},
    **{("headline", other): "joined" for other in ("body", "text", "description")},
}
COUPLES = {  # a source and a target whose names go together
    *(("source", "target"), ("src", "tgt"), ("src", "trg"), ("input", "output"), ("in", "out")),
    *(("text", "translation"), ("original", "corrected"), ("question", "answer"), ("word", "pronunciation")),
    *(("word", "phonemes"), ("article", "summary"), ("document", "summary"), ("command", "actions")),
}
SOURCES = {source for source, _ in COUPLES} | {"sentence", "graphemes", "lemma"}
TARGETS = {target for _, target in COUPLES} | {"reference", "ipa", "inflected", "normalised", "normalized"}
NAME = re.compile(r"[^\W\d][\w.-]*(?: [\w.-]+){0,2}")  # what the name of a column looks like


def column_number(name: str) -> int | None:
    """Return the number that names a column; None if the name is not a number."""
    return int(name) if name.isascii() and name.isdigit() else None


def is_number(cell: str) -> bool:
    """Whether a cell is a number."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def are_names(cells: Sequence[str]) -> bool:
    """Whether cells look like names of columns: distinct, of few words; one of several may be empty, as the first is
    in a table that was written with its index."""
    names = [cell.strip() for cell in cells]
    several = len(names) > 1
    fit = all((NAME.fullmatch(name) and len(name) <= 40) or (several and not name) for name in names)
    return fit and len(set(names)) == len(names) and any(names)


def possible(names: Sequence[str], known: Collection[str]) -> list[str]:
    """Return the names that are among the known ones."""
    return [name for name in names if name.strip().casefold() in known]


def couples(names: Iterable[str | None]) -> set[str]:
    """Return the names that go together as two texts of one record."""
    folded = {name.strip().casefold(): name for name in names if name}
    return {folded[name] for pair in TEXT_PAIRS if folded.keys() >= {*pair} for name in pair}


def likeliest(known: Sequence[str], names: Sequence[str], other: int | None) -> int | None:
    """Return the number, from 1, of the name that comes first among the known ones, and is not the other column's."""
    folded = [name.strip().casefold() for name in names]
    columns = [folded.index(name) + 1 for name in known if name in folded]
    return next((column for column in columns if column != other), None)


@lru_cache(maxsize=256)
def well_known(
    names: tuple[str, ...], source: int | None = None, target: int | None = None
) -> tuple[int | None, int | None]:
    """Return (source, target) as indices of names, from 0; None for one that the names do not determine.

    A given index is kept. Among several possibilities, names that go together are chosen, if there is only one such
    couple.
    """
    folded = [name.strip().casefold() for name in names]
    sources = [i for i, n in enumerate(folded) if n in SOURCES and i != target] if source is None else [source]
    targets = [i for i, n in enumerate(folded) if n in TARGETS and i != source] if target is None else [target]
    couples = [(s, t) for s in sources for t in targets if (folded[s], folded[t]) in COUPLES]
    if len(couples) == 1:
        return couples[0]
    return sources[0] if len(sources) == 1 else None, targets[0] if len(targets) == 1 else None
