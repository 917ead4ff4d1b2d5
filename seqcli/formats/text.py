"""Raw text, a record a line; the caller splits it into words.

Written, it is the text alone, without tags: what a converter wants. `text` of a record from another format is put on
one line.
"""

from __future__ import annotations

from seqcli.formats import Answer, Sentence, one_line
from seqcli.formats._lines import Line, LineReader, LineWriter

READS = WRITES = True


class Reader(LineReader):
    """Lines of running text; `words` stays empty."""

    format = "text"

    def _record(self, line: Line, number: int) -> Sentence:
        return Sentence(source=self._source or "", line=number, text=line.body, raw=line, split=False)


class Writer(LineWriter):
    """The text, without the tags."""

    format = "text"

    def _line(self, sentence: Sentence, answer: Answer) -> str:
        return one_line(sentence.text)
