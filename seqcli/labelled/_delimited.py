"""What the formats share whose records are rows of cells: columns by name or number, headers, quoted cells.

Which column is which, where nothing says it: with a header, the columns with well-known names, else the one that is
left over; without one, of two columns the one with white space in its first cell is the text. What stays open is an
error that asks. The first row is a header if a name given for text or label stands in it, or if it looks like one:
two columns with a well-known name each, or more columns whose cells all look like names, one of them well known.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from seqcli.errors import SeqcliError, UsageError, did_you_mean
from seqcli.formats import BOM, Reader, body_of
from seqcli.formats._lines import Line
from seqcli.labelled import Example, Options, column_number, labels_of

TEXT_NAMES = (  # the likeliest first
    *("text", "sentence", "review", "comment", "tweet", "message", "question", "query", "utterance", "content"),
    *("body", "document", "phrase", "description", "headline", "title", "name"),
)
LABEL_NAMES = (
    *("label", "labels", "class", "category", "sentiment", "target", "intent", "topic", "emotion", "polarity"),
    *("tag", "tags", "language", "lang", "rating", "score", "stars", "type"),
)
_QUOTES = (
    'a quote inside quotes is doubled (""); where quotes are characters like others,'
    " a recipe says data.quoting: false (tsv reads so: --input tsv --delimiter comma)"
)
_NUMBERS = "give their numbers, as in --text 2 (a recipe: data.text: 2)"
_NAME = re.compile(r"[^\W\d][\w.-]*(?: [\w.-]+){0,2}")
_QUOTE = '"'


class DelimitedReader(Reader[Example]):
    """Rows; without quoting a row is a line, with it a cell in double quotes may hold delimiters and line breaks.

    `header` has the names of the columns of the source that is being read, where it names them; `columns` the numbers
    from 1 of those with the text and the label, as soon as the first row has been read; `head` is the row with
    the names of the first source's columns.
    """

    format: str
    delimiter: str
    quoting: bool
    options: Options

    def __init__(self, options: Options):
        super().__init__(options)
        self.head: Line | None = None
        self._first = True  # no row has been read
        self.separator = options.separator(self.delimiter)
        self.quoted = self.quoting if options.quoting is None else options.quoting
        self._given = {"text": options.text, "label": options.label}
        self._names = [n for n in self._given.values() if n is not None and column_number(n) is None]
        self._needed = [
            n for n in self._names if options.gold or n == options.text
        ]  # a filter's rows may lack labels
        if options.header is False and self._needed:
            raise UsageError(
                f"there is no column {self._needed[0]!r}: header: false says that columns have no names",
                hint=_NUMBERS,
            )
        self._start()

    def _start(self) -> None:
        self.header: list[str] | None = None
        self.columns: tuple[int, int | None] | None = None
        self._width = 0
        self._held: list[str] = []  # the lines of a row whose quotes are open
        self._cells: list[str] = []  # its cells so far, and where they begin
        self._places: list[tuple[int, int]] = []
        self._part: list[str] = []  # of the open cell
        self._opened: tuple[int, int] | None = None

    def _lines(self, lines: list[str], number: int, end: str) -> list[Example]:
        found = []
        for n, line in enumerate(lines, number):
            if not self._held and not (self.quoted and _QUOTE in line):
                before = ""
                if self._bom:
                    before, line, self._bom = BOM, line[1:], False
                body, cr = body_of(line)
                raw, cells, places = Line(self.format, before, body, cr + end), body.split(self.separator), None
            else:
                self._held.append(line)
                if not self._scan(line.removeprefix(BOM) if self._bom and len(self._held) == 1 else line, n):
                    continue
                before, self._bom = BOM if self._bom else "", False
                body, cr = body_of("\n".join(self._held).removeprefix(before))
                raw, cells, places = Line(self.format, before, body, cr + end), self._cells, self._places
                self._held, self._cells, self._places = [], [], []
            example = self._row(raw, cells, places, n)
            if example is not None:
                found.append(example)
        return found

    def _rest(self, last: bool) -> list[Example]:
        if self._opened:
            line, column = self._opened
            raise SeqcliError(
                f"{self._source}:{line}:{column}: the quote that opens here is never closed",
                hint=_QUOTES,
            )
        return []

    def _scan(self, line: str, number: int) -> bool:
        """Read the cells of a line with quotes; whether the row ends with it."""
        delimiter, at, length = self.separator, 0, len(body_of(line)[0])
        while True:
            if not self._opened and not line.startswith(_QUOTE, at):
                end = line.find(delimiter, at)
                self._cells.append(line[at : length if end < 0 else end])
                self._places.append((number, at + 1))
                if end < 0:
                    return True
                at = end + len(delimiter)
                continue
            if not self._opened:
                self._opened, at = (number, at + 1), at + 1
                self._places.append((number, at + 1))
            while (quote := line.find(_QUOTE, at)) >= 0 and line.startswith(_QUOTE, quote + 1):
                self._part.append(line[at : quote + 1])
                at = quote + 2
            if quote < 0:
                self._part += (line[at:], "\n")
                return False
            self._cells.append("".join([*self._part, line[at:quote]]))
            self._part, self._opened, at = [], None, quote + 1
            if at == length:
                return True
            if not line.startswith(delimiter, at):
                raise SeqcliError(
                    f"{self._source}:{number}:{at + 1}: text follows the closing quote of a cell",
                    hint=_QUOTES,
                )
            at += len(delimiter)

    def _row(self, raw: Line, cells: list[str], places: list[tuple[int, int]] | None, number: int) -> Example | None:
        """The record of a row; None of a header, and with gold of a blank line. `number` is that of its last line."""
        source, first = self._source or "", number - raw.body.count("\n")
        if not raw.body.strip(" "):
            empty = Example("", source=source, line=first, raw=raw, missing=max(self._width - 1, 0))
            return None if self.options.gold else empty
        if self.columns is None:
            begins, self._first, named = self._first, False, self._begin(cells, f"{source}:{first}:1")
            if named:
                self.head = raw if begins else self.head
                return None
        assert self.columns
        text, label = self.columns
        if not max(text, label or 0) <= len(cells) <= self._width:
            self._check(cells, places, raw, number)
        line, column = self._place(cells, places, text - 1, number)
        missing = self._width - len(cells)
        example = Example(cells[text - 1], source=source, line=line, column=column, raw=raw, missing=missing)
        if label is not None and label <= len(cells):
            label_line, example.label_column = self._place(cells, places, label - 1, number)
            example.label_line = label_line if label_line != line else None
            example.labels = labels_of(cells[label - 1], self.options, lambda: example.place(label=True))
        return example

    def _place(
        self, cells: list[str], places: list[tuple[int, int]] | None, cell: int, number: int
    ) -> tuple[int, int]:
        if places is not None:
            return places[cell]
        return number, sum(map(len, cells[:cell])) + cell * len(self.separator) + 1

    def _check(self, cells: list[str], places: list[tuple[int, int]] | None, raw: Line, number: int) -> None:
        """Raise SeqcliError for a row with cells too many, or too few for what is read of it."""
        assert self.columns
        if any(cells[self._width :]):
            line, column = self._place(cells, places, self._width, number)
            quoted = "a recipe says data.quoting: true (csv reads so: --input csv --delimiter tab)"
            how = "put the cell into quotes" if self.quoted else f"{quoted} where cells stand in quotes"
            raise SeqcliError(
                f"{self._source}:{line}:{column}: the row has {_counted(len(cells))}, the first one {self._width}",
                hint=f"where a cell holds {_shown(self.separator)}, {how}",
            )
        text, label = self.columns
        need, what = (text, "text") if text > len(cells) else (label or 0, "label")
        if need > len(cells) and (what == "text" or self.options.gold):
            column = len(raw.body) - raw.body.rfind("\n")
            raise SeqcliError(
                f"{self._source}:{number}:{column}: the row has {_counted(len(cells))}, the {what} is column {need}",
                hint=self._another_delimiter(cells) or f"{_shown(self.separator)} separates columns",
            )

    def _another_delimiter(self, cells: Sequence[str]) -> str:
        for other in "\t;,|":
            if len(cells) == 1 and other != self.separator and other in cells[0]:
                said = f"{_shown(self.separator)} separates columns, but the row holds {_shown(other)}"
                return f"{said}: say --delimiter (a recipe: data.delimiter)"
        return ""

    # which column is which

    def _begin(self, cells: list[str], place: str) -> bool:
        """Find out from the first row which columns are read; whether it is a header."""
        header = self.options.header
        header = self._is_header(cells) if header is None else header
        if self._needed and not header:
            raise self._no_column(self._needed[0], cells, place)
        self._width = len(cells)
        found = {what: self._given_column(name, cells, place) for what, name in self._given.items() if name}
        if found.get("text") and found.get("text") == found.get("label"):
            raise UsageError(f"text and label are both column {found['text']}", hint="they are two columns")
        text, label = found.get("text"), found.get("label")
        if header:
            label = label or (None if self._given["label"] else _named(LABEL_NAMES, cells, text))
            text = text or _named(TEXT_NAMES, cells, label)
        text, label = self._left_over(cells, text, label, place, header)
        self.columns, self.header = (text, label), list(cells) if header else None
        return header

    def _is_header(self, cells: list[str]) -> bool:
        if any(_find(name, cells) for name in self._names):
            return True
        text, label = _named(TEXT_NAMES, cells, None), _named(LABEL_NAMES, cells, None)
        if len(cells) == 2:
            return bool(text and label)
        return len(cells) > 2 and bool(text or label) and _are_names(cells)

    def _given_column(self, name: str, cells: list[str], place: str) -> int | None:
        number = column_number(name)
        if number is not None:
            if number > len(cells) and (name == self._given["text"] or self.options.gold):
                raise SeqcliError(
                    f"{place}: there is no column {number}: the row has {_counted(len(cells))}",
                    hint=self._another_delimiter(cells) or "columns are numbered from 1",
                )
            return number
        found = _find(name, cells)
        if found is None and name in self._needed:
            raise self._no_column(name, cells, place)
        return found

    def _no_column(self, name: str, cells: list[str], place: str) -> SeqcliError:
        names = [cell if len(cell) <= 40 else cell[:40] + "…" for cell in cells[:20]]
        hint = did_you_mean(name, [n for n in names if n]) or "the first row names the columns"
        if self.options.header is None:
            hint += f"\nwhere the first row names no columns, {_NUMBERS}"
        return SeqcliError(f"{place}: no column is named {name!r}", hint=self._another_delimiter(cells) or hint)

    def _left_over(
        self, cells: list[str], text: int | None, label: int | None, place: str, header: bool
    ) -> tuple[int, int | None]:
        """Both columns, where what is known of them and of the first row tells the rest. Raises SeqcliError."""
        gold, count = self.options.gold, len(cells)
        if count == 1 and not gold and text is None:
            return 1, None
        if count == 2 and text is None and label is None and not header:
            spaced = [" " in cell.strip(" ") for cell in cells]
            if spaced[0] != spaced[1]:
                text = 1 if spaced[0] else 2
        if count == 2:
            label = label or (3 - text if text and not self._given["label"] else None)
            text = text or (3 - label if label and label <= 2 else None)
        if count == 1 and gold:
            hint = self._another_delimiter(cells) or f"{_shown(self.separator)} separates columns"
            raise SeqcliError(f"{place}: the row has one column: a text and its label are two", hint=hint)
        for what, column in (("text", text), ("label", label if gold else text)):
            if column is None:
                raise SeqcliError(
                    f"{place}: which column has the {what}?", hint=self._which(what, cells, text, label, header)
                )
        assert text is not None
        return text, label

    def _which(self, what: str, cells: list[str], text: int | None, label: int | None, header: bool) -> str:
        """How to say which column it is, on the command line and in a recipe, and what the columns are."""
        free = [i for i in range(1, len(cells) + 1) if i not in (text, label)]
        example, how = str(free[-1] if free else len(cells)), f"(a recipe: data.{what})"
        numbers = [str(i) for i in range(1, len(cells) + 1)]
        shown, said = numbers, f"--{what} {example}"
        if header or (self.options.header is None and _are_names(cells)):
            shown = [name.strip() or number for name, number in zip(cells, numbers, strict=True)]
            name = shown[int(example) - 1]
            named = f"--{what} {f'{name!r}' if ' ' in name else name}"
            said = named if header else f"{said}, or {named} where the first row names the columns"
        return f"say it: {said} {how}; columns: {', '.join(shown[:8])}{' …' if len(shown) > 8 else ''}"


def _are_names(cells: Sequence[str]) -> bool:
    """Whether cells look like the names of columns: different ones, of few words."""
    return len(set(cells)) == len(cells) and all(_NAME.fullmatch(c) and len(c) <= 40 for c in cells)


def _find(name: str, cells: Sequence[str]) -> int | None:
    """The number of the column of a name, exactly or without regard to case and blanks around it."""
    if name in cells:
        return cells.index(name) + 1
    folded = [cell.strip().casefold() for cell in cells]
    return folded.index(name.strip().casefold()) + 1 if name.strip().casefold() in folded else None


def _named(known: Sequence[str], cells: Sequence[str], other: int | None) -> int | None:
    """The column whose name comes first among the known ones, and that is not the other column."""
    folded = [cell.strip().casefold() for cell in cells]
    columns = [folded.index(name) + 1 for name in known if name in folded]
    return next((column for column in columns if column != other), None)


def _counted(columns: int) -> str:
    return f"{columns} column{'s' if columns > 1 else ''}"


def _shown(delimiter: str) -> str:
    return {"\t": "a tab", ",": "a comma", " ": "a space"}.get(delimiter, repr(delimiter))
