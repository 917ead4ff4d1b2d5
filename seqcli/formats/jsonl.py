"""JSON objects, one a line: a text or a list of tokens in, results under the key `seqcli` out.

`field` holds a string, which the caller splits into words, or a list of tokens; by default that is `tokens`, else
`text`. Gold tags are a list as long, under the key that `tag` names (`tags`). A blank line is a record without words.
Written into an input of this format, the object's own fields stay as they were written, and `seqcli` comes last; a
`seqcli` that is there already is replaced. Offsets count code points of the text (of the tokens joined by a space,
which is then given as `seqcli.text`), end exclusive.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, overload

from seqcli.errors import SeqcliError, did_you_mean
from seqcli.formats import Answer, Place, Sentence
from seqcli.formats._lines import Line, LineWriter
from seqcli.formats._objects import (
    WHITE,
    ObjectReader,
    half_a_character,
    joined,
    new_object,
    starts,
    whole,
)

READS = WRITES = True


@dataclass(frozen=True, slots=True)
class Places(Sequence[Place]):
    """The places of a list's members in a line, worked out when they are asked for."""

    body: str
    key: str
    number: int
    count: int

    def __len__(self) -> int:
        return self.count

    @overload
    def __getitem__(self, index: int) -> Place: ...
    @overload
    def __getitem__(self, index: slice) -> list[Place]: ...
    def __getitem__(self, index: int | slice) -> Place | list[Place]:
        places = [(self.number, start + 1) for start in starts(self.body, self.key)[1]]
        return places[index]


class Reader(ObjectReader[Sentence]):
    """Objects with a text or tokens. Without `gold`, tags that do not fit the tokens count as none."""

    example = '{"text": "…"} or {"tokens": ["…"]}'

    def _blank(self, line: Line, number: int) -> Sentence:
        return Sentence(source=self._source or "", line=number, raw=line)

    def _of(self, record: dict[str, Any], line: Line, number: int) -> Sentence:
        usual = "tokens" if "tokens" in record else "text"
        name = self._key("field", record, self.options.field, usual, number) or usual
        value = record.get(name)
        sentence = Sentence(source=self._source or "", line=number, raw=line)
        if isinstance(value, str):
            if self.options.gold:
                raise SeqcliError(
                    f"{self._place(line.body, number, name)}: gold tags need a list of tokens, {name!r} is a text",
                    hint='write {"tokens": [...], "tags": [...]}',
                )
            sentence.text, sentence.split = value, False
        elif isinstance(value, list):
            self._strings(value, line.body, number, name)
            sentence.words, sentence.text = value, " ".join(value)
            sentence.places = Places(line.body, name, number, len(value))
            self._gold(sentence, record, line.body)
        else:
            wrong = f"has no {name!r}" if name not in record else f"has neither text nor tokens in {name!r}"
            hint = "a string, or a list of strings" if name in record else did_you_mean(name, record)
            raise SeqcliError(f"{self._place(line.body, number, name)}: the object {wrong}", hint=hint)
        if "\\u" in line.body and not whole("".join([sentence.text, *(sentence.tags or ())])):
            raise half_a_character(line.body, self._source or "", number, name)
        return sentence

    def _gold(self, sentence: Sentence, record: dict[str, Any], body: str) -> None:
        name, empty, gold = self.options.tag or "tags", self.options.empty_tag, self.options.gold
        value, number = record.get(name), sentence.line
        if not isinstance(value, list):
            if gold:
                place = self._place(body, number, name)
                wrong = "is not a list" if name in record else "is not there"
                hint = "give one tag a token" if name in record else did_you_mean(name, record)
                raise SeqcliError(f"{place}: the list of tags {name!r} {wrong}", hint=hint)
            return
        tags = [empty if tag is None or tag == "" else tag for tag in value]
        if gold:
            self._strings(tags, body, number, name)
            if len(tags) != len(sentence.words):
                place = self._place(body, number, name)
                raise SeqcliError(
                    f"{place}: {len(tags)} tags for {len(sentence.words)} tokens", hint="give one tag a token"
                )
        elif len(tags) != len(sentence.words) or not all(isinstance(tag, str) for tag in tags):
            return
        sentence.tags = tags
        sentence.tag_places = Places(body, name, number, len(tags))

    def _strings(self, value: list[Any], body: str, number: int, name: str) -> None:
        for i, member in enumerate(value):
            if not isinstance(member, str):
                hint = "write labels by name" if isinstance(member, int) else ""
                raise SeqcliError(
                    f"{self._place(body, number, name, i)}: {name!r} holds {json.dumps(member)[:40]}, not a string",
                    hint=hint,
                )

    def _place(self, body: str, number: int, name: str, index: int | None = None) -> str:
        start, members = starts(body, name)
        return f"{self._source}:{number}:{(start if index is None else members[index]) + 1}"


class Writer(LineWriter):
    """Objects with all that was predicted."""

    format = "jsonl"

    def _line(self, sentence: Sentence, answer: Answer) -> str:
        return new_object({"text": sentence.text}, self._result(sentence, answer))

    def _again(self, line: Line, sentence: Sentence, answer: Answer) -> str:
        if not line.body.strip(WHITE):
            return line.body
        result = self._result(sentence, answer)
        if sentence.words and sentence.places:  # tokens: their offsets need a text to point into
            result = {"text": sentence.text, **result}
        return joined(line.body, result)

    def _result(self, sentence: Sentence, answer: Answer) -> dict[str, Any]:
        offsets = sentence.spread()
        tokens = []
        for i, (word, tag) in enumerate(zip(sentence.words, answer.tags, strict=True)):
            start, end = offsets[i]
            token: dict[str, Any] = {"text": word, "start": start, "end": end, "label": tag or None}
            if answer.probabilities is not None:
                token["probability"] = round(answer.probabilities[i], 6)
            tokens.append(token)
        result: dict[str, Any] = (
            {"tokens": tokens} if answer.text is None else {"text": answer.text, "tokens": tokens}
        )
        if answer.spans is not None:
            result["spans"] = span_records(sentence, answer)
        if answer.alternatives is not None:
            result["alternatives"] = [
                {"labels": list(labels), "probability": round(p, 6)} for labels, p in answer.alternatives
            ]
        return result


def span_records(sentence: Sentence, answer: Answer) -> list[dict[str, Any]]:
    """The predicted spans with their offsets in the text."""
    offsets, records = sentence.spread(), []
    for span in answer.spans or []:
        start, end = offsets[span.start][0], offsets[span.end - 1][1]
        record: dict[str, Any] = {"start": start, "end": end, "label": span.label, "text": sentence.text[start:end]}
        if span.probability is not None:
            record["probability"] = round(span.probability, 6)
        records.append(record)
    return records
