"""What a report shows of a model's answers, of whatever task: texts with colours, alignments, how sure each was."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple, Self


class Coloured(NamedTuple):
    """A text, the weight of its tokens (start, end, weight from -1 to 1), what stands above and below it."""

    text: str
    weights: list[tuple[int, int, float]]
    head: str = ""
    note: str = ""


class Aligned(NamedTuple):
    """Tokens of a target (rows) and of a source (columns), and how much each looked at each (T, S)."""

    source: list[str]
    target: list[str]
    weights: list[list[float]]


@dataclass
class Shown:
    """The parts of a report that a task fills; what stays empty is left out."""

    judged: list[tuple[float, bool]] = field(default_factory=list)  # (probability, whether right) of each answer
    colours: str = ""  # what the colours of `texts` say
    texts: list[Coloured] = field(default_factory=list)
    wrong: str = ""  # what the colours of `errors` say
    errors: list[Coloured] = field(default_factory=list)  # the most confident ones first
    alignments: list[Aligned] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def of(cls, stored: dict[str, Any]) -> Self:
        """What `to_dict` gave, read from JSON. Raises TypeError for what is something else."""
        parts: dict[str, Any] = {"texts": Coloured, "errors": Coloured, "alignments": Aligned}
        made: dict[str, Any] = {k: [parts[k](*row) for row in v] if k in parts else v for k, v in stored.items()}
        return cls(**made)
