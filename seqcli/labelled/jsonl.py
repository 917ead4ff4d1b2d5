"""JSON objects, one a line, with a text and a label, or a list of labels.

The text is under the key that `text` names; by default `text`, else `sentence`, else the only string beside the
label. The label is under `label`, else `labels`: a string, a number, true or false, or a list of those; null is none.
A number is read as JSON writes it: 1 is the label `1`, 1.0 is `1.0`, true is `true`.
"""

from __future__ import annotations

import json
from typing import Any

from seqcli.errors import SeqcliError
from seqcli.formats._lines import Line
from seqcli.formats._objects import (
    ObjectReader,
    half_a_character,
    no_key,
    short,
    starts,
    text_of,
    which_key,
    whole,
)
from seqcli.labelled import Example, Options, labels_of

READS_LABELS = True
TEXT_KEYS, LABEL_KEYS = ("text", "sentence"), ("label", "labels")


class Reader(ObjectReader[Example]):
    """Objects with a text. Without `gold` what cannot be a label is none."""

    options: Options  # type: ignore[assignment]
    example = '{"text": "…", "label": "…"}'

    def _blank(self, line: Line, number: int) -> Example | None:
        return None if self.options.gold else Example("", source=self._source or "", line=number, raw=line)

    def _of(self, record: dict[str, Any], line: Line, number: int) -> Example:
        body, source = line.body, self._source or ""
        usual = next((k for k in LABEL_KEYS if k in record), None)
        own = self.trained.get("label")
        label_key = self.options.label or (own if own in record else usual)
        if self.options.gold:
            label_key = self._key("label", record, self.options.label, usual, number)
        own = self.trained.get("text")
        usual = None if self.options.text or own in record else self._text_key(record, label_key, number)
        key = self._key("text", record, self.options.text, usual, number)
        assert key is not None
        text = text_of(record, key, "text", body, source, number)
        example = Example(text, source=source, line=number, raw=line, keys=(key, label_key))
        labels = self._labels(record, label_key, example)
        if "\\u" in body:  # only an escape can stand for half a character
            if not whole(text):
                raise half_a_character(body, source, number, key)
            if not whole("".join(labels or ())):
                if self.options.gold:
                    raise half_a_character(body, source, number, label_key)
                labels = None
        example.labels = labels
        return example

    def _text_key(self, record: dict[str, Any], label_key: str | None, number: int) -> str:
        """The key of the text where nothing says it."""
        for key in TEXT_KEYS:
            if key in record and key != label_key:
                return key
        strings = [k for k, v in record.items() if isinstance(v, str) and k not in (label_key, *LABEL_KEYS)]
        if len(strings) == 1:
            return strings[0]
        if not strings:
            raise no_key("text", "text", record, self._source or "", number)
        raise which_key("text", strings, self._source or "", number)

    def _labels(self, record: dict[str, Any], key: str | None, example: Example) -> list[str] | None:
        gold, number = self.options.gold, example.line
        if key is None or key not in record:
            if gold:
                raise no_key("label", key or "label", record, example.source, number)
            return None
        value = record[key]
        found: dict[str, None] = {}
        for i, member in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(member, str | int | float | None):
                if not gold:
                    return None
                assert example.raw is not None
                at = starts(example.raw.body, key)
                column = (at[1][i] if isinstance(value, list) else at[0]) + 1
                raise SeqcliError(
                    f"{example.source}:{number}:{column}: {key!r} holds {short(member)}, not a label",
                    hint="a label is a string, a number, true or false; several are a list of those",
                )
            if member is not None:
                written = member if isinstance(member, str) else json.dumps(member)
                split = isinstance(member, str) and not isinstance(value, list)
                place = lambda: example.place(label=True)  # noqa: E731
                found.update(dict.fromkeys(labels_of(written, self.options, place, split=split)))
        return list(found) if found or value is not None else ([] if gold else None)
