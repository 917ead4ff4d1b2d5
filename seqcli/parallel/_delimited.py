"""Rows of cells with a source and its target: which column is which.

Where nothing says it: with a header, the columns with well-known names; then the columns that are left over, the
first the source, the second the target, where they are as many as are still open. What stays open is an error that
asks. The first row looks like a header if all its cells look like names, one of them well known; where a data set has
two columns, each of them. A filter may read rows with a source alone.
"""

from __future__ import annotations

from seqcli.formats._lines import Line
from seqcli.formats._rows import RowReader, Where, are_names
from seqcli.parallel import ROLES, Options, Pair
from seqcli.parallel._names import SOURCES, TARGETS, possible, well_known


class DelimitedReader(RowReader[Pair]):
    """Rows with a source, a target, and where it is asked for a prefix."""

    options: Options
    roles = ROLES

    def _must(self, role: str) -> bool:
        return self.options.gold or role != "target"

    def _blank(self, raw: Line, number: int) -> Pair:
        return Pair("", source=self._source or "", line=number, raw=raw, missing=max(self._width - 1, 0))

    def _record(self, raw: Line, cells: list[str], places: Where, number: int) -> Pair:
        assert self.columns
        source, target, prefix = self.columns
        assert source
        line, column = self._place(cells, places, source - 1, number)
        missing = self._width - len(cells)
        pair = Pair(cells[source - 1], source=self._source or "", line=line, column=column, raw=raw, missing=missing)
        if target is not None and target <= len(cells):
            pair.target = cells[target - 1]
            target_line, pair.target_column = self._place(cells, places, target - 1, number)
            pair.target_line = target_line if target_line != line else None
        if prefix is not None and prefix <= len(cells):
            pair.prefix = cells[prefix - 1]
        return pair

    def _looks_like_header(self, cells: list[str]) -> bool:
        source, target = possible(cells, SOURCES), possible(cells, TARGETS)
        if self.options.gold and len(cells) == 2:
            return len(source) == len(target) == 1
        return bool(source or (target and len(cells) > 1)) and are_names(cells)

    def _choose(self, cells: list[str], found: list[int | None], header: bool, place: str) -> tuple[int | None, ...]:
        (source, target, prefix), gold = found, self.options.gold
        if header:
            names = tuple("" if column == prefix else name for column, name in enumerate(cells, 1))
            known = well_known(names, *(column and column - 1 for column in (source, target)))
            named = [None if column is None else column + 1 for column in known]
            source = source or named[0]
            target = target or (None if self._given["target"] else named[1])
        if len(cells) == 1 and gold:
            raise self._too_few(cells, place, "a source and its target")
        open_ = [source is None, target is None and not self._given["target"]]
        free = [c for c in range(1, len(cells) + 1) if c not in (source, target, prefix)]
        if not (header and self._ambiguous(cells, open_)) and (
            len(free) == sum(open_) or (len(free) == 1 and open_[0] and not gold)
        ):
            left = iter(free)
            source = next(left, None) if open_[0] else source
            target = next(left, None) if open_[1] else target
        for role, column in (("source", source), ("target", target if gold else source)):
            if column is None:
                raise self._which(role, cells, (source, target, prefix), header, place)
        return source, target, prefix

    def _ambiguous(self, cells: list[str], open_: list[bool]) -> bool:
        """Whether several names could be that of a column which is still open."""
        return any(
            still and len(possible(cells, known)) > 1 for still, known in zip(open_, (SOURCES, TARGETS), strict=True)
        )
