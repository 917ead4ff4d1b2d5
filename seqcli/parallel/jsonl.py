"""JSON objects, one a line, with a source and a target, both texts.

They are under the keys that `source` and `target` name; by default under well-known ones (source and target, src and
tgt, input and output, text and translation, …). A filter's object may have a source alone: under a well-known key,
else the only text in it. What an answer must begin with is under the key that `prefix` names, or nowhere (null too).
"""

from __future__ import annotations

from typing import Any

from seqcli.formats._lines import Line
from seqcli.formats._objects import RESULT, ObjectReader, half_a_character, no_key, text_of, which_key, whole
from seqcli.parallel import Options, Pair
from seqcli.parallel._names import SOURCES, TARGETS, possible, well_known


class Reader(ObjectReader[Pair]):
    """Objects with a source. Without `gold` what cannot be a target is none."""

    options: Options  # type: ignore[assignment]
    example = '{"source": "…", "target": "…"}'

    def _blank(self, line: Line, number: int) -> Pair | None:
        return None if self.options.gold else Pair("", source=self._source or "", line=number, raw=line)

    def _of(self, record: dict[str, Any], line: Line, number: int) -> Pair:
        body, source, gold = line.body, self._source or "", self.options.gold
        key, target_key = self._keys(record, number)
        pair = Pair(text_of(record, key, "source", body, source, number), source=source, line=number, raw=line)
        pair.keys = key, target_key
        if gold:
            if target_key is None:
                raise no_key("target", "target", record, source, number)
            pair.target = text_of(record, target_key, "target", body, source, number)
        elif target_key is not None and isinstance(value := record.get(target_key), str):
            pair.target = value
        prefix = self.options.prefix
        if prefix is not None and record.get(prefix) is not None:
            pair.prefix = text_of(record, prefix, "prefix", body, source, number)
        if "\\u" in body:  # only an escape can stand for half a character
            for name, text in ((key, pair.text), (target_key, pair.target), (prefix, pair.prefix)):
                if text is not None and not whole(text):
                    if name == target_key and name != key and not gold:
                        pair.target = None
                        continue
                    raise half_a_character(body, source, number, name)
        return pair

    def _keys(self, record: dict[str, Any], number: int) -> tuple[str, str | None]:
        """The keys of source and target. Raises SeqcliError where there is none for the source, or several."""
        source, target = (self._own(role, record, number) for role in ("source", "target"))
        if source is not None and target is not None:
            return source, target
        names = [n for n in record if n not in (RESULT, self.options.prefix)]
        known = well_known(
            tuple(names),
            names.index(source) if source in names else None,
            names.index(target) if target in names else None,
        )
        if target is None:
            several = possible([n for n in names if n != source], TARGETS)
            if known[1] is None and len(several) > 1 and self.options.gold:
                raise which_key("target", several, self._source or "", number)
            target = None if known[1] is None else names[known[1]]
        if source is None:
            usual = names[known[0]] if known[0] is not None else self._only_text(record, names, target, number)
            source = self._key("source", record, None, usual, number) or usual
        if target is not None:
            self.found.setdefault("target", target)
        return source, target

    def _own(self, role: str, record: dict[str, Any], number: int) -> str | None:
        """The key that is said, or else that of training, where the object has it."""
        return self._key(role, record, getattr(self.options, role), None, number)

    def _only_text(self, record: dict[str, Any], names: list[str], target: str | None, number: int) -> str:
        several = possible([n for n in names if n != target], SOURCES)
        several = several or [n for n in names if n != target and isinstance(record[n], str)]
        if not several:
            raise no_key("source", "source", record, self._source or "", number)
        if len(several) > 1:
            raise which_key("source", several, self._source or "", number)
        return several[0]
