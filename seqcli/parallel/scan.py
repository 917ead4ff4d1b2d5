"""SCAN's lines, `IN: jump twice OUT: I_JUMP I_JUMP`; a filter's may be `IN: jump twice`, or the command alone."""

from __future__ import annotations

import re
from typing import Any

from seqcli.errors import SeqcliError
from seqcli.formats._lines import Line
from seqcli.parallel import BLANKS, LineReader, Options, Pair, no_prefix

_IN = re.compile(r"[ \t]*+(?:IN:[ \t]*+)?")
_OUT = re.compile(r"(?<![^ \t])OUT:[ \t]*")


class Reader(LineReader):
    """Lines of a command and its actions; blanks around them belong to neither."""

    format = "scan"

    def __init__(self, options: Options, trained: Any = None):
        super().__init__(options, trained)
        no_prefix(options, self.format)

    def _pair(self, line: Line, number: int) -> Pair:
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
        pair = Pair(text, source=source, line=number, column=begin.end() + 1, raw=line)
        if out:
            pair.target, pair.target_column = body[out.end() :].rstrip(BLANKS), out.end() + 1
        return pair
