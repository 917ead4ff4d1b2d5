"""Describe a tagger for `inspect`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def facts(header: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return pairs (name, fact) from a model's header."""
    known, splitting = header["vocabulary"], header["splitting"]
    features = "".join(f", {name} ({n})" for name, n in known["features"].items())
    words = f"{known['words']:,} words, {known['characters']:,} characters{features}"
    if splitting.get("vectors"):  # it has no words and no characters
        return []
    if "rule" not in splitting:
        return [("vocabulary", words), ("raw text", f"restores {splitting['restore']}")]
    rule = ", ".join(f"{k} {v}" for k, v in splitting["rule"].items())
    agreement = f"F1 {splitting['agreement']:.4f} on the training data's words"
    return [("vocabulary", words), ("raw text", f"rule {rule}; {agreement}")]
