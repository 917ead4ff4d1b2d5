"""JSON objects, one a line, with the fields of a record; results are written under the key `seqcli`.

`_fields` says which field is which. A blank line is a record without a text. In output for an input of this format,
the object's own fields stay as they were written, and `seqcli` comes last, replacing any `seqcli` from the input.
Offsets count code points of the text (for tokens, of their text joined by spaces, which is then written as
`seqcli.text`), end exclusive. If a tagger has several targets, `label` is the first one's and the others are under
`further`.
"""

from __future__ import annotations

import json
from typing import Any

from seqcli.errors import SeqcliError
from seqcli.records import Answer, Excerpt, Sentence, joined, new_object
from seqcli.records._fields import FieldReader
from seqcli.records._json import WHITE, starts
from seqcli.records._lines import Line, LineWriter

READS = ("tags", "labels", "pairs")
GOLD = ("tags", "labels", "pairs")
WRITES = ("tags",)
SUFFIXES = (".jsonl", ".ndjson")
ARRAY = "an array cannot be read: write one member a line, as by jq -c '.[]' FILE > NEW.jsonl"
_EXAMPLES = {  # of lines, by kind
    "tags": '{"text": "…"} or {"tokens": ["…"]}',
    "labels": '{"text": "…", "label": "…"}',
    "pairs": '{"source": "…", "target": "…"}',
}


class Reader(FieldReader):
    """A reader of objects with the fields of a record."""

    format, blank = "jsonl", WHITE
    find = staticmethod(starts)

    def _fields(self, line: Line, number: int) -> dict[str, Any]:
        column, what, found = 1, "not a JSON object", None
        try:
            found = json.loads(line.body)
        except json.JSONDecodeError as error:
            column = error.colno
            what = f"not a JSON object ({error.msg[:1].lower()}{error.msg[1:]})"
        except (ValueError, RecursionError):  # a number of thousands of digits, brackets thousands deep
            what = "this JSON has too large a number or is nested too deeply"
        if not isinstance(found, dict):
            hint = f"each line is an object, as in {_EXAMPLES[self.kind.name]}"
            if isinstance(found, list) or line.body.strip() == "[":
                hint += f"\n{ARRAY}"
            raise SeqcliError(f"{self._source}:{number}:{column}: {what}", hint=hint)
        return found


class Writer(LineWriter):
    """Writes objects with all predictions."""

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
            token: dict[str, Any] = {"text": word, "start": start, "end": end, **_label(answer, i, tag)}
            if answer.explained is not None:
                weights, read = answer.explained[i]
                token["explanation"] = {"weights": weights, "read": read}
            tokens.append(token)
        result: dict[str, Any] = {"tokens": tokens}
        if isinstance(sentence.raw, Excerpt):
            result = {**_place(sentence.raw), **(result if tokens else {})}
        elif answer.text is not None:
            result = {"text": answer.text, **result}
        result |= _whole(sentence, answer)
        for name, own in answer.further.items():
            for i, (token, tag) in enumerate(zip(tokens, own.tags, strict=True)):
                token.setdefault("further", {})[name] = _label(own, i, tag)
            if of_all := _whole(sentence, own):
                result.setdefault("further", {})[name] = of_all
        return result


def _place(found: Excerpt) -> dict[str, Any]:
    """Return a sentence's offsets in the text that it was found in, and the probability of its end if asked for."""
    place: dict[str, Any] = {"start": found.start, "end": found.end}
    return place if found.probability is None else {**place, "probability": round(found.probability, 6)}


def _label(answer: Answer, i: int, tag: str) -> dict[str, Any]:
    """Return the result for a token: its label, and its probability if known."""
    p = answer.probabilities
    return {"label": tag or None} | ({} if p is None else {"probability": round(p[i], 6)})


def _whole(sentence: Sentence, answer: Answer) -> dict[str, Any]:
    """Return the results for a sentence as a whole: spans and alternatives."""
    found: dict[str, Any] = {}
    if answer.spans is not None:
        found["spans"] = span_records(sentence, answer)
    if answer.alternatives is not None:
        found["alternatives"] = [
            {"labels": list(labels), "probability": round(p, 6)} for labels, p in answer.alternatives
        ]
    return found


def span_records(sentence: Sentence, answer: Answer) -> list[dict[str, Any]]:
    """Return the predicted spans with their offsets in the text."""
    offsets, records = sentence.spread(), []
    for span in answer.spans or []:
        start, end = offsets[span.start][0], offsets[span.end - 1][1]
        record: dict[str, Any] = {"start": start, "end": end, "label": span.label, "text": sentence.text[start:end]}
        if span.probability is not None:
            record["probability"] = round(span.probability, 6)
        records.append(record)
    return records
