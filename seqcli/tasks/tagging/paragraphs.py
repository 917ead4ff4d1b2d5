"""Running text that a tagger learns sentences from: paragraphs of sentences, joined as documents join them.

Of plain text a line is a sentence, and an empty line ends a paragraph. Of CoNLL-U `# newpar` and `# newdoc` begin
one, `SpaceAfter=No` says where a text goes on without a space, and labels say where tokens and words end too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from random import Random
from typing import NamedTuple

from seqcli.records import Sentence
from seqcli.records.conllu import NO_SPACE
from seqcli.restoration import NOTHING, sentences

LONGEST = 2000  # units: a longer paragraph is cut behind the sentence that goes so far
JOINED = 0.5  # of the ends of training paragraphs: not every text marks its own, as those of titles and lists

_BEGINS = re.compile(r"# *new(doc|par)\b")
_SEVERAL = re.compile(r"([0-9]{1,9})-([0-9]{1,9})\t")


def paragraphs(records: Iterable[Sentence], *, joined: float = 0.0) -> Iterator[Sentence]:
    """The paragraphs of sentences that were read from plain text, or from CoNLL-U: their units as words, the labels
    of the restoration `sentences` as tags. A share `joined` of them, always the same, goes on in the next one."""
    held: list[Sentence] = []
    size, space, rng = 0, True, Random(1)
    for record in records:
        if not record.record:
            continue
        treebank = record.words and getattr(record.raw, "format", "") == "conllu"
        own = _labelled(record, space=space) if treebank else None
        ends = own.begins if own else not record.text.strip()
        ends = ends and bool(held) and rng.random() >= joined
        if held and (ends or size > LONGEST or record.source != held[0].source):
            yield _paragraph(held)
            held, size = [], 0
        if own:
            space, record = own.space, replace(record, words=own.units, tags=own.labels, raw=None)
        if record.text.strip():
            held.append(record)
            size += len(record.text)
    if held:
        yield _paragraph(held)


class _Labelled(NamedTuple):
    """A sentence of CoNLL-U."""

    units: list[str]
    labels: list[str]
    begins: bool  # a document or a paragraph
    space: bool  # whether white space follows


def _labelled(sentence: Sentence, *, space: bool) -> _Labelled:
    """A sentence of CoNLL-U; `space` stands before it, if it is not the first of its paragraph."""
    block = sentence.raw
    lines = [line.rstrip("\r") for line in block.lines]
    begins = any(map(_BEGINS.match, lines[: block.rows[0]]))
    inside: set[int] = set()  # the words, from 0, behind which their token goes on
    end = lines[block.rows[-1]]
    for line in lines:
        if token := _SEVERAL.match(line):
            first, last = map(int, token.groups())
            inside.update(range(first - 1, last - 1))
            end = line if last == len(sentence.words) else end
    ends = {e: sentences.WORD if i in inside else sentences.TOKEN for i, (_, e) in enumerate(sentence.spread())}
    units, starts = sentences.located(sentence.text, first=not (begins or space))
    labels = [ends.get(at + len(unit.lstrip(" ")), NOTHING) for unit, at in zip(units, starts, strict=True)]
    for i, unit in enumerate(units):
        if unit.startswith(" "):  # white space says it already
            labels[i] = NOTHING if unit == " " else labels[i]
            if i and labels[i - 1] == sentences.TOKEN:
                labels[i - 1] = NOTHING
    labels[-1] = sentences.SENTENCE
    return _Labelled(units, labels, begins, NO_SPACE not in end.rpartition("\t")[2])


def _paragraph(held: list[Sentence]) -> Sentence:
    """Sentences one behind the other; lines of plain text are labelled here."""
    first = held[0]
    if first.words:
        words, tags = [u for s in held for u in s.words], [t for s in held for t in s.tags or ()]
        if words[0] == " ":  # what was cut
            words, tags = words[1:], tags[1:]
    else:
        words, tags = sentences.strip("\n".join(s.text for s in held))
    return Sentence(words, tags, text="".join(words), source=first.source, line=first.line)
