"""Several texts of a record read as one: those of further columns or keys follow the first, with a mark between.

The mark is one symbol. In the text of a column or key it is read as U+FFFD, so that none holds it; in lines of
running text it separates the texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seqcli.columns import column_number
from seqcli.errors import SeqcliError, UsageError, did_you_mean
from seqcli.records._kinds import Options, find_column
from seqcli.records._record import Example, Place

MARK = "\u241f"  # SYMBOL FOR UNIT SEPARATOR: visible, and a word of its own for every tokenizer
_LOST = "\ufffd"
_NUMBERS = "if the first row names no columns, give their numbers: --text 1,2 (a recipe: data.text: [1, 2])"


def together(texts: Sequence[str]) -> str:
    """Join texts by marks with spaces around them; return `""` if all are blank."""
    parts = [text.replace(MARK, _LOST) for text in texts]
    return f" {MARK} ".join(parts) if any(map(str.strip, parts)) else ""


def second(words: Sequence[str]) -> int:
    """Return the index at which the second of several joined texts begins: the mark's, or the last word's if none."""
    return words.index(MARK) if MARK in words else len(words) - 1


def apart(words: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Split the words of two joined texts; one without words becomes the mark alone. No words: two empty lists."""
    if not words:
        return [], []
    first = words.index(MARK) if MARK in words else len(words)
    return words[:first] or [MARK], words[first + 1 :] or [MARK]


def add_texts(record: Example, further: Sequence[tuple[str | Place, str]]) -> None:
    """Append further texts to a record's own, each given with its place (a key, or line and column)."""
    starts, at = [], len(record.text)
    for place, text in further:
        at += 3
        starts.append((at, place))
        at += len(text)
    record.further, record.text = starts, together([record.text, *(text for _, text in further)])


def text_columns(
    options: Options, trained: Mapping[str, Any], cells: Sequence[str], header: bool, place: str
) -> tuple[int | None, tuple[int, ...]]:
    """Return the columns of a first row that hold the first text, if all texts determine it, and the others.

    A filter's rows without names and without other columns are the texts in their order. Raises SeqcliError for a
    missing column.
    """
    if not options.further:
        return None, ()
    names = [options.text or str(trained.get("text", "")), *options.further]
    numbers = [column_number(name) for name in names]
    known = all(number is not None and number <= len(cells) for number in numbers)
    if not options.gold and not header and not known and len(cells) == len(names):
        return 1, tuple(range(2, len(names) + 1))
    found = []
    for name, number in zip(names[1:], numbers[1:], strict=True):
        column = number if number is not None else find_column(name, cells) if header else None
        if not column or column > len(cells):
            named = f"no column is named {name!r}" if number is None else f"there is no column {name}"
            hint = did_you_mean(name, [cell for cell in cells if cell]) if header else _NUMBERS
            raise SeqcliError(f"{place}: {named}, which is one of the texts", hint=hint)
        found.append(column)
    first = numbers[0] or (find_column(names[0], cells) if header else None)
    if len({first, *found}) <= len(found):
        raise UsageError(f"text: {', '.join(names)}: two of them are the same column", hint="name each once")
    return None, tuple(found)
