"""Several texts of a record, read as one: those of further columns or keys stand behind the first, a mark between.

The mark is one symbol, which no text from a column or a key can hold: where it stands there, it is read as U+FFFD. In
lines of running text it is what divides them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seqcli.columns import column_number
from seqcli.errors import SeqcliError, UsageError, did_you_mean
from seqcli.records._kinds import Options, find_column
from seqcli.records._record import Example, Place

MARK = "\u241f"  # SYMBOL FOR UNIT SEPARATOR: seen as a sign, and a word of its own to every tokenizer
_LOST = "\ufffd"
_NUMBERS = "where the first row names no columns, say their numbers: --text 1,2 (a recipe: data.text: [1, 2])"


def together(texts: Sequence[str]) -> str:
    """Texts as one, each mark between blanks; nothing where all of them are blank."""
    parts = [text.replace(MARK, _LOST) for text in texts]
    return f" {MARK} ".join(parts) if any(map(str.strip, parts)) else ""


def second(words: Sequence[str]) -> int:
    """Where the second of several texts begins, read as one: at the mark; with the last word where there is none."""
    return words.index(MARK) if MARK in words else len(words) - 1


def apart(words: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """The words of two texts that were read as one; the mark alone is one that has none. Of nothing, nothing."""
    if not words:
        return [], []
    first = words.index(MARK) if MARK in words else len(words)
    return words[:first] or [MARK], words[first + 1 :] or [MARK]


def add_texts(record: Example, further: Sequence[tuple[str | Place, str]]) -> None:
    """Put further texts behind a record's own: where each stands (a key, or line and column), and the text."""
    starts, at = [], len(record.text)
    for place, text in further:
        at += 3
        starts.append((at, place))
        at += len(text)
    record.further, record.text = starts, together([record.text, *(text for _, text in further)])


def text_columns(
    options: Options, trained: Mapping[str, Any], cells: Sequence[str], header: bool, place: str
) -> tuple[int | None, tuple[int, ...]]:
    """The column of the first text, where that is known by all of them, and those of the others, of a first row.

    Rows of a filter that have neither names nor other columns are the texts in their order. Raises SeqcliError for a
    column that is not there.
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
        raise UsageError(f"text: {', '.join(names)}: two of them are one column", hint="each is named once")
    return None, tuple(found)
