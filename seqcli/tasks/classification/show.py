"""Write labels of texts as lines, objects and columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from seqcli import forms
from seqcli.insight.coloured import painted
from seqcli.insight.leaving import TINY, as_objects
from seqcli.records import Example, cell
from seqcli.tasks.classification.predict import NOTHING, Answer

SEPARATOR = ","  # of several labels in one cell
NONE = "-"  # stands for no label


@dataclass(frozen=True)
class Writer(forms.Writer):
    """A writer of answers: lines of labels and probabilities, JSON objects, or rows with two more columns."""

    top: int | None = None  # write so many labels, whatever the model gives
    otherwise: str = NONE  # written if no label is given
    least: float = 0.0
    several: bool = False  # whether the model may give a text several labels
    attention: bool = False
    targets: Sequence[str] = ()  # names of further targets

    @property
    def names(self) -> Sequence[str]:  # type: ignore[override]
        """Two more columns, and two for each further target."""
        further = [name for target in self.targets for name in (f"predicted-{target}", f"probability-{target}")]
        return ["predicted", "probability", *further]

    def given(self, answer: Answer) -> list[tuple[str, float]]:
        """Return the labels to write, with their probabilities."""
        if self.top:
            return [pair for pair in answer.ranking[: self.top] if pair[1] >= self.least]
        own = set(answer.labels)
        return [pair for pair in answer.ranking if pair[0] in own]

    def parts(self, answer: Answer) -> list[str]:
        """Return labels and probabilities in turn; without a label, that of --else with the best probability."""
        best = answer.ranking[0][1] if answer.ranking else 0.0
        return [part for label, p in self.given(answer) or [(self.otherwise, best)] for part in (label, f"{p:.4f}")]

    def cells(self, answer: Answer) -> list[str]:
        """Return two cells for each target, labels and probabilities; several labels share a cell."""
        each = [self.parts(own) for own in self.of_each(answer)]
        return [SEPARATOR.join(cells[i::2]) for cells in each for i in range(2)]

    def of_each(self, answer: Answer) -> list[Answer]:
        """Return the answers of all targets; empty ones for a blank text."""
        return [answer, *(answer.further.get(name, NOTHING) for name in self.targets)]

    def line(self, example: Example, answer: Answer) -> str:
        """Return the answer as a line; an explained one with its words coloured, orange
        for the label, blue against it."""
        if answer.explained is not None:
            top = max([TINY, *(abs(token.weight) for token in answer.explained)])
            grounds = [(t.start, t.end, t.weight / top) for t in answer.explained]
            return f"{self.line(example, answer._replace(explained=None))}  {painted(example.text, grounds)}\n"
        if (
            len(answer.labels) == len(answer.ranking) == 1 and not self.top and not self.targets
        ):  # the common case, at half the cost
            label, p = answer.ranking[0]
            return f"{cell(label)}\t{p:.4f}\n"
        return "\t".join(cell(part) for own in self.of_each(answer) for part in self.parts(own)) + "\n"

    def results(self, example: Example, answer: Answer) -> list[dict[str, Any]]:
        """Return the results for a JSON object, under its key `seqcli`."""
        given = self.given(answer)
        label, p = given[0] if given else (None, answer.ranking[0][1] if answer.ranking else None)
        if label is None and self.otherwise != NONE:
            label = self.otherwise
        found: dict[str, Any] = {"label": label, "probability": None if p is None else round(p, 6)}
        if self.top or self.several:
            found["labels"] = [{"label": name, "probability": round(p, 6)} for name, p in given]
        if self.attention and answer.attention is not None:
            found["tokens"] = [
                {"text": example.text[a:b], "start": a, "end": b, "weight": round(w, 6)}
                for a, b, w in answer.attention
            ]
            for token, hops in zip(found["tokens"], answer.hops or (), strict=False):
                token["hops"] = [round(w, 6) for w in hops]
        if self.attention and answer.steps is not None:
            found["frames"] = [{"start": first, "weight": round(w, 6)} for first, w in answer.steps]
        if answer.explained is not None:
            found["explanation"] = as_objects(example.text, answer.explained)
        if answer.terms is not None:
            found["ngrams"] = {
                "bias": round(answer.terms.bias, 6),
                "terms": [
                    {"text": example.text[a:b], "kind": kind, "start": a, "end": b, "score": round(score, 6)}
                    for kind, a, b, score in answer.terms.terms
                ],
            }
        if answer.nodes is not None:
            found["nodes"] = [
                {"start": a, "end": b, "label": label, "probability": round(p, 6)} for a, b, label, p in answer.nodes
            ]
        for name, own in answer.further.items():
            found.setdefault("further", {})[name] = self.results(example, own)[0]
        return [found]
