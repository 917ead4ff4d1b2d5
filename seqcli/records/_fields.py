"""Shared code of the formats whose records are named fields: which field is which, and errors with their place.

A field is found as the options say; else as in training; else by its name. The text of a labelled text is under
`text`, else `sentence`, else the only text beside the label. The label is under `label`, else `labels`: a text, a
number, true or false, or a list of those (null is none; 1 is the label `1`, 1.0 is `1.0`, true is `true`). Pairs are
under names that go together (source and target, src and tgt, input and output …); a filter's record may have a source
alone: under a well-known name, else the only text. What an answer must begin with is under the name that `prefix`
gives; without it, or if the value is null, there is none. In tagged text `field` (by default `tokens`, else `text`)
holds a text, which the caller splits into words, or a list of tokens; the tags are a list of the same length, under
the name that `tag` gives (`tags`). Without gold, a value that cannot be a label, tags or a target is ignored.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from functools import partial
from typing import Any

from seqcli.columns import possible, well_known
from seqcli.errors import SeqcliError, did_you_mean
from seqcli.records import LABELLED, TAGGED, Example, Pair, Place, Places, Sentence, labels_of
from seqcli.records._json import RESULT, short, whole
from seqcli.records._kinds import SOURCES, TARGETS
from seqcli.records._lines import Line, LineReader
from seqcli.records._partial import tags_of
from seqcli.records._record import Find, value_place
from seqcli.records._rows import in_recipe
from seqcli.records._texts import add_texts

TEXT_KEYS, LABEL_KEYS = ("text", "sentence"), ("label", "labels")
Fields = dict[str, Any]


def _counts(value: Any) -> bool:
    """Whether a JSON value is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def member_places(find: Find, body: str, key: str, number: int) -> list[Place]:
    """Return the places of a list's members in a line."""
    return [(number, start + 1) for start in find(body, key)[1]]


