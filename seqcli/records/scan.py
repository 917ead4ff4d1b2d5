"""Lines of SCAN, `IN: jump twice OUT: I_JUMP I_JUMP`; a filter also reads `IN: jump twice`, or the command alone."""

from __future__ import annotations

import re
from typing import Any

from seqcli.errors import SeqcliError
from seqcli.records import BLANKS, Kind, Options, Pair, Sample
from seqcli.records._lines import Line, LineReader
from seqcli.records.lines import no_prefix

READS = ("pairs",)
GOLD = ("pairs",)
GUESSED = 1

_IN = re.compile(r"[ \t]*+(?:IN:[ \t]*+)?")
_OUT = re.compile(r"(?<![^ \t])OUT:[ \t]*")
_LINE = re.compile(r"[ \t]*IN: .*(?<=[ \t])OUT:(?![^ \t])")


def looks(sample: Sample, kind: Kind) -> bool:
    """Whether every line is a command and its actions."""
    return all(map(_LINE.match, sample.filled))


class Reader(LineReader):
    """A reader of lines of a command and its actions; blanks around them belong to neither."""

    format = "scan"

    def __init__(self, options: Options, trained: Any = None):
        super().__init__(options, trained)
        no_prefix(options, self.format)

    def _record(self, line: Line, number: int) -> Pair:
        body, source = line.body, self._source or ""
        begin = _IN.match(body)
        assert begin, "it may be empty"
        out = _OUT.search(body, begin.end())
        if self.options.gold and not (out and "IN:" in begin[0]):
            lacks, column = ("IN:", 1) if "IN:" not in begin[0] else ("OUT:", len(body) + 1)
            raise SeqcliError(
                f"{source}:{number}:{column}: the line has no {lacks!r}",
                hint="a line is a command and its actions, as in IN: jump twice OUT: I_JUMP I_JUMP",
            )
        text = body[begin.end() : out.start() if out else len(body)].rstrip(BLANKS)
        pair = self._made(text, line, number, column=begin.end() + 1)
        if out:
            pair.target, pair.goal_column = body[out.end() :].rstrip(BLANKS), out.end() + 1
        return pair
