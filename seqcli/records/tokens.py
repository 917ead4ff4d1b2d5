"""Pretokenized text, a record a line, words with white space between them.

Spaces and tabs separate words; a no-break space does not. The writer writes the words alone, without tags.
"""

from __future__ import annotations

import re

from seqcli.records import Answer, Sentence, cell
from seqcli.records._lines import Line, LineReader, LineWriter

READS = ("tags",)
WRITES = ("tags",)
TOKEN = re.compile(r"[^ \t]+")  # str.split would divide at U+00A0, U+3000 and controls too


class Reader(LineReader):
    """A reader of lines of words."""

    format, blank = "tokens", None

    def _record(self, line: Line, number: int) -> Sentence:
        found = list(TOKEN.finditer(line.body))
        words = [m[0] for m in found]
        places = [(number, m.start() + 1) for m in found]
        return Sentence(words, text=" ".join(words), source=self._source or "", line=number, raw=line, places=places)


class Writer(LineWriter):
    """Writes the words separated by spaces, without the tags; a space inside a word becomes U+00A0."""

    format = "tokens"

    def _line(self, sentence: Sentence, answer: Answer) -> str:
        return " ".join([cell(word, blanks=True) for word in sentence.words])
