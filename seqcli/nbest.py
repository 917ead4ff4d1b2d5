"""Lists of the n best answers with their scores: read from three forms, and written again.

- tsv: one row an answer: the list's id, the answer, its scores; the first row may name them. Consecutive rows with
  the same id are one list.
- moses: `id ||| answer ||| NAME= score score … ||| total`, as Moses and similar systems write lists.
- jsonl: one object a list, with its answers under `seqcli`, as `seqcli generate --n-best N --jsonl` writes it.

A reader tells which scores a list has (`names`) and which of them count by default (`usual`).
"""

from __future__ import annotations

import json
import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from seqcli.errors import SeqcliError, UsageError, did_you_mean
from seqcli.records import BOM, LABELLED, Options, Reader, Record, body_of, joined
from seqcli.streams import Chunk

FORMS = ("tsv", "moses", "jsonl")
BAR = " ||| "
GENERATED = "seqcli generate --n-best N --jsonl writes such objects"
OWN = ("lm", "length")  # scores that rescoring adds


class Hypothesis(NamedTuple):
    """An answer, its scores in the order of its list's names, and the row or object it was read from."""

    text: str
    scores: list[float]
    line: int
    column: int
    body: Any


class Found(NamedTuple):
    """A rescored answer: its log-probability by the language model (nats), its tokens, and the weighted sum."""

    of: Hypothesis
    lm: float
    length: int
    total: float


@dataclass(slots=True, kw_only=True)
class Best(Record):
    """A list of answers; `raw` is the line of a JSON object, or None."""

    text: str = ""  # its id
    form: str = ""
    head: str | None = None  # the row that names the scores
    names: tuple[str, ...] = ()
    usual: tuple[str, ...] = ()
    hypotheses: list[Hypothesis] = field(default_factory=list)

    @property
    def size(self) -> int:
        return sum(len(one.text) for one in self.hypotheses)

    @property
    def texts(self) -> list[str]:
        """The texts of its answers."""
        return [one.text for one in self.hypotheses]

    def place(self, at: int = 0) -> str:
        """Return `file:line:column` of an answer."""
        line, column = self.hypotheses[at][2:4] if at < len(self.hypotheses) else (self.line, 1)
        return f"{self.source}:{line}:{column}"

    def chosen(self, wanted: Sequence[str] | None) -> list[int]:
        """Return the indices of the scores that count. Raises SeqcliError if a wanted one is missing."""
        for name in wanted or ():
            if name not in self.names:
                raise SeqcliError(
                    f"{self.place()}: the answers have no score {name!r}",
                    hint=did_you_mean(name, self.names) or "there are none",
                )
        return [self.names.index(name) for name in (self.usual if wanted is None else wanted)]


class ListReader(Reader):
    """The base of the readers of all forms."""

    def __init__(self) -> None:
        super().__init__(Options(LABELLED, gold=False))

    def _lines(self, lines: list[str], number: int, end: str) -> Iterator[Best]:
        for n, line in enumerate(lines, number):
            if self._bom:
                line, self._bom = line.removeprefix(BOM), False
            yield from self._read(body_of(line)[0], n)

    @abstractmethod
    def _read(self, body: str, number: int) -> Iterator[Best]:
        """Yield the list that a line completes, if any."""

    def _wrong(self, number: int, column: int, what: str, hint: str = "") -> SeqcliError:
        return SeqcliError(f"{self._source}:{number}:{column}: {what}", hint=hint)

    def _number(self, written: str, number: int, column: int) -> float:
        try:
            value = float(written)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or "_" in written:
            raise self._wrong(number, column, f"{written[:40]!r} is not a score: a score is a finite number")
        return value


class RowReader(ListReader):
    """A reader of rows, one an answer: consecutive rows with the same id are one list."""

    _list: Best | None = None
    _names: tuple[str, ...] | None = None
    _head: str | None = None
    _done: set[str]  # the ids of a source's complete lists

    def _start(self) -> None:
        self._names, self._head, self._done = None, None, set()

    def _rest(self, last: bool) -> Iterator[Best]:
        if self._list is not None:
            done, self._list = self._list, None
            yield done

    def _read(self, body: str, number: int) -> Iterator[Best]:
        if (row := self._row(body, number)) is None:
            return
        name, hypothesis, names, usual = row
        if self._names is not None and len(hypothesis.scores) != len(self._names):
            raise self._wrong(
                number, 1, f"{len(hypothesis.scores)} scores, where the first answer has {len(self._names)}"
            )
        self._names = self._names or names
        if self._list is None or self._list.text != name:
            yield from self._rest(False)
            if name in self._done:
                raise self._wrong(number, 1, f"list {name!r} begins again", "sort the rows by their ids, stably")
            self._done.add(name)
            own = {"source": self._source or "", "line": number, "names": self._names, "usual": usual}
            self._list = Best(text=name, form=self.format, head=self._head, **own)
        self._list.hypotheses.append(hypothesis)

    @abstractmethod
    def _row(self, body: str, number: int) -> tuple[str, Hypothesis, tuple[str, ...], tuple[str, ...]] | None:
        """Return a line's id, its answer, the scores' names, and those that count by default; None for a header."""


