"""Vectors as answers of a filter: make them, write them, find texts with similar ones."""

from __future__ import annotations

import errno
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from seqcli import artifact, forms, ops
from seqcli.datasets.vectors import numbers
from seqcli.errors import SeqcliError
from seqcli.layers.pooling import Pooling
from seqcli.predictor import Answering, BasePredictor
from seqcli.records import cell, one_line

TOGETHER = 64  # vectors compared at once, to bound the memory


class Found(NamedTuple):
    """The answer to a record: its vectors, and their words or similar texts where wanted."""

    vectors: np.ndarray  # (C,), or (T, C) for its words
    symbols: Sequence[str] = ()  # those words
    similar: Sequence[tuple[float, int]] = ()  # (similarity, index of the candidate), the most similar first


@dataclass(frozen=True)
class Candidates:
    """Texts to compare records with: their vectors (M, C), each of length 1; the `most` similar ones are found."""

    units: np.ndarray
    most: int

    @classmethod
    def of(cls, vectors: np.ndarray, most: int) -> Candidates:
        """Make candidates of vectors (M, C), M at least 1, none of them zero."""
        return cls(units(vectors), min(most, len(vectors)))

    def similar(self, vectors: np.ndarray) -> list[list[tuple[float, int]]]:
        """Return the most similar candidates by cosine for each vector (N, C), ties in their order; none for a vector
        of zeros. Cosines are float32 products of tiles, so that none depends on the other vectors."""
        found: list[list[tuple[float, int]]] = []
        for first in range(0, len(vectors), TOGETHER):
            part = vectors[first : first + TOGETHER]
            for own, row in zip(np.any(part, axis=1).tolist(), ops.linear(units(part), self.units), strict=True):
                least = np.partition(row, len(row) - self.most)[len(row) - self.most]
                at = np.flatnonzero(row >= least)
                at = at[np.argsort(-row[at], kind="stable")][: self.most] if own else at[:0]
                found.append(list(zip(row[at].tolist(), at.tolist(), strict=True)))
        return found


def units(vectors: np.ndarray) -> np.ndarray:
    """Return vectors (N, C) scaled to length 1, float32; zeros stay."""
    wide = vectors.astype(np.float64)
    lengths = np.sqrt((wide * wide).sum(axis=1, keepdims=True))
    return (wide / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)


@dataclass(frozen=True)
class Embedder(Answering):
    """A predictor whose answers are vectors."""

    predictor: BasePredictor
    candidates: Candidates | None = None

    @cached_property
    def _settings(self) -> Any:
        return self.predictor.asked()

    @property
    def complete(self) -> bool:  # type: ignore[override]
        """Whether the predictor has a symbol for every input."""
        return self.predictor.complete

    def packed(self) -> Callable[[], Answering]:
        """Return a function that opens the same files with the same candidates."""
        return partial(_again, self.predictor.packed(), self.candidates)

    def prepare(self, record: Any, asked: Any) -> Any:
        return self.predictor.prepare(record, self._settings)

    def light(self, record: Any) -> Any:
        return self.predictor.light(record)

    def ready(self, record: Any) -> Any:
        return self.predictor.ready(record)

    def lacking(self, record: Any) -> Sequence[tuple[int, str]]:
        return self.predictor.lacking(record)

    def holds(self, path: str | Path) -> list[str] | None:
        return self.predictor.holds(path)

    def where(self, record: Any, number: int) -> int:
        return self.predictor.where(record, number)

    def answer(self, records: Sequence[Any], asked: Pooling) -> list[Found]:
        """Return the vectors of each record, with the most similar texts if there are candidates."""
        vectors = self.predictor.encoded(records, asked) if records else []
        if asked.each:
            named = self.predictor.vectoring.symbols
            shown = [named(self.predictor, r, len(own)) for r, own in zip(records, vectors, strict=True)]
            return list(map(Found, vectors, shown))
        if self.candidates is None or not records:
            return list(map(Found, vectors))
        similar = self.candidates.similar(np.stack(vectors))
        return [Found(own, (), near) for own, near in zip(vectors, similar, strict=True)]


def _again(opened: Callable[[], Any], candidates: Candidates | None) -> Embedder:
    return Embedder(opened(), candidates)


# how they are written


