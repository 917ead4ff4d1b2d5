"""JSON objects, one a line, with a text and a label, or a list of labels.

The text is under the key that `text` names; by default `text`, else `sentence`, else the only string beside the
label. The label is under `label`, else `labels`: a string, a number, true or false, or a list of those; null is none.
A number is read as JSON writes it: 1 is the label `1`, 1.0 is `1.0`, true is `true`.
"""

from __future__ import annotations

import json
from typing import Any

from seqcli.errors import SeqcliError, did_you_mean
from seqcli.formats._lines import Line
from seqcli.formats.jsonl import RESULT, starts
from seqcli.labelled import Example, LineReader, labels_of

READS_LABELS = True
TEXT_KEYS, LABEL_KEYS = ("text", "sentence"), ("label", "labels")


class Reader(LineReader):
    """Objects with a text. Without `gold` what cannot be a label is none."""

    format = "jsonl"

    def _example(self, line: Line, number: int) -> Example:
        body, source = line.body, self._source or ""
        record = self._object(body, number)
        label_key = self.options.label or next((k for k in LABEL_KEYS if k in record), None)
        key = self.options.text or self._text_key(record, label_key, number)
        text = record.get(key)
        if not isinstance(text, str):
            if key not in record:
                raise self._no_key("text", key, record, number)
            raise SeqcliError(
                f"{self._place(body, number, key)}: {key!r} holds {_short(text)}, not a text",
                hint=_says("text"),
            )
        example = Example(text, source=source, line=number, raw=line, keys=(key, label_key))
        labels = self._labels(record, label_key, example)
        if "\\u" in body:  # only an escape can stand for half a character
            for name, value in ((key, text), (label_key, "".join(labels or ()))):
                try:
                    value.encode()
                except UnicodeEncodeError:
                    if name == label_key and not self.options.gold:
                        labels = None
                        continue
                    where = self._place(body, number, name)
                    raise SeqcliError(
                        f"{where}: the field {name!r} holds half a character (a lone surrogate)",
                        hint="a character beyond U+FFFF is written as itself, or as two \\u escapes",
                    ) from None
        example.labels = labels
        return example

    def _object(self, body: str, number: int) -> dict[str, Any]:
        column, what = 1, "not a JSON object"
        try:
            record = json.loads(body)
        except json.JSONDecodeError as error:
            record, column = None, error.colno
            what = f"not a JSON object ({error.msg[:1].lower()}{error.msg[1:]})"
        except (ValueError, RecursionError):  # a number of thousands of digits, brackets thousands deep
            record, what = None, "this JSON is too large a number or too deep to read"
        if not isinstance(record, dict):
            raise SeqcliError(
                f"{self._source}:{number}:{column}: {what}",
                hint='each line is an object, as in {"text": "…", "label": "…"}',
            )
        return record

    def _text_key(self, record: dict[str, Any], label_key: str | None, number: int) -> str:
        """The key of the text where nothing says it."""
        for key in TEXT_KEYS:
            if key in record and key != label_key:
                return key
        strings = [k for k, v in record.items() if isinstance(v, str) and k not in (label_key, *LABEL_KEYS)]
        if len(strings) == 1:
            return strings[0]
        if not strings:
            raise self._no_key("text", "text", record, number)
        raise SeqcliError(
            f"{self._source}:{number}:1: which of {_listed(strings)} is the text?",
            hint=f"say it: --text {strings[0]} (a recipe: data.text)",
        )

    def _labels(self, record: dict[str, Any], key: str | None, example: Example) -> list[str] | None:
        gold, number = self.options.gold, example.line
        if key is None or key not in record:
            if gold:
                raise self._no_key("label", key or "label", record, number)
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
                    f"{example.source}:{number}:{column}: {key!r} holds {_short(member)}, not a label",
                    hint="a label is a string, a number, true or false; several are a list of those",
                )
            if member is not None:
                written = member if isinstance(member, str) else json.dumps(member)
                split = isinstance(member, str) and not isinstance(value, list)
                place = lambda: example.place(label=True)  # noqa: E731
                found.update(dict.fromkeys(labels_of(written, self.options, place, split=split)))
        return list(found) if found or value is not None else ([] if gold else None)

    def _no_key(self, what: str, key: str, record: dict[str, Any], number: int) -> SeqcliError:
        known = [k for k in record if k != RESULT]
        near = did_you_mean(key, known) or "the object is empty"
        return SeqcliError(
            f"{self._source}:{number}:1: the object has no {key!r}",
            hint=f"{near if len(near) < 200 else near[:200] + ' …'}\n{_says(what)}",
        )

    def _place(self, body: str, number: int, key: str | None) -> str:
        return f"{self._source}:{number}:{starts(body, key)[0] + 1 if key is not None else 1}"


def _says(what: str) -> str:
    return f"--{what} KEY (a recipe: data.{what}) says under which key the {what} is"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:40] + "…"


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names[:8])) + (" …" if len(names) > 8 else "")
