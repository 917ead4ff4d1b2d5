"""Write answers to sources as lines, objects and columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from seqcli import forms
from seqcli.insight.leaving import as_objects
from seqcli.records import Pair, one_line
from seqcli.tasks.sequence_to_sequence.predict import Answer


@dataclass(frozen=True)
class Writer(forms.Writer):
    """A writer of answers: lines, JSON objects, or rows with one more column."""

    attention: bool = False
    alignment: bool = False
    many: bool = False
    confidence: bool = False  # in lines, add a tab and the probability that the answer is right
    otherwise: str = ""  # written in place of an answer that is withheld
    key: ClassVar[str] = "source"
    names: ClassVar[Sequence[str]] = ("answer",)

    def cells(self, answers: list[Answer]) -> list[str]:
        """Return one cell, the best answer."""
        return [self._text(answers[0])]

    def _text(self, answer: Answer) -> str:
        return self.otherwise if answer.withheld else answer.text

    def line(self, pair: Pair, answers: list[Answer]) -> str:
        """Return the answers on one line, separated by tabs; with --alignment each is followed by its pairs."""
        cells = []
        for answer in answers:
            text = self._text(answer)
            more = self.many or self.alignment or self.confidence
            cells.append(one_line(text).replace("\t", " ") if more else text)
            if self.confidence:
                cells.append(f"{answer.confidence:.4f}")
            if self.alignment:
                cells.append(_pharaoh(answer))
        return "\t".join(cells) + "\n"

    def results(self, pair: Pair, answers: list[Answer]) -> list[dict[str, Any]]:
        """Return the results under the key `seqcli`: the best answer, and all if several are asked for."""
        best = self._one(answers[0])
        if answers[0].explained is not None:
            best["explanation"] = as_objects(pair.text, answers[0].explained)
        return [{**best, "answers": [self._one(a) for a in answers]} if self.many else best]

    def _one(self, answer: Answer) -> dict[str, Any]:
        tokens = [
            {"text": symbol, "logprob": round(p, 6)}
            for symbol, p in zip([*answer.symbols, "<eos>"], answer.logprobs, strict=False)
        ]
        found: dict[str, Any] = {
            "text": None if answer.withheld else answer.text,
            "confidence": round(answer.confidence, 6),
            "logprob": round(answer.logprob, 6),
            "score": round(answer.score, 6),
            "finished": answer.finished,
            "tokens": tokens,
        }
        if answer.unmet:
            found["unmet"] = list(answer.unmet)
        if answer.times is not None:
            symbols = zip(answer.symbols, answer.times, strict=True)
            found["times"] = [{"text": s, **t._asdict(), "probability": round(t.probability, 6)} for s, t in symbols]
        if self.attention:
            rows = [] if answer.attention is None else answer.attention.tolist()
            found["attention"] = [[round(float(w), 4) for w in row] for row in rows]
            found["source_tokens"] = answer.source_symbols
        if self.alignment:
            found["alignment"] = _pharaoh(answer)
        return found


def _pharaoh(answer: Answer) -> str:
    from seqcli.insight.alignment import pharaoh

    if answer.attention is None or not answer.symbols:
        return ""
    return pharaoh(answer.attention, source=len(answer.source_symbols) - 1, target=len(answer.symbols))
