"""Columns, a word a line, a blank line after each sentence (CoNLL 2000 to 2003, IOB files, WNUT).

Tabs or runs of blanks separate columns: what the options say, else what the first line of a source shows. `columns`
names them; without names the first is the word and the last the tag. Without `gold` the tag column may be absent, or
all columns but the word. Comments exist only if the options declare them; a line whose first column is `-DOCSTART-`
holds no word and is written unchanged.

In output for an input of this format, the prediction is added as the last column, as conlleval expects (`replace`: it
replaces the gold column), and the rest stays as it is. Any other record becomes lines of word and prediction, with
`gold` the record's own tag between them. A separator inside a word is written as U+00A0; if comments are declared, a
word that looks like one is read as one. With several targets, each has its column, in their order.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from seqcli.errors import SeqcliError, UsageError, did_you_mean
from seqcli.records import BLANKS, NOTHING, Answer, Kind, Options, Sample, Sentence, body_of, cell
from seqcli.records._blocks import Block, BlockReader, BlockWriter, extent
from seqcli.records.tokens import TOKEN

READS = ("tags",)
GOLD = ("tags",)
WRITES = ("tags",)
SUFFIXES = (".conll", ".iob", ".iob1", ".iob2", ".iobes", ".bio", ".bioes", ".bilou", ".tsv")
GUESSED = 2
ENOUGH = 5  # words before a guess is made from content alone
_SPAN_TAG = re.compile(r"O|[BIESLUM]-\S+")
_IGNORED = ("_", "-", "")
_SEPARATORS = {"tab": "\t", "space": None}


class Layout(NamedTuple):
    """The columns of a source."""

    separator: str | None  # None: runs of blanks
    joiner: str  # what separates a column that is added
    names: tuple[str, ...]  # "" for a column without a name
    word: int
    tag: int | None
    line: int  # the line that fixed the number of columns; 0 if they have names


def _tag_name(options: Options) -> str | None:
    """Return the name of the tag column; None if the columns have no names."""
    named = [c for c in options.columns if c not in _IGNORED]
    if options.tag is not None or not named:
        return options.tag
    return "tag" if "tag" in named else named[-1]


def _check(options: Options) -> None:
    """Raise UsageError if the options about columns contradict each other."""
    named = [c for c in options.columns if c not in _IGNORED]
    tag = _tag_name(options)
    if not options.separator:
        raise UsageError(
            "the separator is empty", hint="auto, tab, space (runs of blanks), or the characters themselves"
        )
    if not named:
        if options.columns:
            raise UsageError(f"no column has a name among {', '.join(options.columns)}")
        if options.gold and tag not in (None, "tag"):
            raise UsageError(
                f"which column is {tag!r}?", hint=f"name the columns in order, as in: columns: [word, {tag}]"
            )
        return
    if twice := [c for c in named if named.count(c) > 1]:
        raise UsageError(f"two columns are named {twice[0]!r}", hint="use _ for a column to ignore")
    wanted = [options.word, tag, *options.further_tags] if options.gold else [options.word]
    for name in wanted:
        if name not in named:
            raise UsageError(f"no column is named {name!r}", hint=did_you_mean(str(name), named))
    if tag == options.word:
        raise UsageError(f"the column {tag!r} cannot be both word and tag", hint="name both: columns: [word, tag]")


def looks(sample: Sample, kind: Kind) -> bool:
    """Whether all lines have the same number of columns, at least two, and the last is a span tag; with tabs, and
    blank lines between sentences, any tag is accepted."""
    for tabs in (True, False):
        rows = [line.split("\t" if tabs else None) for line in sample.filled]
        if len(rows) < ENOUGH or len({len(row) for row in rows}) != 1 or len(rows[0]) < 2:
            continue
        tags = [row[-1] for row in rows]
        if all(map(_SPAN_TAG.fullmatch, tags)):
            return True
        blank = len(sample.filled) < len(sample.lines)
        return tabs and blank and not any(" " in tag or not tag for tag in tags)
    return False


class Reader(BlockReader):
    """A reader of sentences in columns. Raises UsageError for options that contradict each other."""

    format = "conll"

    def __init__(self, options: Options, trained: Any = None):
        _check(options)
        super().__init__(options, trained)

    def _start(self) -> None:
        super()._start()
        self._layout: Layout | None = None

    def _is_word(self, line: str, number: int) -> bool | None:
        options = self.options
        if options.comments and line.startswith(options.comments):
            return None
        mark = options.docstart
        if mark and line.startswith(mark) and not line[len(mark) : len(mark) + 1].strip():
            return None
        return True

    def _sentence(self, block: Block, first: int) -> Sentence:
        if self._layout is None:
            self._layout = self._look(block.lines[block.rows[0]], first + block.rows[0])
        layout = self._layout
        block.layout = layout
        separator, wanted = layout.separator, len(layout.names)
        if separator is None:
            rows = [TOKEN.findall(body_of(block.lines[i])[0]) for i in block.rows]
        else:
            rows = [body_of(block.lines[i])[0].split(separator) for i in block.rows]
        for i, row in zip(block.rows, rows, strict=True):
            if len(row) != wanted:
                raise self._wrong(len(row), layout, block.lines[i], first + i)
        columns = [list(column) for column in zip(*rows, strict=True)]
        words = columns[layout.word]
        sentence = Sentence(
            words, source=self._source or "", line=first + block.rows[0], text=" ".join(words), raw=block
        )
        sentence.places = self._places(block, first, layout.word, separator)
        if layout.tag is not None:
            sentence.tags = columns[layout.tag]
            sentence.tag_places = self._places(block, first, layout.tag, separator)
            if self.options.gold and "" in sentence.tags:
                place = sentence.place(sentence.tags.index(""), tag=True)
                raise SeqcliError(f"{place}: the tag is empty", hint="give every word its tag")
        sentence.features = {
            name: column
            for i, (name, column) in enumerate(zip(layout.names, columns, strict=True))
            if name and i not in (layout.word, layout.tag)
        }
        return sentence

    def _look(self, line: str, number: int) -> Layout:
        """Return the layout that the first word line of a source shows."""
        options = self.options
        separator = _SEPARATORS.get(options.separator, options.separator)
        if separator == "auto":
            separator = "\t" if "\t" in line else None
        body = body_of(line)[0]
        count = len(TOKEN.findall(body) if separator is None else body.split(separator))
        joiner = separator or (" " if count > 1 and " " in body.strip(" \t") else "\t")
        names, tag = options.columns, _tag_name(options)
        if not names:
            if options.gold and count < 2:
                raise SeqcliError(
                    f"{self._source}:{number}:1: one column, so there are no tags: {_start_of(line)}",
                    hint="tabs or blanks separate columns: word, tag",
                )
            return Layout(separator, joiner, ("",) * count, 0, count - 1 if count > 1 else None, number)
        if not options.gold and count != len(names):
            without = tuple(name for name in names if name != tag)
            names = without if count == len(without) else (options.word,) if count == 1 else names
        layout = Layout(
            separator,
            joiner,
            tuple("" if name in _IGNORED else name for name in names),
            names.index(options.word),
            names.index(tag) if tag in names else None,
            0,
        )
        if count != len(names):
            raise self._wrong(count, layout, line, number)
        return layout

    def _wrong(self, count: int, layout: Layout, line: str, number: int) -> SeqcliError:
        found = f"{count} column{'s' * (count != 1)}"
        if layout.line:  # no names: the first line decides
            wanted = f"line {layout.line} has {len(layout.names)}"
            hint = "every word needs the same columns; for raw text say --input text"
        else:
            wanted = f"expected {len(layout.names)} ({', '.join(name or '_' for name in layout.names)})"
            hint = "name the columns in their order, with _ for one to ignore, as in: columns: [word, _, tag]"
        if layout.separator not in (None, "\t") or self.options.separator != "auto":
            hint += f"; the separator is {self.options.separator!r}"
        return SeqcliError(f"{self._source}:{number}:1: {found}, {wanted}: {_start_of(line)}", hint=hint)


def _start_of(line: str) -> str:
    line = body_of(line)[0]
    return repr(line if len(line) <= 40 else line[:40] + "…")


class Writer(BlockWriter):
    """Adds a column to the lines of a column file, or writes new lines."""

    format = "conll"

    def _fill(self, lines: list[str], block: Block, sentence: Sentence, answer: Answer) -> None:
        layout: Layout = block.layout
        added = [""] * len(answer.tags)
        for name, own in {"": answer, **answer.further}.items():
            tags = self._cells(own.tags, layout.separator)
            column = layout.names.index(name) if name in layout.names and name else None if name else layout.tag
            if self.options.replace and column is not None:
                for i, tag in zip(block.rows, tags, strict=True):
                    start, end = extent(lines[i], column, layout.separator)
                    lines[i] = f"{lines[i][:start]}{tag}{lines[i][end:]}"
            else:
                added = [a + layout.joiner + tag for a, tag in zip(added, tags, strict=True)]
            if self.options.confidence:
                added = [a + layout.joiner + p for a, p in zip(added, self._confidence(own), strict=True)]
        around = BLANKS if (layout.separator, layout.joiner) == (None, "\t") else ""  # blanks are not part of a word
        for i, more in zip(block.rows, added, strict=True):
            body, cr = body_of(lines[i])
            lines[i] = body.strip(around) + more + cr

    def _block(self, sentence: Sentence, answer: Answer) -> str:
        separator = _SEPARATORS.get(self.options.separator, self.options.separator)
        separator = "\t" if separator == "auto" else separator
        columns = [self._cells([word or NOTHING for word in sentence.words], separator)]
        if self.options.gold:  # for every record or for none, so that all lines have the same number of columns
            columns.append(self._cells(sentence.tags or [""] * len(sentence.words), separator))
        for own in (answer, *answer.further.values()):
            columns.append(self._cells(own.tags, separator))
            if self.options.confidence:
                columns.append(self._confidence(own))
        return "".join([(separator or " ").join(row) + "\n" for row in zip(*columns, strict=True)])

    def _cells(self, texts: list[str], separator: str | None) -> list[str]:
        cells = [cell(text or self.options.empty_tag, blanks=separator is None) for text in texts]
        if separator in (None, "\t"):
            return cells
        return [text.replace(separator, "\u00a0") for text in cells]

    def _confidence(self, answer: Answer) -> list[str]:
        known = answer.probabilities
        if known is None:
            return [self.options.empty_tag] * len(answer.tags)
        return [f"{p:.4f}" if tag else self.options.empty_tag for tag, p in zip(answer.tags, known, strict=True)]
