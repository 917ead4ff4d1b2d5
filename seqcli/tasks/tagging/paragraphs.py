"""Running text from which a tagger learns sentences: paragraphs of sentences, joined as in documents.

In plain text a line is a sentence, and an empty line ends a paragraph. In CoNLL-U `# newpar` and `# newdoc` begin a
paragraph, `SpaceAfter=No` says where text continues without a space, and labels mark the ends of tokens and words
too.
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

LONGEST = 2000  # units: a longer paragraph is cut after the sentence that exceeds this
JOINED = 0.5  # share of training paragraphs that are joined: not every text marks paragraphs, titles or lists

_BEGINS = re.compile(r"# *new(doc|par)\b")
_SEVERAL = re.compile(r"([0-9]{1,9})-([0-9]{1,9})\t")


def paragraphs(records: Iterable[Sentence], *, joined: float = 0.0) -> Iterator[Sentence]:
    """Yield the paragraphs of sentences read from plain text or CoNLL-U: their units as words, the labels of the
    restoration `sentences` as tags. A share `joined` of them, always the same, is joined to the next one."""
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
    """A sentence of CoNLL-U with labels."""

    units: list[str]
    labels: list[str]
    begins: bool  # whether it begins a document or a paragraph
    space: bool  # whether white space follows


def _labelled(sentence: Sentence, *, space: bool) -> _Labelled:
    """Label a sentence of CoNLL-U; `space`: white space precedes it, unless it is the first of its paragraph."""
    block = sentence.raw
    lines = [line.rstrip("\r") for line in block.lines]
    begins = any(map(_BEGINS.match, lines[: block.rows[0]]))
    inside: set[int] = set()  # indices of words after which their token continues
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
        if unit.startswith(" "):  # white space marks the end already
            labels[i] = NOTHING if unit == " " else labels[i]
            if i and labels[i - 1] == sentences.TOKEN:
                labels[i - 1] = NOTHING
    labels[-1] = sentences.SENTENCE
    return _Labelled(units, labels, begins, NO_SPACE not in end.rpartition("\t")[2])


def _paragraph(held: list[Sentence]) -> Sentence:
    """Join sentences into a paragraph; lines of plain text are labelled here."""
    first = held[0]
    if first.words:
        words, tags = [u for s in held for u in s.words], [t for s in held for t in s.tags or ()]
        if words[0] == " ":  # left over from a cut
            words, tags = words[1:], tags[1:]
    else:
        words, tags = sentences.strip("\n".join(s.text for s in held))
    return Sentence(words, tags, text="".join(words), source=first.source, line=first.line)
