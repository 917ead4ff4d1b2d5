"""Numbers as they are, written in the record or in a NumPy file that it names."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from seqcli.errors import SeqcliError
from seqcli.frames import BaseConfig
from seqcli.frames._places import ARRAYS, Place

_SEPARATOR = re.compile(r"\s*,\s*|\s+")
HELD = 4  # files of many records that stay open


class Config(BaseConfig):
    """Recipe keys of `frames: {kind: values}`."""

    kind: Literal["values"] = "values"


def read(place: Place, config: Config) -> np.ndarray:
    """Return the array of a record. Raises SeqcliError if it is not an array of numbers."""
    if place.path is not None:
        if place.path.suffix.lower() not in ARRAYS:
            raise SeqcliError(f"{place}: this is a recording", hint="frames.kind: mel or mfcc reads recordings")
        return member(place)
    text = place.text.strip()
    if text.startswith("["):
        return _json(place, text)
    with np.errstate(over="ignore"):  # too large a number becomes infinite, which is reported with its place
        columns = [_numbers(place, part, d) for d, part in enumerate(text.split(":"), 1)]
    if len(columns) == 1:
        return columns[0]
    for d, column in enumerate(columns, 1):
        if len(column) != len(columns[0]):
            raise SeqcliError(f"{place}: dimension {d} has {len(column):,} values, the first {len(columns[0]):,}")
    return np.stack(columns, axis=1)


def _numbers(place: Place, text: str, dimension: int) -> np.ndarray:
    parts = _SEPARATOR.split(text.strip().removesuffix(",").rstrip())
    if parts == [""]:
        return np.zeros(0, np.float32)
    try:
        return np.array(parts, np.float64).astype(np.float32)
    except (ValueError, OverflowError):
        return np.array([_number(place, part, n, dimension) for n, part in enumerate(parts, 1)], np.float32)


def _number(place: Place, part: str, number: int, dimension: int) -> float:
    try:
        return float(part)
    except ValueError:
        where = f"value {number}" + (f" of dimension {dimension}" if dimension > 1 else "")
        if part in ("?", ""):
            hint = "fill it in, for instance with the value before it, or remove the record"
            raise SeqcliError(f"{place}: {where} is missing", hint=hint) from None
        hint = f"write numbers such as 1.5 2 3, a JSON array, or the name of a file: {', '.join(ARRAYS)}"
        raise SeqcliError(f"{place}: {where} is not a number: {part[:20]!r}", hint=hint) from None


def _json(place: Place, text: str) -> np.ndarray:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise SeqcliError(f"{place}: not a JSON array") from None
    try:
        array = np.array(found)
    except ValueError:
        array = np.array(None)
    if array.dtype.kind not in "iuf" and array.size:
        what = "it contains null, a missing value" if "null" in text else "its rows have different lengths"
        if '"' in text or "true" in text or "false" in text or "{" in text:
            what = "it contains something other than numbers"
        raise SeqcliError(f"{place}: not an array of numbers: {what}")
    with np.errstate(over="ignore"):
        return array.astype(np.float32)


def member(place: Place) -> np.ndarray:
    """Return the array that a place in a file names, read from disk when it is needed. Raises SeqcliError."""
    assert place.path is not None
    try:
        whole = _opened(str(place.path), place.path.stat().st_mtime_ns)
        if place.path.suffix.lower() == ".npz":
            if not place.member and len(whole.files) != 1:
                names = ", ".join(whole.files[:5])
                raise SeqcliError(
                    f"{place}: it holds {len(whole.files)} arrays", hint=f"name one by {place}#NAME: {names}"
                )
            found = whole[place.member or whole.files[0]]
        else:
            found = whole[_index(place)] if place.member else whole
    except OSError as error:
        raise SeqcliError(f"{place}: {error.strerror or 'not a NumPy file'}") from None
    except (KeyError, IndexError):
        raise SeqcliError(f"{place}: there is no member {place.member!r}") from None
    except SeqcliError:
        raise
    except Exception as error:  # a broken archive makes zlib, zipfile and NumPy raise anything
        if "Object arrays" in str(error) or "Python objects" in str(error):
            raise SeqcliError(
                f"{place}: an array of Python objects, not of numbers", hint="save array.astype('float32')"
            ) from None
        raise SeqcliError(f"{place}: not a NumPy file, or a damaged one") from None
    if found.dtype.kind not in "iufb":
        raise SeqcliError(f"{place}: an array of {found.dtype}, not of numbers")
    with np.errstate(over="ignore"):
        return np.asarray(found, np.float32)


def _index(place: Place) -> int:
    if not place.member.isdecimal():
        raise SeqcliError(
            f"{place}: {place.member!r} is not a member's number", hint="members are numbered from 0: many.npy#17"
        )
    return int(place.member)


@lru_cache(HELD)
def _opened(path: str, changed: int) -> Any:
    if not path.lower().endswith(".npz"):
        return np.load(Path(path), mmap_mode="r", allow_pickle=False)
    file = Path(path).open("rb")  # noqa: SIM115  NumPy 2.4 leaves the file of a broken archive open
    try:
        found = np.load(file, allow_pickle=False)
    except BaseException:
        file.close()
        raise
    found.fid = file  # closed with the archive
    return found