class Rows(RowReader):
    """The reader of tsv."""

    format = "tsv"

    def _row(self, body: str, number: int) -> Any:
        cells = body.split("\t")
        if len(cells) < 3:
            raise self._wrong(
                number, 1, "a row needs an id, an answer and a score, with tabs between",
                f"{len(cells)} column{'s' * (len(cells) > 1)} here: --input moses or jsonl reads other lists",
            )  # fmt: skip
        if number == 1 and not any(map(_is_number, cells[2:])):
            self._names = tuple(cells[2:])
            self._head = body
            if odd := [name for name in OWN if name in self._names]:
                raise self._wrong(number, 1, f"rename the score {odd[0]!r}: rescoring adds one of that name")
            return None
        at, scores = len(cells[0]) + len(cells[1]) + 3, []
        for cell in cells[2:]:
            scores.append(self._number(cell, number, at))
            at += len(cell) + 1
        several = len(scores) > 1
        names = self._names or tuple(f"score{i}" if several else "score" for i in range(1, len(scores) + 1))
        return cells[0], Hypothesis(cells[1], scores, number, len(cells[0]) + 2, body), names, names


class Moses(RowReader):
    """The reader of moses. If a total is given, it alone counts by default."""

    format = "moses"

    def _row(self, body: str, number: int) -> Any:
        parts = body.split(BAR.rstrip() if BAR not in body else BAR)
        if len(parts) < 3:
            hint = "as in: 0 ||| a red house ||| LM= -2.5 ||| -3.1"
            raise self._wrong(number, 1, f"a row needs an id, an answer and scores, with {BAR.strip()} between", hint)
        at, name, names, scores = sum(map(len, parts[:2])) + 2 * len(BAR) + 1, "score", [], []
        for word in parts[2].split(" "):
            if word.endswith("="):
                name = word[:-1]
            elif word:
                scores.append(self._number(word, number, at))
                names.append(name)
            at += len(word) + 1
        names = [n if names.count(n) == 1 else f"{n}{names[: i + 1].count(n)}" for i, n in enumerate(names)]
        total = len(parts) > 3 and bool(parts[3].strip())
        if total:
            scores.append(self._number(parts[3].strip(), number, body.rfind(parts[3].strip()) + 1))
            names.append("total")
        own = Hypothesis(parts[1].strip(" "), scores, number, len(parts[0]) + len(BAR) + 1, body)
        return parts[0].strip(" "), own, tuple(names), ("total",) if total else tuple(names)


class Objects(ListReader):
    """The reader of jsonl. If the answers have a log-probability, it alone counts by default."""

    format = "jsonl"

    def _read(self, body: str, number: int) -> Iterator[Best]:
        made: dict[str, Any] = {"source": self._source or "", "line": number, "raw": body, "form": self.format}
        if not body.strip(" \t"):
            yield Best(**made)
            return
        try:
            found = json.loads(body)
            answers = found["seqcli"]["answers"]
        except json.JSONDecodeError as error:
            raise self._wrong(number, error.colno, f"not a JSON object ({error.msg.lower()})", GENERATED) from None
        except (ValueError, RecursionError, KeyError, TypeError):
            raise self._wrong(number, 1, "no list of answers under seqcli.answers", GENERATED) from None
        texts = isinstance(answers, list) and all(
            isinstance(a, dict) and isinstance(a.get("text"), str) for a in answers
        )
        if not texts:
            raise self._wrong(number, 1, "an answer without a text", GENERATED)
        names = tuple(n for n, v in (answers[0] if answers else {}).items() if _is_score(v))
        own = []
        for answer in answers:
            if odd := [name for name in names if not _is_score(answer.get(name))]:
                raise self._wrong(number, 1, f"an answer whose {odd[0]!r} is not a number")
            own.append(Hypothesis(answer["text"], [float(answer[n]) for n in names], number, 1, answer))
        usual = ("logprob",) if "logprob" in names else names
        yield Best(**made, names=names, usual=usual, hypotheses=own)


def _is_score(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


class Guessed:
    """A reader that chooses the form by the first line."""

    def __init__(self) -> None:
        self._reader: ListReader | None = None

    def feed(self, chunk: Chunk) -> Iterator[Best]:
        """Feed the chosen reader, as any reader is fed."""
        if self._reader is None:
            first = chunk.text.removeprefix(BOM).lstrip().partition("\n")[0]
            self._reader = READERS["jsonl" if first.startswith("{") else "moses" if "|||" in first else "tsv"]()
        return self._reader.feed(chunk)

    def close(self) -> Iterator[Best]:
        """Close the chosen reader, as any reader is closed."""
        return iter(()) if self._reader is None else self._reader.close()


READERS: dict[str, Callable[[], ListReader]] = {"tsv": Rows, "moses": Moses, "jsonl": Objects}


def reader(form: str | None) -> ListReader | Guessed:
    """Return the reader of a form; for None one that goes by the first line. Raises UsageError for an unknown
    form."""
    if form is None:
        return Guessed()
    if form not in READERS:
        raise UsageError(f"unknown form {form!r} of lists", hint=did_you_mean(form, FORMS))
    return READERS[form]()


def rows_again(record: Best, found: Sequence[Found]) -> str:
    """Return the rows of answers as they were read, with the new scores."""
    if record.form == "moses":
        return "".join(f"{f.of.body}{BAR}lm= {f.lm:.4f} length= {f.length}{BAR}{f.total:.4f}\n" for f in found)
    return "".join(f"{f.of.body}\t{f.lm:.4f}\t{f.length}\t{f.total:.4f}\n" for f in found)


def head_again(record: Best) -> str:
    """Return the header row with the names of the new scores; "" if there is none."""
    return "" if record.head is None else "\t".join([record.head, *OWN, "total"]) + "\n"


def object_again(record: Best, found: Sequence[Found], several: bool) -> str:
    """Return a list's line with the first answer found, and, with `several`, with all of them."""
    if not found:
        return f"{record.raw}\n"
    answers = [{**f.of.body, "lm": round(f.lm, 6), "length": f.length, "total": round(f.total, 6)} for f in found]
    return joined(record.raw, {**answers[0], **({"answers": answers} if several else {})}) + "\n"
