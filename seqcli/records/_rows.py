"""Shared code of the formats whose records are rows of cells: quoted cells, headers, columns by name or number.

Columns that nothing assigns are found so: with a header, first the columns with well-known names; then the remaining
columns, in the order of the roles, if there are as many of them as open roles; a filter may read rows with a text
alone. Of two unnamed columns, one of them a label's, the one whose first cell has white space is the text. What stays
open is an error that asks. The first row is a header if a name given for a column stands in it, or if all its cells
look like names and one of them is well known (in a data set of two columns, both of them).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from seqcli.columns import are_names, column_number, possible
from seqcli.errors import SeqcliError, UsageError, did_you_mean
from seqcli.records import BOM, Options, Reader, body_of
from seqcli.records._kinds import (
    LABELLED,
    QUOTE,
    another_delimiter,
    between,
    by_name,
    counted,
    find_column,
    further_columns,
    labels_of,
    looks_like_header,
    separator_of,
)
from seqcli.records._lines import Line
from seqcli.records._texts import add_texts, text_columns

_QUOTES = (
    'a quote inside quotes is doubled (""); if quotes are ordinary characters here,'
    " set data.quoting: false in a recipe, or read the file by --input tsv --delimiter comma"
)
FILTERED = ("prefix",)  # parts of records that filters read, and data sets do not
Where = list[tuple[int, int]] | None  # line and column of each cell of a row with quotes


def in_recipe(role: str, value: str = "") -> str:
    """Return ` (a recipe: data.text: 2)`; `""` for a role that recipes have no key for."""
    return "" if role in FILTERED else f" (a recipe: data.{role}{value and f': {value}'})"


class RowReader(Reader):
    """A reader of rows; without quoting a row is a line, with it a quoted cell may hold delimiters and line breaks.

    `header` is the list of column names of the current source, if it has them; `columns` are the numbers, from 1, of
    the columns that are read, in the order of the kind's roles, known after the first row; `head` is the header row
    of the first source.
    """

    delimiter: ClassVar[str]
    quoting: ClassVar[bool]

    def __init__(self, options: Options, trained: Mapping[str, Any] | None = None):
        super().__init__(options, trained)
        self.roles = self.kind.roles
        self.head: Line | None = None
        self._first = True  # no row has been read yet
        self.separator = separator_of(self.options.delimiter, self.delimiter)
        self.quoted = self.quoting if self.options.quoting is None else self.options.quoting
        self._given: dict[str, str | None] = {role: getattr(options, role) for role in self.roles}
        for role in self.roles:
            options.check_column(role)
        said = [*self._given.values(), *(options.references or ()), *options.further, *options.parts]
        said += options.further_labels
        self._names = [n for n in said if n is not None and column_number(n) is None]
        self._needed = [n for n in self._names if any(n == self._given[r] and self._must(r) for r in self.roles)]
        if self.options.header is False and self._needed:
            raise UsageError(
                f"there is no column {self._needed[0]!r}: header: false says that columns have no names",
                hint=self._numbers(self._needed[0]),
            )
        self._start()

    def _must(self, role: str) -> bool:
        """Whether the column given for a role is required."""
        return self.options.gold or role != self.roles[1]

    def _numbers(self, name: str) -> str:
        """Return a hint how to give by number the column that `name` stands for."""
        role = next(r for r in self.roles if self._given[r] == name)
        return f"give their numbers, as in --{role} 2{in_recipe(role, '2')}"

    def _start(self) -> None:
        self.header: list[str] | None = None
        self._further: tuple[int, ...] = ()
        self.columns: tuple[int | None, ...] | None = None
        self._width = 0
        self._held: list[str] = []  # the lines of a row whose quotes are open
        self._cells: list[str] = []  # its cells so far, and where they begin
        self._places: list[tuple[int, int]] = []
        self._part: list[str] = []  # of the open quoted cell
        self._opened: tuple[int, int] | None = None

    def _lines(self, lines: list[str], number: int, end: str) -> Iterator[Any]:
        for n, line in enumerate(lines, number):
            if not self._held and not (self.quoted and QUOTE in line):
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
            record = self._row(raw, cells, places, n)
            if record is not None:
                yield record

    def _rest(self, last: bool) -> list[Any]:
        if self._opened:
            place = "{}:{}:{}".format(self._source, *self._opened)
            raise SeqcliError(f"{place}: the quote that opens here is never closed", hint=_QUOTES)
        return []

    def _scan(self, line: str, number: int) -> bool:
        """Read the cells of a line with quotes, and return whether the row ends with it."""
        delimiter, at, length = self.separator, 0, len(body_of(line)[0])
        while True:
            if not self._opened and not line.startswith(QUOTE, at):
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
            while (quote := line.find(QUOTE, at)) >= 0 and line.startswith(QUOTE, quote + 1):
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
                place = f"{self._source}:{number}:{at + 1}"
                raise SeqcliError(f"{place}: text follows the closing quote of a cell", hint=_QUOTES)
            at += len(delimiter)

    def _row(self, raw: Line, cells: list[str], places: Where, number: int) -> Any:
        """Return a row's record; None for a header and, with gold, a blank line. `number` is its last line's."""
        source, first = self._source or "", number - raw.body.count("\n")
        if not raw.body.strip(" "):
            if self.options.gold:
                return None
            return self.kind.record("", source=source, line=first, raw=raw, missing=max(self._width - 1, 0))
        if self.columns is None:
            begins, self._first, named = self._first, False, self._begin(cells, f"{source}:{first}:1")
            if named:
                self.head = raw if begins else self.head
                return None
        assert self.columns
        if len(cells) != self._width:
            self._check(cells, places, raw, number)
        return self._record(raw, cells, places, number)

    def _record(self, raw: Line, cells: list[str], places: Where, number: int) -> Any:
        """Return the record of a row that has the required columns: the first, and with gold the second too."""
        assert self.columns
        text, goal = self.columns[:2]
        assert text
        line, column = self._place(cells, places, text - 1, number)
        record = self.kind.record(cells[text - 1], source=self._source or "", line=line, column=column, raw=raw)
        if goal is not None and goal <= len(cells):
            goal_line, record.goal_column = self._place(cells, places, goal - 1, number)
            record.goal_line = goal_line if goal_line != line else None
            if self.kind is LABELLED:
                record.labels = labels_of(cells[goal - 1], self.options, lambda: record.place(label=True))
                for name, n in zip(self.options.further_labels, self._targets, strict=False):
                    at = self._place(cells, places, n - 1, number)
                    said = f"{record.source}:{at[0]}:{at[1]}"
                    labels = labels_of(cells[n - 1], self.options, lambda said=said: said, whole=True)
                    record.targets = [*record.targets, (name, labels, at)]
            else:
                record.target = cells[goal - 1]
        if self._further:
            add_texts(record, [(self._place(cells, places, n - 1, number), cells[n - 1]) for n in self._further])
        if self._parts:
            record.join([(cells[n - 1], self._place(cells, places, n - 1, number)) for n in (text, *self._parts)])
        if self._prefix is not None and self._prefix <= len(cells):
            record.prefix = cells[self._prefix - 1]
        if self._references:
            record.references = tuple(c for n in self._references if (c := "".join(cells[n - 1 : n])).strip())
        return record

    def _place(self, cells: list[str], places: Where, cell: int, number: int) -> tuple[int, int]:
        if places is not None:
            return places[cell]
        return number, sum(map(len, cells[:cell])) + cell * len(self.separator) + 1

    def _check(self, cells: list[str], places: Where, raw: Line, number: int) -> None:
        """Raise SeqcliError for a row with too many or too few cells; surplus empty cells at its end are allowed."""
        assert self.columns
        quoted = "set data.quoting: true in a recipe (or --input csv --delimiter tab)"
        how = "put the cell into quotes" if self.quoted else f"{quoted} if cells are quoted"
        if any(cells[self._width :]):
            line, column = self._place(cells, places, self._width, number)
            raise SeqcliError(
                f"{self._source}:{line}:{column}: the row has {counted(len(cells))}, the first one {self._width}",
                hint=f"if a cell contains {between(self.separator)}, {how}",
            )
        column = len(raw.body) - raw.body.rfind("\n")
        for role, need in zip(self.roles, self.columns, strict=True):
            if (need or 0) > len(cells) and (role == self.roles[0] or (self.options.gold and role == self.roles[1])):
                raise SeqcliError(
                    f"{self._source}:{number}:{column}: the row has {counted(len(cells))},"
                    f" the {role} is column {need}",
                    hint=another_delimiter(self.separator, cells) or f"{between(self.separator)} separates columns",
                )
        if len(cells) < self._width:
            raise SeqcliError(
                f"{self._source}:{number}:{column}: the row has {counted(len(cells))}, the first one {self._width}",
                hint=f"even empty cells need {between(self.separator)} between them; if a cell spans lines, {how}",
            )

    # which column is which

    def _begin(self, cells: list[str], place: str) -> bool:
        """Decide from the first row which columns are read, and return whether it is a header."""
        header = self.options.header
        if header is None:
            known = [*self._names, *(n for n in self.trained.values() if column_number(str(n)) is None)]
            header = any(find_column(name, cells) for name in known) or looks_like_header(self.options, cells)
        if self._needed and not header:
            raise self._no_column(self._needed[0], cells, place)
        self._width = len(cells)
        self._references, self._parts, self._targets = further_columns(self.options, cells, header, place)
        found = [self._given_column(role, cells, place) for role in self.roles]
        first, self._further = text_columns(self.options, self.trained, cells, header, place)
        found[0] = found[0] or first
        for i, role in enumerate(self.roles):
            column = None if self._given[role] else self._trained_column(role, cells, header)
            found[i] = found[i] or (column if column not in found else None)
        for role, column in zip(self.roles, found, strict=True):
            other = self.roles[found.index(column)]
            if column and other != role:
                raise UsageError(f"{other} and {role} are both column {column}", hint="give two different columns")
        self.columns = self._choose(cells, found, header, place)
        self._prefix = next(iter(self.columns[2:]), None)
        self.header = list(cells) if header else None
        for role, column in zip(self.roles, self.columns, strict=True):
            if column is not None:
                self.found.setdefault(role, cells[column - 1].strip() if header else column)
                if not self._given[role] and (role == self.roles[0] or self.options.gold) and len(cells) > 1:
                    self._tell(role, cells[column - 1].strip() if header else column, "column", place)
        return header

    def _trained_column(self, role: str, cells: list[str], header: bool) -> int | None:
        """Return the column that the model was trained on, if there: by name, or without a header by number."""
        name = str(self.trained.get(role, ""))
        number = column_number(name)
        if header:
            return find_column(name, cells) if name and number is None else None
        width = max([column_number(str(n)) or 0 for n in self.trained.values()], default=0)
        return number if number is not None and number <= len(cells) <= width else None

    def _choose(self, cells: list[str], found: list[int | None], header: bool, place: str) -> tuple[int | None, ...]:
        """Return all columns, deducing the open ones from the known ones and the first row. Raises SeqcliError."""
        labels, gold, count = self.kind is LABELLED, self.options.gold, len(cells)
        text, goal, *further = by_name(self.options, cells, found) if header else found
        if count == 1 and gold:
            raise self._too_few(cells, place)
        if labels and count == 1 and text is None:
            return 1, None
        if labels and count == 2 and text is None and goal is None and not header:
            spaced = [" " in cell.strip(" ") for cell in cells]
            text = None if spaced[0] == spaced[1] else 1 if spaced[0] else 2
        open_ = [text is None, goal is None and not self._given[self.roles[1]]]
        taken = {text, goal, *further, *self._references, *self._further, *self._parts, *self._targets}
        free = {*range(1, count + 1)} - taken
        asks = sum(open_) == 2 if labels else header and self._ambiguous(cells, open_)
        if not asks and (len(free) == sum(open_) or (len(free) == 1 and open_[0] and not gold)):
            left = iter(sorted(free))
            text = next(left, None) if open_[0] else text
            goal = next(left, None) if open_[1] else goal
        for role, column in ((self.roles[0], text), (self.roles[1], goal if gold else text)):
            if column is None:
                raise self._which(role, cells, (text, goal, *further), header, place)
        return text, goal, *further

    def _ambiguous(self, cells: list[str], open_: list[bool]) -> bool:
        """Whether several of the names could be that of a column that is still open."""
        return any(
            still and len(possible(cells, known)) > 1 for still, known in zip(open_, self.kind.known, strict=True)
        )

    def _given_column(self, role: str, cells: list[str], place: str) -> int | None:
        name = self._given[role]
        number = column_number(name) if name else None
        if number is not None:
            if number > len(cells) and self._must(role):
                raise SeqcliError(
                    f"{place}: there is no column {number}: the row has {counted(len(cells))}",
                    hint=another_delimiter(self.separator, cells) or "columns are numbered from 1",
                )
            return number if number <= len(cells) else None
        found = find_column(name, cells) if name else None
        if found is None and name in self._needed:
            raise self._no_column(name or "", cells, place)
        return found

    def _no_column(self, name: str, cells: list[str], place: str) -> SeqcliError:
        names = [cell if len(cell) <= 40 else cell[:40] + "…" for cell in cells[:20]]
        hint = did_you_mean(name, [n for n in names if n]) or "the first row names the columns"
        if self.options.header is None:
            hint += f"\nwhere the first row names no columns, {self._numbers(name)}"
        hint = another_delimiter(self.separator, cells) or hint
        return SeqcliError(f"{place}: no column is named {name!r}", hint=hint)

    def _too_few(self, cells: list[str], place: str) -> SeqcliError:
        hint = another_delimiter(self.separator, cells) or f"{between(self.separator)} separates columns"
        return SeqcliError(
            f"{place}: the row has one column: a {self.roles[0]} and its {self.roles[1]} are two", hint=hint
        )

    def _which(
        self, role: str, cells: list[str], taken: Sequence[int | None], header: bool, place: str
    ) -> SeqcliError:
        """Return the error that asks which column a role has, and says how to give it by option and in a recipe."""
        free = [i for i in range(1, len(cells) + 1) if i not in taken]
        example, how = str(free[-1] if free else len(cells)), in_recipe(role)
        numbers = [str(i) for i in range(1, len(cells) + 1)]
        shown, said = numbers, f"--{role} {example}"
        if header or (self.options.header is None and are_names(cells)):
            shown = [name.strip() or number for name, number in zip(cells, numbers, strict=True)]
            name = shown[int(example) - 1]
            named = f"--{role} {f'{name!r}' if ' ' in name else name}"
            said = named if header else f"{said}, or {named} where the first row names the columns"
        columns = f"{', '.join(shown[:8])}{' …' if len(shown) > 8 else ''}"
        own = self.trained.get(role)
        lacks = f" there is none called {own!r}, which the model was trained on" if isinstance(own, str) else ""
        return SeqcliError(
            f"{place}: which column has the {role}?{lacks}", hint=f"say it: {said}{how}; columns: {columns}"
        )
