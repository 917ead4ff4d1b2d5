"""The parts of a report about a model's answers, for every task: coloured texts, alignments, confidence."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple, Self


class Coloured(NamedTuple):
    """A text, its tokens (start, end, weight from -1 to 1), and the lines above and below it."""

    text: str
    weights: list[tuple[int, int, float]]
    head: str = ""
    note: str = ""


class Aligned(NamedTuple):
    """Tokens of a target (rows) and of a source (columns), and the attention weights (T, S)."""

    source: list[str]
    target: list[str]
    weights: list[list[float]]


@dataclass
class Shown:
    """The parts of a report that a task fills; empty ones are left out."""

    judged: list[tuple[float, bool]] = field(default_factory=list)  # (probability, whether right) of each answer
    colours: str = ""  # what the colours of `texts` mean
    texts: list[Coloured] = field(default_factory=list)
    wrong: str = ""  # what the colours of `errors` mean
    errors: list[Coloured] = field(default_factory=list)  # the most confident first
    alignments: list[Aligned] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the parts for JSON."""
        return asdict(self)

    @classmethod
    def of(cls, stored: dict[str, Any]) -> Self:
        """Return the parts from the JSON of `to_dict`. Raises TypeError for anything else."""
        parts: dict[str, Any] = {"texts": Coloured, "errors": Coloured, "alignments": Aligned}
        made: dict[str, Any] = {k: [parts[k](*row) for row in v] if k in parts else v for k, v in stored.items()}
        return cls(**made)
