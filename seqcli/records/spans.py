"""Spans alone, one JSON object a record: the text, and the spans with their offsets in it; written only."""

from __future__ import annotations

from seqcli.errors import UsageError
from seqcli.records import Answer, Sentence, joined, new_object
from seqcli.records._lines import Line, LineWriter
from seqcli.records.jsonl import span_records

WRITES = ("tags",)


class Writer(LineWriter):
    """Writes objects with `text` and `seqcli.spans`, and keeps the fields of a JSONL input.

    `write` raises UsageError if the labels do not mark spans.
    """

    format = "spans"

    def _line(self, sentence: Sentence, answer: Answer) -> str:
        if answer.spans is None:
            raise UsageError("this model's labels do not mark spans", hint="`jsonl` writes a label for each token")
        result: dict[str, object] = {"spans": span_records(sentence, answer)}
        raw = sentence.raw
        if isinstance(raw, Line) and raw.format == "jsonl" and raw.body.strip():
            if sentence.places:
                result = {"text": sentence.text, **result}
            return joined(raw.body, result)
        return new_object({"text": sentence.text}, result)
