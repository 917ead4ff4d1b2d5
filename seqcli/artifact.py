"""The model file: a trained model with everything needed to use it, as safetensors. No pickle, no code inside.

The file's metadata has one key, `seqcli`: canonical JSON (the same model gives the same bytes) with `format`,
`version`, `kind`, `task`, `model`, `recipe`, `tokenizer`, `labels`, `data`, `scores`, `created` as they apply,
and `checksum`, which covers the rest of the header and the arrays. Files are written under a temporary name, flushed
to disk and renamed. With `precision` (an object with `kind`), matrices are stored in less than float32 (see
`seqcli.precision`); `read` returns them as float32.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from seqcli import console, precision
from seqcli.errors import SeqcliError

FORMAT = 1
TEXTS = ("version", "kind", "task", "created", "checksum")  # header fields that must be strings
OBJECTS = ("model", "recipe", "tokenizer", "target_tokenizer", "data", "scores", "decoding", "progress", "precision")
MISTAKES = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RuntimeError, MemoryError)
DAY = 24 * 3600  # seconds
MACHINE = f"{zlib.crc32(os.uname().nodename.encode()) & 0xFFFF:04x}" if os.name == "posix" else "0000"


@dataclass(frozen=True)
class Artifact:
    """A model file in memory: its header, and its arrays by name."""

    path: Path
    header: dict[str, Any]
    arrays: dict[str, np.ndarray]

    @property
    def name(self) -> str:
        """The run's name, or the file's without its suffix."""
        return named(self.path)

    @property
    def parameters(self) -> int:
        """The number of the model's parameters."""
        return sum(a.size for a in self.part("model").values())

    def part(self, prefix: str) -> dict[str, np.ndarray]:
        """Return the arrays whose names begin with `prefix.`, named without the prefix."""
        cut = len(prefix) + 1
        return {name[cut:]: a for name, a in self.arrays.items() if name.startswith(f"{prefix}.")}


def named(path: Path) -> str:
    """Return the name of the run whose model file this is, or of another file its own without the suffix."""
    return path.parent.name if path.stem == "model" else path.stem


def hold(descriptor: int) -> bool | None:
    """Lock an open file for this process until the file is closed or the process ends, however it ends. Return True,
    False if another process holds the lock, None if the system has no such locks."""
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        return None
    return True


def sweep(folder: Path, name: str = "") -> None:
    """Remove the temporary files of processes that died while they were `replacing` files in this folder, or, with
    `name`, that one file.

    A living process holds a lock on its file. Where no lock can tell, as on another machine, a temporary file that is
    a day old counts as left over."""
    pattern = re.compile(rf"\.{re.escape(name) or '.+'}\.([0-9a-f]{{4}})[0-9a-f]{{12}}\.tmp")
    for left in folder.glob(".*.tmp"):
        if (named := pattern.fullmatch(left.name)) is None:
            continue
        with contextlib.suppress(OSError), left.open("r+b") as file:
            dead = hold(file.fileno()) if named[1] == MACHINE else None
            if dead or (dead is None and left.stat().st_mtime < time.time() - DAY):
                left.unlink()


def _begun(path: Path) -> tuple[Path, IO[bytes]]:
    """Create a temporary file beside a path, and lock it."""
    while True:
        temporary = path.with_name(f".{path.name}.{MACHINE}{os.urandom(6).hex()}.tmp")
        file = temporary.open("xb")
        if hold(file.fileno()) is not False and temporary.exists():
            return temporary, file
        file.close()  # another process swept it before it was locked