class FieldReader(LineReader):
    """A reader of a record a line, made from its fields."""

    @staticmethod
    @abstractmethod
    def find(body: str, key: str) -> tuple[int, list[int]]:
        """Return where a field's value begins in a line, from 0, and where its members begin if it is a list."""

    @abstractmethod
    def _fields(self, line: Line, number: int) -> Fields:
        """Return the fields of a line. Raises SeqcliError with the place."""

    def _blank(self, line: Line, number: int) -> Any:
        return self._made("", line, number, split=True) if self.kind is TAGGED else super()._blank(line, number)

    def _record(self, line: Line, number: int) -> Any:
        fields = self._fields(line, number)
        if self.kind is TAGGED:
            return self._sentence(fields, line, number)
        labels = self.kind is LABELLED
        key, goal_key = self._example_keys(fields, number) if labels else self._pair_keys(fields, number)
        text = self._text(fields, key, self.kind.roles[0], line, number)
        record = self.kind.record(text)
        record.source, record.line, record.raw = self._source or "", number, line
        record.keys = self.find, key, goal_key
        further = [(name, self._text(fields, name, "text", line, number)) for name in self.options.further]
        if further:
            add_texts(record, further)
        if self.options.parts:
            own = (key, *self.options.parts)
            record.join([(self._text(fields, k, "source", line, number), k) for k in own])
        goal = (self._labels if labels else self._target)(fields, goal_key, record)
        names = self.options.further_labels if self.options.gold else ()
        further_labels = [(name, self._labels(fields, name, record, whole=True) or [], name) for name in names]
        prefix = None if labels else self.options.prefix
        if prefix is not None and fields.get(prefix) is not None:
            record.prefix = self._text(fields, prefix, "prefix", line, number)
        if self.options.must is not None:
            record.must = self._phrases(fields, self.options.must, line, number)
        if self.options.must_not is not None:
            record.must_not = self._phrases(fields, self.options.must_not, line, number)
        if "\\u" in line.body:  # only an escape can stand for half a character
            parts = [(key, record.text), *further, *([(prefix, record.prefix)] if prefix is not None else [])]
            broken = [name for name, part in parts if not whole(part or "")]
            if not whole("".join([*(goal or ()), *(label for _, own, _ in further_labels for label in own)])):
                broken, goal = broken + [goal_key] * self.options.gold, None
            if broken:
                raise self._half_a_character(line, number, broken[0])
        if labels:
            record.labels, record.targets = goal, further_labels
        elif isinstance(goal, list):
            record.target, record.references = goal[0], tuple(text for text in goal[1:] if text.strip())
        else:
            record.target = goal
        return record

    # words with tags

    def _sentence(self, fields: Fields, line: Line, number: int) -> Sentence:
        usual = "tokens" if "tokens" in fields else "text"
        name = self._key("field", fields, self.options.field, usual, number) or usual
        value = fields.get(name)
        sentence: Sentence = self._made("", line, number, split=not isinstance(value, str))
        if (
            self.options.numbers and isinstance(value, str) and self.options.gold
        ):  # a file: a tag for each of its frames
            tags = fields.get(self.options.tag or "tags")
            sentence.text, sentence.words = value, [str(t) for t in range(1, 1 + len(tags or ()))]
            self._tags(sentence, fields, line, number)
        elif isinstance(value, str):
            if self.options.gold:
                raise SeqcliError(
                    f"{self._at(line, number, name)}: gold tags need a list of tokens, {name!r} is a text",
                    hint='write {"tokens": [...], "tags": [...]}',
                )
            sentence.text = value
        elif isinstance(value, list):
            if self.options.numbers:
                value = [
                    ",".join(map(json.dumps, m)) if isinstance(m, list) else str(m) if _counts(m) else m
                    for m in value
                ]
            self._strings(value, line, number, name)
            sentence.words, sentence.text = value, " ".join(value)
            sentence.places = self._places(value, line, name, number)
            self._tags(sentence, fields, line, number)
        else:
            wrong = f"has no {name!r}" if name not in fields else f"has neither text nor tokens in {name!r}"
            hint = "a string, or a list of strings" if name in fields else did_you_mean(name, fields)
            raise SeqcliError(f"{self._at(line, number, name)}: the object {wrong}", hint=hint)
        tags = [tag for own in (sentence.tags or (), *sentence.features.values()) for tag in own]
        if "\\u" in line.body and not whole("".join([sentence.text, *tags])):
            raise self._half_a_character(line, number, name)
        return sentence

    def _tags(self, sentence: Sentence, fields: Fields, line: Line, number: int) -> None:
        if found := self._tags_of(self.options.tag or "tags", sentence, fields, line, number):
            sentence.tags, sentence.tag_places = found
        for name in self.options.further_tags:
            if found := self._tags_of(name, sentence, fields, line, number):
                sentence.features[name] = found[0]

    def _tags_of(self, name: str, sentence: Sentence, fields: Fields, line: Line, number: int) -> Any:
        """Return the tags under a key, and their places; None if a filter's record has none."""
        gold, value = self.options.gold, fields.get(name)
        if not isinstance(value, list):
            if gold:
                wrong = "is not a list" if name in fields else "is not there"
                hint = "give one tag a token" if name in fields else did_you_mean(name, fields)
                raise SeqcliError(f"{self._at(line, number, name)}: the list of tags {name!r} {wrong}", hint=hint)
            return None
        tags = tags_of(name, fields, self.options, lambda key, i=None: self._at(line, number, key, i))
        if gold:
            self._strings(tags, line, number, name)
            if len(tags) != len(sentence.words):
                wrong = f"{len(tags)} tags for {len(sentence.words)} tokens"
                raise SeqcliError(f"{self._at(line, number, name)}: {wrong}", hint="give one tag a token")
        elif len(tags) != len(sentence.words) or not all(isinstance(tag, str) for tag in tags):
            return None
        return tags, self._places(tags, line, name, number)

    def _places(self, members: list[str], line: Line, name: str, number: int) -> Places:
        return Places(len(members), member_places, (self.find, line.body, name, number))

    def _strings(self, value: list[Any], line: Line, number: int, name: str) -> None:
        for i, member in enumerate(value):
            if not isinstance(member, str):
                wrong = f"{name!r} holds {json.dumps(member)[:40]}, not a string"
                hint = "write words and labels in quotes" if isinstance(member, int) and self.kind is TAGGED else ""
                raise SeqcliError(f"{self._at(line, number, name, i)}: {wrong}", hint=hint)

    # texts with labels

    def _example_keys(self, fields: Fields, number: int) -> tuple[str, str | None]:
        usual = next((k for k in LABEL_KEYS if k in fields), None)
        own = self.trained.get("label")
        label_key = self.options.label or (own if own in fields else usual)
        if self.options.gold:
            label_key = self._key("label", fields, self.options.label, usual, number)
        own = self.trained.get("text")
        given = self.options.text or (own if self.options.further else None)  # each of several texts has its own key
        usual = None if given or own in fields else self._text_key(fields, label_key, number)
        key = self._key("text", fields, given, usual, number)
        assert key is not None
        return key, label_key

    def _text_key(self, fields: Fields, label_key: str | None, number: int) -> str:
        """Return the key of the text if neither options nor training give it."""
        taken = (label_key, *LABEL_KEYS, *self.options.further_labels)
        for key in TEXT_KEYS:
            if key in fields and key not in taken:
                return key
        kinds = (str, list) if self.options.numbers else str
        strings = [k for k, v in fields.items() if isinstance(v, kinds) and k not in taken]
        return self._only(strings, "text", fields, number)

    def _labels(self, fields: Fields, key: str | None, example: Example, *, whole: bool = False) -> list[str] | None:
        gold, number = self.options.gold, example.line
        if key is None or key not in fields:
            if gold:
                raise self._no_key("label", key or "label", fields, number)
            return None
        value = fields[key]
        found: dict[str, None] = {}
        for i, member in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(member, str | int | float | None):
                if not gold:
                    return None
                place = self._at(example.raw, number, key, i if isinstance(value, list) else None)
                raise SeqcliError(
                    f"{place}: {key!r} holds {short(member)}, not a label",
                    hint="a label is a string, a number, true or false; several are a list of those",
                )
            if member is not None:
                written = member if isinstance(member, str) else json.dumps(member)
                split = isinstance(member, str) and not isinstance(value, list)
                at = partial(value_place, self.find, example, key)
                found |= dict.fromkeys(labels_of(written, self.options, at, split=split, whole=whole))
        return list(found) if found or value is not None else ([] if gold else None)

    # pairs

    def _target(self, fields: Fields, key: str | None, pair: Pair) -> str | list[str] | None:
        """Return the target, or a list of it and its further references if the options allow those."""
        if self.options.gold:
            if key is None:
                raise self._no_key("target", "target", fields, pair.line)
            further = self.options.references
            if further is None:
                return self._text(fields, key, "target", pair.raw, pair.line)
            return [text for name in (key, *further) for text in self._texts(fields, name, pair)]
        value = None if key is None else fields.get(key)
        return value if isinstance(value, str) else None

    def _texts(self, fields: Fields, key: str, pair: Pair) -> list[str]:
        """Return the texts under a key: one text, or a list that is not empty."""
        value = fields.get(key)
        if isinstance(value, list) and value:
            self._strings(value, pair.raw, pair.line, key)
            return value
        return [self._text(fields, key, "target", pair.raw, pair.line)]

    def _phrases(self, fields: Fields, key: str, line: Line, number: int) -> tuple[str, ...]:
        """Return the phrases under a key, a string or a list of strings; none without the key. Raises SeqcliError."""
        value = fields.get(key)
        listed = [] if value is None else value if isinstance(value, list) else [value]
        for i, phrase in enumerate(listed):
            if not isinstance(phrase, str) or not phrase.strip() or not whole(phrase):
                place = self._at(line, number, key, i if isinstance(value, list) else None)
                raise SeqcliError(
                    f"{place}: {key!r} holds {short(phrase)}, not a phrase",
                    hint="write a string, or a list of strings",
                )
        return tuple(listed)

    def _pair_keys(self, fields: Fields, number: int) -> tuple[str, str | None]:
        """Return the keys of source and target. Raises SeqcliError if none or several could be the source."""
        said = self.options
        source = self._key("source", fields, said.source, None, number)
        target = self._key("target", fields, said.target, None, number)
        if source is not None and target is not None:
            return source, target
        names = [n for n in fields if n not in (RESULT, said.prefix, said.must, said.must_not, *said.parts)]
        known = well_known(tuple(names), *(names.index(n) if n in names else None for n in (source, target)))
        if target is None:
            several = possible([n for n in names if n != source], TARGETS)
            if known[1] is None and len(several) > 1 and said.gold:
                raise self._which(several, "target", number)
            target = None if known[1] is None else names[known[1]]
        if source is None:
            others = [n for n in names if n != target]
            kinds = (str, list) if self.options.numbers else str
            several = possible(others, SOURCES) or [n for n in others if isinstance(fields[n], kinds)]
            usual = self._only(several, "source", fields, number) if known[0] is None else names[known[0]]
            source = self._key("source", fields, None, usual, number) or usual
        if target is not None:
            self.found.setdefault("target", target)
        return source, target

    # which field it is, what is wrong, and where

    def _key(self, role: str, fields: Fields, given: str | None, known: str | None, number: int) -> str | None:
        """Return the key of a part of a record: the `given` one, else the one in training, else the `known` one, with
        a warning if training had another."""
        own = self.trained.get(role)
        key = given or (own if isinstance(own, str) and own in fields else known)
        if key is not None:
            self.found.setdefault(role, key)
            if given is None and isinstance(own, str):
                self._tell(role, key, "key", f"{self._source}:{number}:1")
        return key

    def _only(self, keys: list[str], role: str, fields: Fields, number: int) -> str:
        """Return the only key. Raises SeqcliError for none or several."""
        if len(keys) == 1:
            return keys[0]
        raise self._which(keys, role, number) if keys else self._no_key(role, role, fields, number)

    def _text(self, fields: Fields, key: str, role: str, line: Line, number: int) -> str:
        """Return the text under a key. Raises SeqcliError if there is none."""
        value = fields.get(key)
        if isinstance(value, str):
            return value
        if (
            self.options.numbers and role == self.kind.roles[0] and isinstance(value, list)
        ):  # an array of numbers, or of rows of them
            return json.dumps(value)
        if key not in fields:
            raise self._no_key(role, key, fields, number)
        raise SeqcliError(
            f"{self._at(line, number, key)}: {key!r} holds {short(value)}, not a text", hint=_says(role)
        )

    def _at(self, line: Line, number: int, key: str | None, index: int | None = None) -> str:
        """Return `file:line:column` of a field, or of a member of it; of the line if there is no such field."""
        start, members = (0, []) if key is None else self.find(line.body, key)
        return f"{self._source}:{number}:{(start if index is None else members[index]) + 1}"

    def _no_key(self, role: str, key: str, fields: Fields, number: int) -> SeqcliError:
        """Return the error for a record that lacks a required key."""
        near = did_you_mean(key, [k for k in fields if k != RESULT]) or "the object is empty"
        return SeqcliError(
            f"{self._source}:{number}:1: the object has no {key!r}",
            hint=f"{near if len(near) < 200 else near[:200] + ' …'}\n{_says(role)}",
        )

    def _which(self, keys: list[str], role: str, number: int) -> SeqcliError:
        """Return the error that asks which of several keys is meant."""
        several = ", ".join(map(repr, keys[:8])) + (" …" if len(keys) > 8 else "")
        return SeqcliError(
            f"{self._source}:{number}:1: which of {several} is the {role}?",
            hint=f"say it: --{role} {keys[0]}{in_recipe(role)}",
        )

    def _half_a_character(self, line: Line, number: int, key: str | None) -> SeqcliError:
        """Return the error for a field with a lone surrogate."""
        return SeqcliError(
            f"{self._at(line, number, key)}: the field {key!r} holds half a character (a lone surrogate)",
            hint="a character beyond U+FFFF is written as itself, or as two \\u escapes",
        )


def _says(role: str) -> str:
    return f"--{role} KEY{in_recipe(role)} says under which key the {role} is"
