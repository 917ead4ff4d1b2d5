"""Read word vectors as text from word2vec and fastText, whose first line is `N D`, and GloVe; write word2vec's form.

A line is a word and D numbers, separated by single spaces or tabs. A word may contain spaces (GloVe 840B has
`. . .`): the last D fields are the numbers, and D comes from the header, or is the number of fields of the first line
minus one. Only wanted rows are kept, so they alone bound the memory; the file may be of any size, and compressed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from seqcli import console
from seqcli.datasets.vocabulary import Vocabulary
from seqcli.errors import SeqcliError
from seqcli.files import expand, open_source
from seqcli.records import cell
from seqcli.streams import decode

LONGEST = 1 << 20  # bytes of a line
_HEADER = re.compile(rb"\s*(\d+)\s+(\d+)\s*")
_LINE_HINT = "a line of word vectors is a word and its numbers: word 0.1 -0.2 …"
_BINARY_HINT = (
    "this looks like word2vec's binary form: save it as text first, for example with gensim: "
    "KeyedVectors.load_word2vec_format(FILE, binary=True).save_word2vec_format(OUT, binary=False)"
)


@dataclass(frozen=True)
class Vectors:
    """The rows kept of a file, in its order: `matrix` (len(words), dimension) float32; the file has `total` words."""

    words: list[str]
    matrix: np.ndarray
    total: int
    dimension: int


def numbers(row: np.ndarray) -> str:
    """Return a vector (D,) as text: numbers of six digits, separated by spaces."""
    return " ".join(["%.6g"] * len(row)) % tuple(row.tolist())


def written(words: Sequence[str], matrix: np.ndarray) -> Iterator[str]:
    """Yield the lines, with their ends, of words and their vectors (N, D) in word2vec's text form: `N D`, then a word
    and its numbers, six digits each, per line. A blank in a word is written as U+00A0, since readers split there."""
    yield f"{len(words)} {matrix.shape[1]}\n"
    for word, row in zip(words, matrix, strict=True):
        yield f"{cell(word, blanks=True)} {numbers(row)}\n"


def with_vectors(vocabulary: Vocabulary, config: Any, base: Path) -> Vocabulary:
    """Return a vocabulary with the vectors of its words, from the file that `vectors` of a data section names."""
    (path,) = expand([config.vectors], base)
    forms = vocabulary.forms
    wanted = forms | {w.lower() for w in forms}
    with console.progress("reading vectors", path.stat().st_size) as advance:
        found = read_vectors(path, wanted, keep_all=config.keep_all_vectors, advance=advance)
    have = set(found.words)
    covered = sum(w in have or w.lower() in have for w in forms) / max(len(forms), 1)
    console.say(
        f"vectors: {len(found.words):,} of {found.total:,} kept, {found.dimension} numbers each; they cover"
        f" {covered:.1%} of the training split's words"
    )
    return replace(vocabulary, vector_words=found.words, vectors=found.matrix)


def read_vectors(
    path: str | Path,
    wanted: Collection[str],
    *,
    keep_all: bool = False,
    encoding: str = "utf-8",
    advance: Callable[[int], object] = lambda n: None,
) -> Vectors:
    """Read the vectors of wanted words, or with `keep_all` of all; of a word that occurs twice, the first.

    `total` counts every line of a word. `advance` is called with the bytes read since its last call, compressed ones
    for a .gz file. Raises SeqcliError with file:line for a line of another dimension, a field that is not a finite
    number, bytes that do not decode, fewer words than the first line says, an empty file, the binary form.
    """
    rows: dict[str, int] = {}
    kept = bytearray()  # float32, row after row: grows in place
    total = announced = dimension = number = 0
    for number, line in _lines(path, advance):
        if number == 1 and (header := _HEADER.fullmatch(line)):
            announced, dimension = int(header[1]), int(header[2])
            if dimension == 0:
                raise SeqcliError(f"{path}:1: vectors of dimension 0", hint="the first line is `words dimension`")
            continue
        line = line.rstrip()
        if not line:
            continue
        if total == 0 and _binary(line):
            raise SeqcliError(f"{path}:{number}: not text", hint=_BINARY_HINT)
        if b"\t" in line:
            line = line.replace(b"\t", b" ")
        if not dimension:
            dimension = line.count(b" ")
        gaps = line.count(b" ")
        if gaps < dimension or not dimension:
            raise _malformed(path, number, line, gaps, dimension, bool(announced))
        # Most lines are not wanted: only their word is split off, and numbers are parsed only for wanted ones.
        end = line.index(b" ") if gaps == dimension else len(line.rsplit(b" ", dimension)[0])
        total += 1
        word = decode(line[:end], encoding, str(path), number)
        if total == 1:
            word = word.removeprefix("\ufeff")
        if word in rows or not (keep_all or word in wanted):
            continue
        row = _numbers(line[end + 1 :].split(b" "))
        if row is None:
            raise _malformed(path, number, line, dimension, dimension, bool(announced))
        rows[word] = len(rows)
        kept += row.tobytes()
    if total == 0:
        empty = "is empty" if number == 0 else "holds no vectors"
        raise SeqcliError(f"{path} {empty}", hint=_LINE_HINT)
    if total < announced:
        raise SeqcliError(
            f"{path}:{number}: the file ends after {total:,} of the {announced:,} words that its first line says",
            hint="it may be truncated: fetch it again",
        )
    matrix = np.frombuffer(kept, np.float32).reshape(len(rows), dimension)
    return Vectors(list(rows), matrix, total, dimension)


def _lines(path: str | Path, advance: Callable[[int], object]) -> Iterator[tuple[int, bytes]]:
    """Yield (line number, line without its end) of a file."""
    with open_source(path) as (file, name):
        seen = number = 0
        try:
            while line := file.readline(LONGEST):
                number += 1
                if len(line) == LONGEST and not line.endswith(b"\n"):
                    raise SeqcliError(f"{name}:{number}: a line of more than {LONGEST:,} bytes", hint=_BINARY_HINT)
                if number % 256 == 0:
                    at = file.tell()
                    advance(at - seen)
                    seen = at
                yield number, line.rstrip(b"\r\n")
        except OSError as error:
            raise SeqcliError(f"cannot read {name}: {error.strerror}") from None
        advance(file.tell() - seen)


def _malformed(path: str | Path, number: int, line: bytes, found: int, dimension: int, header: bool) -> SeqcliError:
    """Return the error for a malformed line."""
    if _binary(line):
        return SeqcliError(f"{path}:{number}: not text", hint=_BINARY_HINT)
    where = "the first line says" if header else "the first line has"
    if found != dimension:
        return SeqcliError(
            f"{path}:{number}: {found} numbers, but {where} {dimension}",
            hint="a line is a word and its numbers, separated by single spaces: word 0.1 -0.2 …",
        )
    if dimension == 0:
        return SeqcliError(f"{path}:{number}: a word without numbers", hint=_LINE_HINT)
    bad = next((field for field in line.rsplit(b" ", dimension)[1:] if _numbers([field]) is None), b"")
    return SeqcliError(
        f"{path}:{number}: {bad[:40].decode('utf-8', errors='replace')!r} is not a finite number",
        hint=f"the last {dimension} fields of a line must be numbers",
    )


def _binary(line: bytes) -> bool:
    """Whether a line holds control bytes: numbers that are not text."""
    return any(byte < 32 and byte not in b"\t\r" for byte in line)


def _numbers(fields: list[bytes]) -> np.ndarray | None:
    """Return fields as float32; None if one is not a finite number of that type."""
    try:
        with np.errstate(over="ignore"):
            row = np.array(fields, np.bytes_).astype(np.float32)
    except ValueError:
        return None
    return row if np.isfinite(row).all() else None