@contextmanager
def replacing(path: Path, named: Callable[[], Path] | None = None) -> Iterator[IO[bytes]]:
    """Yield a binary file that replaces `path` (or the path that `named` returns at that moment) when the block ends
    well, and is removed when the block raises. Temporary files that dead processes left of `path` are removed."""
    path = Path(path)
    sweep(path.parent, path.name)
    temporary, file = _begun(path)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if os.name != "posix":
                file.close()  # Windows cannot rename an open file
            temporary.replace(named() if named else path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    with contextlib.suppress(OSError):  # some systems cannot open a folder
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def put(path: Path, data: bytes, *, full: str = "") -> None:
    """Replace a file by another content. Raises SeqcliError if it cannot be written, with the hint `full` if the disk
    is full."""
    try:
        with replacing(path) as file:
            file.write(data)
    except OSError as error:
        hint = full if error.errno == errno.ENOSPC else ""
        raise SeqcliError(f"cannot write {path}: {error.strerror}", hint=hint) from error


def _json(header: Mapping[str, Any]) -> str:
    """Return canonical JSON: equal headers give equal text. Raises ValueError for nan and inf, which JSON lacks."""
    return json.dumps(header, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _checksum(header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """Return the sha256, in hexadecimal, of the header and of the arrays' names, types, shapes and bytes, sorted by
    name."""
    digest = hashlib.sha256(_json({k: v for k, v in header.items() if k != "checksum"}).encode())
    for name in sorted(arrays):
        array = np.asarray(arrays[name], order="C")
        digest.update(f"{name} {array.dtype.str} {array.shape};".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def write(path: str | Path, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write header and arrays as one file, atomically. Raises SeqcliError if it cannot be written."""
    from safetensors import SafetensorError
    from safetensors.numpy import save

    import seqcli

    path = Path(path)
    arrays = {name: np.asarray(a, order="C") for name, a in arrays.items()}
    if "precision" in header:
        arrays = precision.pack(arrays, header["precision"]["kind"])
    whole = json.loads(_json({**header, "format": FORMAT, "version": seqcli.__version__}))  # keys become strings
    text = _json({**whole, "checksum": _checksum(whole, arrays)})
    try:
        data = save(dict(sorted(arrays.items())), metadata={"seqcli": text})
    except SafetensorError as error:  # above 100 MB, which no reader accepts either
        raise SeqcliError(f"{path}: the header has {len(text):,} characters: store large parts as arrays") from error
    put(path, data, full="free some space, then continue with --resume")


def _foreign(path: Path, why: str) -> SeqcliError:
    return SeqcliError(
        f"{path}: {why}", hint="a model is the model.safetensors that `seqcli train` writes into its run folder"
    )


@contextmanager
def restoring(path: Path) -> Iterator[None]:
    """Turn any error in interpreting a file's contents into a SeqcliError of one line that names the file."""
    try:
        yield
    except SeqcliError as error:
        if str(path) not in error.message:
            error.message = f"{path}: {error.message}"
        raise
    except MISTAKES as error:  # a header may hold anything
        told: Any = getattr(error, "errors", None)  # pydantic's errors have it
        first = told()[0] if told else None
        why = f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first else f"{type(error).__name__}: {error}"
        why = console.visible(why.partition("\n")[0][:200])
        raise _foreign(path, f"its header does not describe a model that this seqcli knows ({why})") from error


@contextmanager
def _opened(path: Path) -> Iterator[Callable[[], Any]]:
    from safetensors import SafetensorError, safe_open

    special = False
    with contextlib.suppress(OSError):  # the name may be too long
        special = not path.is_file() and not path.is_dir() and path.exists()
    if special:
        raise SeqcliError(f"{path} is not a regular file", hint="copy its contents to a regular file first")
    try:
        with safe_open(path, framework="numpy") as file:
            yield lambda: file
    except FileNotFoundError:
        raise SeqcliError(f"no such model: {path}", hint="list your runs: ls runs/*/model.safetensors") from None
    except SafetensorError as error:
        raise _foreign(path, f"not a readable model file; it may be truncated or of another kind ({error})") from None
    except OSError as error:  # for a folder it says "no such device"
        if path.is_dir():
            raise SeqcliError(f"{path} is a folder, not a model file") from None
        raise SeqcliError(f"cannot read {path}: {error.strerror or error}") from None


def _header(path: Path, file: Any) -> dict[str, Any]:
    def constant(name: str) -> Any:
        raise ValueError(name)

    try:
        header = json.loads((file.metadata() or {})["seqcli"], parse_constant=constant)
        found = int(header["format"])
    except (KeyError, TypeError, ValueError, RecursionError, OverflowError):
        raise _foreign(path, "a safetensors file, but not one that seqcli wrote") from None
    for name in (n for n in (*TEXTS, *OBJECTS) if n in header):
        if not isinstance(header[name], str if name in TEXTS else dict):
            raise _foreign(path, f"its header is damaged: {name} is {str(header[name])[:40]!r}")
    if found != FORMAT:
        raise SeqcliError(
            f"{path}: written in format {found} by seqcli {header.get('version', '?')}; this seqcli reads {FORMAT}",
            hint="install the version of seqcli that wrote it" if found > FORMAT else "train it again",
        )
    return header


def read_header(path: str | Path) -> dict[str, Any]:
    """Return the header alone; no array is loaded. Raises SeqcliError for a file that seqcli did not write."""
    path = Path(path)
    with _opened(path) as file:
        return _header(path, file())


def read_shapes(path: str | Path) -> dict[str, tuple[tuple[int, ...], str]]:
    """Return the (shape, type) of every array by name; no array is loaded."""
    path = Path(path)
    with _opened(path) as file:
        slices = {name: file().get_slice(name) for name in file().keys()}  # noqa: SIM118  not a dict
        return {name: (tuple(s.get_shape()), s.get_dtype()) for name, s in slices.items()}


def read(path: str | Path) -> Artifact:
    """Read header and arrays. Raises SeqcliError for a file that is missing, cut short, foreign, or damaged."""
    path = Path(path)
    with _opened(path) as file:
        header = _header(path, file())
    views = _mapped(path)
    if _checksum(header, views) != header.get("checksum"):
        halves = sorted(n for n, a in views.items() if a.dtype == np.float16)
        why = "the contents do not match their checksum: "
        raise SeqcliError(
            f"{path}: {why}{f'{halves[0]} is float16: another program converted it' if halves else 'it is damaged'}",
            hint="use the file as seqcli train wrote it" if halves else "copy it again, or train again",
        )
    arrays = {name: view.copy() for name, view in views.items()}
    with restoring(path):
        return Artifact(path, header, precision.unpack(arrays) if "precision" in header else arrays)


TYPES = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "U8": "u1", "I8": "i1", "I16": "<i2", "U16": "<u2", "I32": "<i4"}
TYPES |= {"U32": "<u4", "I64": "<i8", "U64": "<u8", "BOOL": "?"}


def _mapped(path: Path) -> dict[str, np.ndarray]:
    """Map the arrays of a valid file into memory: each is a view of the file, and is read only when it is used."""
    whole = np.memmap(path, np.uint8, "r")
    begin = 8 + int(whole[:8].view("<u8")[0])
    about = json.loads(whole[8:begin].tobytes())
    views = {}
    for name in sorted(about.keys() - {"__metadata__"}):
        array = about[name]
        if array["dtype"] not in TYPES:
            raise _foreign(path, f"{name} has the type {array['dtype']}, which seqcli does not write")
        views[name] = np.ndarray(array["shape"], TYPES[array["dtype"]], whole, begin + array["data_offsets"][0])
    return views
