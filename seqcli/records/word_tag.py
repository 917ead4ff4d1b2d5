r"""Words with their tags, `word/TAG word/TAG`, a record a line.

The last slash of a token separates word and tag, unless a backslash escapes it. A slash, a backslash, white space or
NUL in a word or tag is written `\/`, `\\`, `\_` (space), `\t`, `\n`, `\r`, `\0`, so that any word survives. In input,
a slash before the last (`1/2/CD`) and a backslash before any other character (`\*/SYM`) stand for themselves.
"""

from __future__ import annotations

import re

from seqcli.errors import SeqcliError
from seqcli.records import Answer, Kind, Sample, Sentence
from seqcli.records._lines import Line, LineReader, LineWriter
from seqcli.records.tokens import TOKEN

READS = ("tags",)
GOLD = ("tags",)
WRITES = ("tags",)
GUESSED = 3

_WRITTEN = {"/": r"\/", "\\": r"\\", " ": r"\_", "\t": r"\t", "\n": r"\n", "\r": r"\r", "\0": r"\0"}
_ESCAPES = str.maketrans(_WRITTEN)
_READ = {written[1]: character for character, written in _WRITTEN.items()}
_ESCAPED = re.compile(r"\\([/\\_tnr0])")
_TAG = re.compile(r"[A-Z][A-Z0-9$*-]*|[^\w\s]{1,3}")  # of a part of speech
ENOUGH = 5  # tokens before a guess is made from content alone
_LAST = re.compile(r"(?P<word>(?:[^\\]|\\.)*)/(?P<tag>(?:[^\\/]|\\.)*+\\?)", re.DOTALL)


def escape(text: str) -> str:
    """Return a word or tag with its special characters escaped."""
    return text if text.isalnum() else text.translate(_ESCAPES)


def unescape(text: str) -> str:
    """Undo `escape`."""
    return _ESCAPED.sub(lambda found: _READ[found[1]], text) if "\\" in text else text


def divide(token: str) -> tuple[str, str | None]:
    """Return the word and tag of a token, both still escaped; the tag is None if there is none."""
    if "\\" not in token:
        word, slash, tag = token.rpartition("/")
        if not slash:
            return token, None
    elif found := _LAST.fullmatch(token):
        word, tag = found["word"], found["tag"]
    else:
        return token, None
    if not tag:  # `word/`, and `/` alone, which is a word
        return word or token, None
    return word, tag


def looks(sample: Sample, kind: Kind) -> bool:
    """Whether every token ends with a part-of-speech tag."""
    tags = [divide(token)[1] or "" for line in sample.filled for token in line.split()]
    return len(tags) >= ENOUGH and all(map(_TAG.fullmatch, tags)) and any(tag.isalpha() for tag in tags)


class Reader(LineReader):
    """A reader of lines of tagged words; without `gold` a token may lack its tag."""

    format, blank = "word-tag", None

    def _record(self, line: Line, number: int) -> Sentence:
        words, tags, places, tag_places = [], [], [], []
        for found in TOKEN.finditer(line.body):
            word, tag = divide(found[0])
            column = found.start() + 1
            if tag is None and self.options.gold:
                raise SeqcliError(
                    f"{self._source}:{number}:{column}: the token {found[0][:40]!r} has no tag",
                    hint="each token is word/TAG; a slash in a word is written \\/",
                )
            words.append(unescape(word))
            tags.append(tag and unescape(tag))
            places.append((number, column))
            tag_places.append((number, column + (0 if tag is None else len(word) + 1)))
        known = None if any(t is None for t in tags) or not (tags or self.options.gold) else tags
        return Sentence(
            *(words, known), places=places, tag_places=tag_places,
            text=" ".join(words), source=self._source or "", line=number, raw=line,
        )  # fmt: skip


class Writer(LineWriter):
    """Writes tokens separated by spaces, or as an input of this format has them separated."""

    format = "word-tag"

    def _line(self, sentence: Sentence, answer: Answer) -> str:
        pairs = zip(sentence.words, answer.tags, strict=True)
        return " ".join([f"{escape(word)}/{escape(self.tag(tag))}" for word, tag in pairs])

    def _again(self, line: Line, sentence: Sentence, answer: Answer) -> str:
        tags = iter(answer.tags)
        return TOKEN.sub(lambda found: f"{_ended(divide(found[0])[0])}/{escape(self.tag(next(tags)))}", line.body)


def _ended(word: str) -> str:
    """Return a word as it was read, to be followed by a slash: a final backslash is doubled if it would escape it."""
    return word + "\\" * ((len(word) - len(word.rstrip("\\"))) % 2)
