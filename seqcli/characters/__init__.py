"""Words from their characters: encoders, one a file. This module is the contract.

The module of an encoder has `Config`, its keys in a recipe, and `Encoder`, a layer with
`create(config, characters, rng)`, `output_size` C, and `encode(ids, lengths)`: ids (U, L) of U words' characters,
padded with 0, lengths (U,) of at least 2 (a word begins and ends with a mark) -> (U, C). The id UNSEEN stands for
characters that do not occur in training: its row begins, and stays, at zero. In NumPy a word's result does not depend
on the other words, to the last bit.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, ValidationError

from seqcli import registry
from seqcli.errors import did_you_mean

UNSEEN = 1


def _check(value: str | dict[str, Any] | None) -> dict[str, Any] | None:
    if value is None or value == "none":
        return None
    spec = {"kind": value} if isinstance(value, str) else dict(value)
    if not isinstance(spec.get("kind"), str):
        raise ValueError("needs a kind, as in {kind: cnn}")
    known = registry.names("characters")
    if spec["kind"] not in known:
        raise ValueError(f"unknown encoder of characters {spec['kind']!r}; {did_you_mean(spec['kind'], known)}")
    config = registry.load("characters", spec["kind"]).Config
    try:
        return config(**spec).model_dump(mode="json")
    except ValidationError as error:
        found = error.errors()[0]
        known = ", ".join(k for k in config.model_fields if k != "kind")
        key = ".".join(map(str, found["loc"]))
        what = f"unknown key; known: {known}" if found["type"] == "extra_forbidden" else found["msg"]
        raise ValueError(f"{key}: {what}") from None


CharactersSpec = Annotated[str | dict[str, Any] | None, AfterValidator(_check)]
"""An encoder in a recipe: `cnn`, `{kind: rnn, hidden: 50}` or none; after validation a full dict, or None."""
