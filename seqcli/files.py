"""Find the paths and globs that a user names; open files or standard input, compressed or not.

Compressed text (gzip, bzip2, xz, zstd) is unpacked as it streams in. Input that is not UTF-8 text (UTF-16, Parquet,
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

PACKED = {  # first bytes: the compression
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
LONGEST = max(map(len, [*PACKED, *NO_TEXT]))  # bytes needed to recognise a file


def suffix(path: str | Path) -> str:
    """Return the suffix that tells a file's format, in lower case: `.tsv` for `x.TSV` and for `x.tsv.gz`."""
    name = PurePath(path)
    return PurePath(name.stem if name.suffix.lower() in SUFFIXES else name).suffix.lower()


_MODULES = {"gzip": "gzip", "bzip2": "bz2", "xz": "lzma", "zstd": "compression.zstd"}
_ERRORS = ("BadGzipFile", "LZMAError", "ZstdError")  # the modules' own errors for damaged data


class Unpacked:
    """The unpacked bytes of a compressed file, as a stream; `tell` counts the compressed bytes, for progress.

    Damaged or truncated data raises SeqcliError once it is reached: everything before it has been read.
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
                f"{self._source}:{self._lines + 1}: the {self._kind} data is damaged or cut short ({error})",
                hint="fetch or make the file again",
            ) from None

    def read1(self, size: int = -1) -> bytes:
        """Read what is available now, as any binary file does."""
        return self._checked(self._file.read1, size)

    def read(self, size: int = -1) -> bytes:
        """Read `size` bytes, or all."""
        return self._checked(self._file.read, size)

    def readline(self, size: int = -1) -> bytes:
        """Read a line, or at most `size` bytes of it."""
        return self._checked(self._file.readline, size)

    def tell(self) -> int:
        """Return how many compressed bytes have been read."""
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
    """Return a file's compression, None for a plain file. Raises OSError if it cannot be read."""
    with Path(path).open("rb") as file:
        head = file.read(LONGEST)
    return next((kind for magic, kind in PACKED.items() if head.startswith(magic)), None)


def plain(file: Any, source: str) -> BinaryIO:
    """Return an open binary file, unpacked if it is compressed. Raises SeqcliError for input that is not text.

    A pipe is judged by the bytes that its writer wrote first; this function does not wait for more.
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
    """Open a path, or standard input for `-`; yields the file, unpacked, and the name to use in messages."""
    if str(path) == "-":
        if sys.stdin is None:
            raise SeqcliError("standard input is closed", hint="pipe text in, or name files")
        yield plain(sys.stdin.buffer, "<stdin>"), "<stdin>"
        return
    try:
        file = Path(path).open("rb")  # noqa: SIM115  closed below
    except FileNotFoundError:
        expand([str(path)])  # raises, with a suggestion
        raise
    except OSError as error:
        raise SeqcliError(f"cannot read {path}: {error.strerror}") from None
    with file:
        yield plain(file, str(path)), str(path)


# paths


def expand(patterns: Sequence[str], base: Path | None = None) -> list[Path]:
    """Expand paths and globs to files, in the order given, a glob's matches sorted.

    With `base`, a recipe's folder, paths are made as short as possible: `x.tsv`, not `runs/a/../../x.tsv`. Raises
    SeqcliError if a path or glob matches nothing, or only folders.
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
            hint = f"did you mean {near!r}?" if near else ""
            if _exists(Path("runs", pattern, "model.safetensors")):
                hint = f"a run is named with -m {pattern}"
            raise SeqcliError(f"no such file: {whole}", hint=hint)
        found = [shown(f) for f in found if not Path(f).is_dir()] or [shown(f) for f in found]
        if Path(found[0]).is_dir():
            raise SeqcliError(f"{found[0]} is a folder, not a file", hint=f"name its files, as in {found[0]}/*.txt")
        files += [Path(f) for f in found]
    return files


def _shortest(path: str, folders: dict[str, str]) -> str:
    """Return the shorter of the relative and the absolute path; the path unchanged if a link on the way would make it
    name another file. `folders` caches the result for each folder."""
    folder, name = os.path.split(path)
    if folder not in folders:
        folders[folder] = folder
        try:
            whole = os.path.abspath(folder)  # noqa: PTH100  `..` by name: links are told apart below
            short = min(whole, os.path.relpath(whole), key=len)
            if os.path.realpath(short) == os.path.realpath(folder):
                folders[folder] = short
        except (OSError, ValueError):  # another drive, no working folder, a name that no file can have
            pass
    return str(Path(folders[folder], name))


def _exists(path: str | Path) -> bool:
    """Whether a file exists; False for a name too long for any file."""
    try:
        return Path(path).exists()
    except OSError:
        return False


def sources(arguments: Sequence[str]) -> list[str | Path]:
    """Expand the paths and globs among a verb's FILES; `-` stays as it is. Raises as `expand` does."""
    return [path for a in arguments for path in ([a] if a == "-" else expand([a]))]


def named(files: Sequence[str | Path]) -> str:
    """Return the names of files, joined by commas, for a message."""
    return ", ".join("<stdin>" if f == "-" else str(f) for f in files)
