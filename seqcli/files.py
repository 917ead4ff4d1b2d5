"""Files that a user names: expand paths and globs, and open a file or standard input, compressed or not.

Compressed text (gzip, bzip2, xz, zstd) is unpacked while it streams in. Data that is not UTF-8 text (UTF-16, Parquet,
a spreadsheet, a database, an archive) is recognised by its first bytes, and the error says what it is and what to do.
"""

from __future__ import annotations

import glob
import importlib
import io
import os
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any, BinaryIO, cast

from seqcli.errors import SeqcliError, UsageError, nearest

PACKED = {  # first bytes: the compression format
    b"\x1f\x8b\x08": "gzip",
    **{b"BZh%d" % level + block: "bzip2" for level in range(1, 10) for block in (b"1AY&SY", b"\x17rE8P\x90")},
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
SUFFIXES = (".gz", ".bz2", ".xz", ".zst", ".zstd")
_TABLE = "save it as CSV or as JSON lines first"
NO_TEXT = {  # first bytes: what it is, and what to do
    b"\xff\xfe": ("UTF-16 text", "iconv -f utf-16 -t utf-8 FILE > NEW"),
    b"\xfe\xff": ("UTF-16 text", "iconv -f utf-16 -t utf-8 FILE > NEW"),
    b"PAR1\x15": ("a Parquet file", f"{_TABLE}, with pandas: read_parquet(FILE).to_csv(NEW, index=False)"),
    b"PK\x03\x04": ("an Excel workbook or another zip archive", f"{_TABLE}, or unpack it"),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": ("a workbook or document of an older Office", _TABLE),
    b"SQLite format 3\x00": ("an SQLite database", "sqlite3 -csv -header FILE 'select ...' > NEW"),
    b"%PDF-": ("a PDF", "extract its text first, with pdftotext"),
    b"ARROW1\x00\x00": ("an Arrow or Feather file", _TABLE),
    b"\x89HDF\r\n\x1a\n": ("an HDF5 file", _TABLE),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", "unpack it first"),
}
LONGEST = max(map(len, [*PACKED, *NO_TEXT]))  # bytes that are looked at


def suffix(path: str | Path) -> str:
    """Return the ending of a file's name that shows its format, in lower case: `.tsv` for `x.TSV` and `x.tsv.gz`."""
    name = PurePath(path)
    return PurePath(name.stem if name.suffix.lower() in SUFFIXES else name).suffix.lower()


_MODULES = {"gzip": "gzip", "bzip2": "bz2", "xz": "lzma", "zstd": "compression.zstd"}
_ERRORS = ("BadGzipFile", "LZMAError", "ZstdError")  # the modules' own exceptions for damaged data


class Unpacked:
    """A compressed file whose bytes are unpacked as they stream in; `tell` counts bytes of the file itself, for
    progress.

    Damaged or truncated data raises SeqcliError when it is reached, after everything before it has been read.
    """

    def __init__(self, raw: BinaryIO, source: str, kind: str):
        module = _module(kind, source)
        self._file = module.open(raw)
        self._raw, self._source, self._kind, self._lines = raw, source, kind, 0
        self._wrong = (EOFError, zlib.error, *(getattr(module, name) for name in _ERRORS if hasattr(module, name)))

    def _checked(self, read: Callable[[int], bytes], size: int) -> bytes:
        try:
            data = read(size)
            self._lines += data.count(b"\n")
            return data
        except (*self._wrong, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise SeqcliError(
                f"{self._source}:{self._lines + 1}: the {self._kind} data is damaged or truncated ({error})",
                hint="download or create the file again",
            ) from None

    def read1(self, size: int = -1) -> bytes:
        """Read the bytes that are available now, as any binary file does."""
        return self._checked(self._file.read1, size)

    def read(self, size: int = -1) -> bytes:
        """Read so many bytes, or all."""
        return self._checked(self._file.read, size)

    def readline(self, size: int = -1) -> bytes:
        """Read a line, or so many bytes of it."""
        return self._checked(self._file.readline, size)

    def tell(self) -> int:
        """Return how many bytes of the file itself have been read."""
        return self._raw.tell()


def _module(kind: str, source: str) -> Any:
    try:
        return importlib.import_module(_MODULES[kind])
    except ImportError:
        if kind != "zstd":
            raise
    try:  # the standard library has it from Python 3.14 on
        return importlib.import_module("backports.zstd")
    except ImportError:
        raise UsageError(
            f"{source} is compressed with zstd, which this Python cannot read by itself",
            hint="pip install 'seqcli[zstd]', or unpack it: zstd -d FILE",
        ) from None


def packing(path: str | Path) -> str | None:
    """Return a file's compression format; None for a plain file. Raises OSError if it cannot be read."""
    with Path(path).open("rb") as file:
        head = file.read(LONGEST)
    return next((kind for magic, kind in PACKED.items() if head.startswith(magic)), None)


def plain(file: Any, source: str) -> BinaryIO:
    """Return an open binary file, unpacked if it is compressed. Raises SeqcliError for data that is not text.

    A pipe is judged by its writer's first write, without waiting for more.
    """
    if not hasattr(file, "peek"):
        file = io.BufferedReader(file)
    head = file.peek(LONGEST)[:LONGEST]
    for magic, kind in PACKED.items():
        if head.startswith(magic):
            return cast(BinaryIO, Unpacked(file, source, kind))
    for magic, (what, hint) in NO_TEXT.items():
        if head.startswith(magic):
            hint = hint.replace("FILE", source if source != "<stdin>" else "FILE")
            raise SeqcliError(f"{source} is {what}, not text in UTF-8", hint=hint)
    return file


@contextmanager
def open_source(path: str | Path) -> Iterator[tuple[BinaryIO, str]]:
    """Open a path, or standard input for `-`; yield the file, unpacked, and the name to use in messages."""
    if str(path) == "-":
        if sys.stdin is None:
            raise SeqcliError("standard input is closed", hint="pipe text in, or name files")
        yield plain(sys.stdin.buffer, "<stdin>"), "<stdin>"
        return
    try:
        file = Path(path).open("rb")  # noqa: SIM115  closed below
    except FileNotFoundError:
        expand([str(path)])  # raises with a suggestion
        raise
    except OSError as error:
        raise SeqcliError(f"cannot read {path}: {error.strerror}") from None
    with file:
        yield plain(file, str(path)), str(path)


# paths


def expand(patterns: Sequence[str], base: Path | None = None) -> list[Path]:
    """Return the files of paths and globs, in the given order, those of a glob sorted. Raises SeqcliError if one
    matches nothing.

    With `base`, a recipe's folder, their names are as short as possible: `x.tsv`, not `runs/a/../../x.tsv`.
    """
    files: list[Path] = []
    folders: dict[str, str] = {}
    shown = (lambda path: path) if base is None else (lambda path: _shortest(path, folders))
    for pattern in patterns:
        whole = str((base or Path()) / Path(pattern).expanduser())
        matches = sorted(glob.glob(whole, recursive=True))  # noqa: PTH207  an absolute pattern is one too
        found = [whole] if _exists(whole) else [f for f in matches if _exists(f)]
        if not found:
            parent = Path(whole).parent
            whole = shown(whole)
            if not (_exists(parent) and parent.is_dir()):
                hint = f"the folder {Path(whole).parent} does not exist"
                raise SeqcliError(f"no such file: {whole}", hint=hint)
            near = nearest(Path(whole).name, [p.name for p in parent.iterdir() if p.exists()])
            raise SeqcliError(f"no such file: {whole}", hint=f"did you mean {near!r}?" if near else "")
        found = [shown(f) for f in found if not Path(f).is_dir()] or [shown(f) for f in found]
        if Path(found[0]).is_dir():
            raise SeqcliError(f"{found[0]} is a folder, not a file", hint=f"name its files, as in {found[0]}/*.txt")
        files += [Path(f) for f in found]
    return files


def _shortest(path: str, folders: dict[str, str]) -> str:
    """Return a path relative to the working folder, or the absolute one if that is no longer; unchanged if a link on
    the way would make it name another file. `folders` caches the results for folders."""
    folder, name = os.path.split(path)
    if folder not in folders:
        folders[folder] = folder
        try:
            whole = os.path.abspath(folder)  # noqa: PTH100  `..` by name: links are checked below
            short = min(whole, os.path.relpath(whole), key=len)
            if os.path.realpath(short) == os.path.realpath(folder):
                folders[folder] = short
        except (OSError, ValueError):  # another drive, no working folder, an impossible name
            pass
    return str(Path(folders[folder], name))


def _exists(path: str | Path) -> bool:
    """Whether a file exists; False for a name that is too long."""
    try:
        return Path(path).exists()
    except OSError:
        return False


def sources(arguments: Sequence[str]) -> list[str | Path]:
    """Return the sources that a verb's FILES name: paths and globs expanded, `-` unchanged. Raises as `expand`."""
    return [path for a in arguments for path in ([a] if a == "-" else expand([a]))]


def named(files: Sequence[str | Path]) -> str:
    """Return the names of files for a message, joined by commas."""
    return ", ".join("<stdin>" if f == "-" else str(f) for f in files)
