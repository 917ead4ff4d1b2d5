"""`--set model.hidden=512`: changes to a recipe's values before it is checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seqcli.recipe.paths import given
from seqcli.recipe.positions import Document, Keys, Place, Problem, dotted, parse


class Overrides:
    """Applies overrides to a document whose paths are relative to `base`. `kinds` are the replaced kinds: (old, new,
    where), by the section's keys."""

    def __init__(self, document: Document, base: Path):
        self.document, self.base = document, base
        self.kinds: dict[Keys, tuple[str, str, Place]] = {}

    def apply(self, number: int, text: str) -> None:
        """Apply the `number`-th override; its mistakes are added to the document's problems."""
        place = Place((1, number), f"--set {text}".replace("\n", "\\n"))
        path, equals, value = text.partition("=")
        keys: Keys = tuple(part.strip() for part in path.split("."))
        if not equals or not all(keys):
            self.document.problems.append(Problem(place, (), "must be KEY=VALUE, as in --set model.hidden=512"))
            return
        parsed = parse('"-"' if value.strip() == "-" else value, "--set", place)  # - is standard input, not a list
        if parsed.problems:
            self.document.problems += [Problem(place, keys, p.text) for p in parsed.problems]
            return
        section = self._section(keys[:-1], place)
        if section is None:
            return
        old = section.get(str(keys[-1]))
        if keys[-1] == "kind" and isinstance(old, str | None) and isinstance(parsed.value, str):
            before = self.kinds[keys[:-1]][0] if keys[:-1] in self.kinds else old or "the default"
            self.kinds[keys[:-1]] = (before, parsed.value, place)
        for part in [k for k in self.document.places if k[: len(keys)] == keys]:
            del self.document.places[part]
        section[str(keys[-1])] = given(keys, parsed.value, self.base)
        self.document.places |= {(*keys, *inner): place for inner in parsed.places}

    def _section(self, keys: Keys, place: Place) -> dict[str, Any] | None:
        """Return the mapping at `keys`, created if missing; `tokenizer: char` becomes `{kind: char}`."""
        at: dict[str, Any] = self.document.value
        for i, key in enumerate(keys):
            inner = at.get(str(key))
            here = keys[: i + 1]
            if inner is None:
                inner = {}
                self.document.places[here] = place
            elif isinstance(inner, str):
                inner = {"kind": inner}
                self.document.places[(*here, "kind")] = self.document.place(here)
            elif not isinstance(inner, dict):
                what = "a list" if isinstance(inner, list) else repr(inner)
                text = f"is {what}, which has no keys; set it as a whole: --set {dotted(here)}=VALUE"
                self.document.problems.append(Problem(place, here, text))
                return None
            at[str(key)] = inner
            at = inner
        return at
