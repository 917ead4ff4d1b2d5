"""CoNLL-U, the ten columns of Universal Dependencies.

The tag is a column (`upos`, the default, `xpos`, `lemma`, `deprel` …), a feature of FEATS (`feats.Number`) or a key
of MISC (`misc.NER`, or just `NER`). A token without the feature or key has the tag `_`. Lines of multi-word tokens
(`1-2`), of empty nodes (`8.1`) and comments hold no words and are written unchanged.

In output for an input of this format, the tag's field is set (with several targets, each target's) and the rest stays
byte for byte; when a feature changes, FEATS is sorted by name, ignoring case. Any other record gets ten columns,
`# text` and `SpaceAfter=No`, and a placeholder tree, since the evaluation script of the CoNLL 2018 shared task reads
nothing without one: the first word is the root, all others depend on it (`dep`). For a record without words nothing
is written.
Format: https://universaldependencies.org/format.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from seqcli.errors import SeqcliError, UsageError, did_you_mean, nearest
from seqcli.records import NOTHING, Answer, Excerpt, Kind, Options, Sample, Sentence, cell, one_line
from seqcli.records._blocks import Block, BlockReader, BlockWriter

READS = ("tags",)
GOLD = ("tags",)
WRITES = ("tags",)
SUFFIXES = (".conllu",)
GUESSED = 1
COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
_TAGGABLE = COLUMNS[2:]
_FEATURES = ("lemma", "upos", "xpos", "feats", "head", "deprel")
_FORM, _FEATS, _MISC = 1, 5, 9
_WORD_ID = re.compile(r"[0-9]+([-.][0-9]+)?")
_OTHER_ID = re.compile(r"[0-9]{1,9}[-.][0-9]{1,9}")
_TEXT = re.compile(r"# *text *= ?")
NO_SPACE = "SpaceAfter=No"


class Field(NamedTuple):
    """The field of a tag: a column, and the name within it for FEATS and MISC."""

    column: int
    key: str = ""


def field_of(name: str) -> Field:
    """Return the field that a name stands for. Raises UsageError."""
    if name.lower() in _TAGGABLE:
        return Field(COLUMNS.index(name.lower()))
    column, dot, key = name.partition(".")
    if dot:
        if column.lower() in ("feats", "misc") and key and not set(key) & set("=|\t\n\r"):
            return Field(COLUMNS.index(column.lower()), key)
        raise UsageError(f"{name!r} is not a CoNLL-U field", hint="name a column (xpos), feats.NAME or misc.NAME")
    near = nearest(name, COLUMNS) if name.islower() else None
    if near or set(name) & set("=|\t\n\r"):
        raise UsageError(
            f"{name!r} is not a column of CoNLL-U",
            hint=f"{did_you_mean(name, _TAGGABLE)} a key of MISC is written misc.{name}",
        )
    return Field(_MISC, name)


def value_of(pairs: str, key: str, absent: str = NOTHING) -> str:
    """Return the value of a name in FEATS or MISC; `absent` if there is none."""
    if pairs != NOTHING:
        for pair in pairs.split("|"):
            name, equals, value = pair.partition("=")
            if equals and name == key:
                return value
    return absent


def set_value(pairs: str, key: str, value: str, *, ordered: bool) -> str:
    """Return FEATS or MISC with a name set, or removed if the value is `_`; `ordered`: sorted by name if the value
    changes."""
    if value_of(pairs, key) == value:
        return pairs
    found = [] if pairs == NOTHING else pairs.split("|")
    at = next((i for i, pair in enumerate(found) if pair.startswith(f"{key}=")), None)
    new = [] if value == NOTHING else [f"{key}={value}"]
    found[len(found) if at is None else at : None if at is None else at + 1] = new
    if ordered:
        found.sort(key=lambda pair: pair.partition("=")[0].lower())
    return "|".join(found) or NOTHING


def looks(sample: Sample, kind: Kind) -> bool:
    """Whether every line is a comment, or ten columns of which the first is a number."""
    rows = [line.split("\t") for line in sample.filled if not line.startswith("#")]
    return bool(rows) and all(len(row) == len(COLUMNS) and _WORD_ID.fullmatch(row[0]) for row in rows)


class Reader(BlockReader):
    """A reader of CoNLL-U sentences. `text` is the comment `# text` if the words are found in it."""

    format = "conllu"

    def __init__(self, options: Options, trained: Any = None):
        super().__init__(options, trained)
        self._field = field_of(options.tag or "upos")
        self._further = {name: field_of(name) for name in options.further_tags}
        if options.partial and (self._field.column == _FEATS or self._field == Field(_MISC)):
            said = f"tags cannot be known in part in {options.tag}: | and _ do not mark open tags there"
            raise UsageError(said, hint="see data.partial; upos, xpos and misc.NAME can be known in part")
        hidden = COLUMNS[self._field.column]
        self._features = [(name, i) for i, name in enumerate(COLUMNS) if name in _FEATURES and name != hidden]

    def _is_word(self, line: str, number: int) -> bool | None:
        id = line.partition("\t")[0]
        if id.isdecimal() and len(id) < 10:
            return True
        if id.startswith("#"):
            return None
        if _OTHER_ID.fullmatch(id):
            return False
        raise SeqcliError(
            f"{self._source}:{number}:1: {id[:40]!r} is not a word number, so this is not CoNLL-U",
            hint="other columns are read as `conll`, raw text as `text` (--input text)",
        )

    def _sentence(self, block: Block, first: int) -> Sentence:
        lines = block.lines
        rows = [lines[i].split("\t") for i in block.rows]
        for i, row in zip(block.rows, rows, strict=True):
            if len(row) != len(COLUMNS):
                raise SeqcliError(
                    f"{self._source}:{first + i}:1: {len(row)} column{'s' * (len(row) != 1)}, "
                    f"CoNLL-U has {len(COLUMNS)}: {lines[i].rstrip()[:40]!r}",
                    hint="one tab separates two columns; an empty one holds _",
                )
            if row[_MISC].endswith("\r"):
                row[_MISC] = row[_MISC][:-1]
        columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in COLUMNS]
        words = columns[_FORM]
        line = first + (block.rows[0] if rows else 0)
        sentence = Sentence(words, source=self._source or "", line=line, raw=block)
        sentence.places = self._places(block, first, _FORM, "\t")
        sentence.tag_places = self._places(block, first, self._field.column, "\t")
        sentence.features = {name: columns[i] for name, i in self._features}
        for name, (column, key) in self._further.items():
            sentence.features[name] = [value_of(p, key) for p in columns[column]] if key else columns[column]
        sentence.tags = self._tags(columns, sentence)
        units = [(word, [word]) for word in words]
        spaces = [NO_SPACE not in misc for misc in columns[_MISC]]
        if any(line[0] != "#" for line in _between(block)):
            units, spaces = _surface(block, rows)
        sentence.text, sentence.offsets = _locate(units, spaces, _text_of(block))
        return sentence

    def _tags(self, columns: list[list[str]], sentence: Sentence) -> list[str] | None:
        column, key = self._field
        if key:  # where tags may be known in part, unknown must be written as `_`
            absent = "O" if self.options.partial else NOTHING
            return [value_of(pairs, key, absent) for pairs in columns[column]]
        tags = columns[column]
        if any(tag != NOTHING for tag in tags):
            return tags
        if not self.options.gold:
            return None
        if tags and COLUMNS[column] == "upos" and not self.options.partial:  # every treebank must have it
            raise SeqcliError(
                f"{sentence.place(0, tag=True)}: no word of this sentence has a part of speech (UPOS is _)",
                hint="name the field with the tags, as in: tag: xpos",
            )
        return tags


def _between(block: Block) -> list[str]:
    """Return the lines of a block that hold no word, without blank ones."""
    if not block.rows or block.rows[-1] - block.rows[0] == len(block.rows) - 1:
        start = block.rows[0] if block.rows else 0  # words without a gap: only the lines before and after them
        lines = block.lines[:start] + block.lines[start + len(block.rows) :]
    else:
        words = set(block.rows)
        lines = [line for i, line in enumerate(block.lines) if i not in words]
    return [line for line in lines if line.strip()]


def _text_of(block: Block) -> str | None:
    for line in block.lines[: block.rows[0] if block.rows else 0]:
        if line.startswith("#") and (found := _TEXT.match(line)):
            return line[found.end() :].removesuffix("\r")
    return None


def _surface(block: Block, rows: list[list[str]]) -> tuple[list[tuple[str, list[str]]], list[bool]]:
    """Return the surface tokens, (form, words), and whether a space follows each; a multi-word token is one token."""
    words = dict(zip(block.rows, rows, strict=True))
    units: list[tuple[str, list[str]]] = []
    spaces: list[bool] = []
    until = -1  # the last word of the multi-word token that is open
    for i, line in enumerate(block.lines):
        if i in words:
            row = words[i]
            if int(row[0]) <= until:
                units[-1][1].append(row[_FORM])
                continue
            units.append((row[_FORM], [row[_FORM]]))
        else:
            row = line.split("\t")
            if "-" not in row[0] or row[0].startswith("#") or len(row) != len(COLUMNS):
                continue
            until = int(row[0].partition("-")[2])
            units.append((row[_FORM], []))
        spaces.append(NO_SPACE not in row[_MISC])
    return units, spaces


def _locate(
    units: list[tuple[str, list[str]]], spaces: list[bool], text: str | None
) -> tuple[str, list[tuple[int, int]]]:
    """Return the text and the offsets of its words; the text is built from the columns if it does not hold them."""
    offsets: list[tuple[int, int]] = []
    position = 0
    if text is not None:
        for form, words in units:
            while not text.startswith(form, position):
                if not text[position : position + 1].isspace():
                    return _locate(units, spaces, None)
                position += 1
            if len(words) == 1:  # nearly always: the call would take longer than the work
                offsets.append((position, position := position + len(form)))
            else:
                position = _place(form, words, position, offsets)
        return text, offsets
    parts: list[str] = []
    for (form, words), space in zip(units, spaces, strict=True):
        position = _place(form, words, position, offsets) + space
        parts.append(form + " " * space)
    return "".join(parts).removesuffix(" ") if spaces and spaces[-1] else "".join(parts), offsets


def _place(form: str, words: list[str], position: int, offsets: list[tuple[int, int]]) -> int:
    """Add the offsets of a token's words, consecutive if they make up the form, else each that of the whole form;
    return the end of the form."""
    end = position + len(form)
    if len(words) == 1 or "".join(words) != form:
        offsets += [(position, end)] * len(words)
        return end
    for word in words:
        offsets.append((position, position + len(word)))
        position += len(word)
    return end


class Writer(BlockWriter):
    """Sets the tag fields of each word in its own lines, or writes ten columns."""

    format = "conllu"

    def __init__(self, options: Options):
        super().__init__(options)
        self._field = field_of(options.tag or "upos")
        self._further = {name: field_of(name) for name in options.further_tags}

    def _value(self, tag: str, field: Field) -> str:
        """Return a tag as its field can hold it; `|` separates FEATS and MISC, and becomes `/` there."""
        value = cell(tag)
        return value.replace("|", "/") if field.key else value

    def _each(self, answer: Answer) -> Iterator[tuple[Field, list[str]]]:
        """Yield the fields to fill in, with their tags."""
        yield self._field, answer.tags
        yield from ((self._further[name], own.tags) for name, own in answer.further.items())

    def _fill(self, lines: list[str], block: Block, sentence: Sentence, answer: Answer) -> None:
        for field, tags in self._each(answer):
            self._set(lines, block, field, tags)

    def _set(self, lines: list[str], block: Block, field: Field, tags: list[str]) -> None:
        column, key = field
        for i, tag in zip(block.rows, tags, strict=True):
            row = lines[i].split("\t")
            held = row[column]
            cr = "\r" if column == _MISC and held.endswith("\r") else ""
            if tag == held.removesuffix(cr) and not key:
                continue
            value = self._value(tag, field)
            if key:
                value = set_value(held.removesuffix(cr), key, value, ordered=column == _FEATS)
            row[column] = value + cr
            lines[i] = "\t".join(row)

    def write(self, sentence: Sentence, answer: Answer) -> str:
        """Write the record as the base class does, except that a wordless record of another format gives nothing."""
        own = isinstance(sentence.raw, Block) and sentence.raw.format == self.format
        return super().write(sentence, answer) if own or sentence.words else ""

    def _block(self, sentence: Sentence, answer: Answer) -> str:
        offsets, place = sentence.spread(), sentence.raw if isinstance(sentence.raw, Excerpt) else None
        text = one_line(sentence.text).strip()
        lines = [*_comments(place)] if place else []
        lines += [f"# text = {text}\n"] if text else []
        tokens = dict(place.tokens) if place else {}
        inside = {word for first, end in tokens.items() for word in range(first, end)}
        last = len(sentence.words) - 1
        for i, word in enumerate(sentence.words):
            if i in tokens:
                form = sentence.text[offsets[i][0] : offsets[tokens[i] - 1][1]]
                row = [f"{i + 1}-{tokens[i]}", cell(form), *[NOTHING] * (len(COLUMNS) - 2)]
                row[_MISC] = self._behind(tokens[i] - 1, last, offsets, place)
                lines.append("\t".join(row) + "\n")
            tree = ("1", "dep") if i else ("0", "root")
            row = [str(i + 1), cell(word), *[NOTHING] * 4, *tree, NOTHING, NOTHING]
            if i not in inside:
                row[_MISC] = self._behind(i, last, offsets, place)
            for field, tags in self._each(answer):
                (column, key), value = field, self._value(tags[i], field)
                row[column] = set_value(row[column], key, value, ordered=True) if key else value
            lines.append("\t".join(row) + "\n")
        return "".join(lines)

    @staticmethod
    def _behind(i: int, last: int, offsets: list[tuple[int, int]], place: Excerpt | None) -> str:
        """Return the MISC of a token whose last word is word i: `SpaceAfter=No` if no space follows."""
        joined = offsets[i + 1][0] == offsets[i][1] if i < last else place is not None and place.joined
        return NO_SPACE if joined else NOTHING


def _comments(place: Excerpt) -> list[str]:
    """Return the comment lines before a sentence that was found in running text."""
    lines = [f"# sent_id = {place.number}\n"]
    if place.paragraph:
        lines.insert(0, "# newpar\n")
    if place.document is not None:
        lines.insert(0, f"# newdoc id = {one_line(place.document)}\n" if place.document else "# newdoc\n")
    return lines