@dataclass(frozen=True)
class Writer(forms.Writer):
    """Writes vectors as lines of numbers, as JSON objects, or as one more column; with `each`, one line a word."""

    each: bool = False
    names: ClassVar[Sequence[str]] = ("vector",)

    def line(self, record: Any, answer: Found) -> str:
        """Return the numbers, joined by spaces; for words, a line each with the word, a tab and its numbers, then an
        empty line."""
        if not self.each:
            return numbers(answer.vectors) + "\n"
        rows = zip(answer.symbols, answer.vectors, strict=True)
        return "".join(f"{cell(word)}\t{numbers(row)}\n" for word, row in rows) + "\n"

    def cells(self, answer: Found) -> list[str]:
        """Return one cell."""
        return [numbers(answer.vectors)]

    def results(self, record: Any, answer: Found) -> list[dict[str, Any]]:
        """Return the value of `seqcli` in a JSON object."""
        if not self.each:
            return [{"vector": _rounded(answer.vectors)}]
        return [{"vectors": [_rounded(row) for row in answer.vectors], "tokens": list(answer.symbols)}]


def _rounded(row: np.ndarray) -> list[float]:
    return [float(f"{x:.6g}") for x in row.tolist()]


@dataclass(frozen=True)
class Neighbours(forms.Writer):
    """Writes the most similar texts as lines, as JSON objects, or as two more columns for each."""

    texts: Sequence[str] = ()  # of all candidates
    lines: Sequence[int] = ()  # the line number of each
    most: int = 1  # the number of lines for each record

    @property
    def names(self) -> Sequence[str]:  # type: ignore[override]
        """The names of two columns for each text."""
        return [f"{name}{i + 1}" for i in range(self.most) for name in ("similarity", "similar")]

    def _pairs(self, answer: Found) -> list[tuple[str, str]]:
        """Return similarities and texts, filled up with "0.0000" and "-" for a record that is similar to none."""
        found = [(f"{similarity:.4f}", one_line(self.texts[at])) for similarity, at in answer.similar]
        return found + [("0.0000", "-")] * (self.most - len(found))

    def line(self, record: Any, answer: Found) -> str:
        """Return lines of `similarity TAB text`."""
        return "".join(f"{similarity}\t{text}\n" for similarity, text in self._pairs(answer))

    def cells(self, answer: Found) -> list[str]:
        """Return two cells for each text."""
        return [part for pair in self._pairs(answer) for part in pair]

    def results(self, record: Any, answer: Found) -> list[dict[str, Any]]:
        """Return the value of `seqcli` in a JSON object."""
        found = [(round(similarity, 6), self.texts[at], self.lines[at]) for similarity, at in answer.similar]
        return [{"similar": [{"similarity": s, "text": text, "line": line} for s, text, line in found]}]


# files of arrays


@contextmanager
def array_file(path: str, size: int, *, each: bool = False) -> Iterator[Callable[[Any, Found], str]]:
    """Yield a function that writes a record's vectors of `size` numbers, to be used like a form: into a float32 array
    (N, C), `.npy`, row by row; with `each` into an archive, `.npz`, of the words' `vectors` (W, C), end to end, and
    `lengths` (N,) int64, the number of words of each record. The file appears only when everything is written. Raises
    SeqcliError if it cannot be written."""
    place, lengths = Path(path), []
    try:
        with artifact.replacing(place) as file, tempfile.TemporaryFile(dir=place.parent) as held:
            rows: Any = held if each else file
            rows.write(_head(0, size))

            def write(record: Any, answer: Found) -> str:
                lengths.append(len(answer.vectors))
                rows.write(answer.vectors.astype("<f4").tobytes())
                return ""

            yield write
            rows.seek(0)
            rows.write(_head(sum(lengths) if each else len(lengths), size))
            if each:
                rows.seek(0)
                with zipfile.ZipFile(file, "w") as archive:
                    with archive.open(zipfile.ZipInfo("vectors.npy"), "w", force_zip64=True) as member:
                        shutil.copyfileobj(rows, member, 1 << 20)
                    own = np.array(lengths, "<i8").tobytes()
                    archive.writestr(zipfile.ZipInfo("lengths.npy"), _head(len(lengths), None) + own)
    except OSError as error:
        hint = "free some space and run the same command again" if error.errno == errno.ENOSPC else ""
        raise SeqcliError(f"cannot write {path}: {error.strerror or error}", hint=hint) from None


def _head(rows: int, size: int | None) -> bytes:
    """Return the header of an array (rows, size) of float32, or (rows,) of int64, in a file: 128 bytes, whatever the
    shape (numpy.lib.format, version 1.0)."""
    kind, shape = ("<i8", f"({rows},)") if size is None else ("<f4", f"({rows}, {size})")
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()
