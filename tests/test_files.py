"""Opening files: packed ones are read as what they hold, what is no text is named, and damage is told where it is."""

from __future__ import annotations

import bz2
import gzip
import importlib
import lzma
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seqcli.errors import SeqcliError, UsageError
from seqcli.files import NO_TEXT, open_source, packing, suffix
from seqcli.streams import read_text

TEXT = "".join(f"line {i} of süß text\n" for i in range(5000)).encode()
PACK: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


def zstd() -> Callable[[bytes], bytes]:
    """What compresses with zstd; skips where nothing does."""
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return importlib.import_module(name).compress
        except ImportError:
            continue
    pytest.skip("neither this Python nor backports.zstd reads zstd")


def pack(kind: str, data: bytes) -> bytes:
    return (zstd() if kind == "zst" else PACK[kind])(data)


@pytest.mark.parametrize("kind", [*PACK, "zst"])
@pytest.mark.parametrize("data", [TEXT, b"", b"no end"])
def test_packed_text_is_read_as_what_it_holds(tmp_path: Path, kind: str, data: bytes) -> None:
    path = tmp_path / "named-without-an-ending"
    path.write_bytes(pack(kind, data))
    assert "".join(c.text for c in read_text([path])).encode() == data
    assert packing(path) is not None
    with open_source(path) as (file, name):
        assert (file.readline(), name) == (data.partition(b"\n")[0] + b"\n" * (b"\n" in data), str(path))


@pytest.mark.parametrize("kind", [*PACK, "zst"])
def test_what_precedes_damage_is_read(tmp_path: Path, kind: str) -> None:
    whole = pack(kind, b"".join(b"%d %d\n" % (i, i * i * 7919 % 100003) for i in range(120_000)))
    path = tmp_path / f"cut.{kind}"
    path.write_bytes(whole[: len(whole) * 3 // 4])
    lines = 0
    with pytest.raises(SeqcliError, match=rf"cut\.{kind}:\d+: the \w+ data is damaged or cut short"):  # noqa: PT012
        for chunk in read_text([path]):
            lines += chunk.text.count("\n")
    assert lines > 50_000


def test_two_members_one_after_the_other_are_one_text(tmp_path: Path) -> None:
    path = tmp_path / "two.gz"
    path.write_bytes(gzip.compress(b"a\n") + gzip.compress(b"b\n"))
    assert "".join(c.text for c in read_text([path])) == "a\nb\n"


@pytest.mark.parametrize("magic", NO_TEXT)
def test_what_is_no_text_is_named_with_what_to_do(tmp_path: Path, magic: bytes) -> None:
    path = tmp_path / "table"
    path.write_bytes(magic + b"\0" * 100)
    what, _ = NO_TEXT[magic]
    with pytest.raises(SeqcliError, match="not text in UTF-8") as error, open_source(path):
        pass
    assert what in error.value.message
    assert error.value.hint


@pytest.mark.parametrize("text", ["BZhang, said he\n", "PAR1 is a gene\n", "%PD\n", "\x1f\n", "PK\n", "B"])
def test_text_that_begins_like_something_else_is_text(tmp_path: Path, text: str) -> None:
    (tmp_path / "plain").write_text(text)
    assert "".join(c.text for c in read_text([tmp_path / "plain"])) == text


def test_a_pipe_is_unpacked_as_it_comes(tmp_path: Path) -> None:
    code = "from seqcli.streams import read_text\nprint(''.join(c.text for c in read_text(['-'])), end='')"
    done = subprocess.run([sys.executable, "-c", code], input=gzip.compress(TEXT), capture_output=True, check=True)
    assert done.stdout == TEXT


def test_without_zstd_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("compression.zstd", "backports.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    (tmp_path / "a.zst").write_bytes(b"\x28\xb5\x2f\xfd" + b"\0" * 20)
    with pytest.raises(UsageError, match="compressed with zstd") as error:
        list(read_text([tmp_path / "a.zst"]))
    assert "seqcli[zstd]" in error.value.hint


def test_the_ending_that_tells_a_format_stands_before_that_of_the_packer() -> None:
    assert [suffix(p) for p in ("a.TSV", "x/a.tsv.gz", "a.gz", "a", "a.csv.zst")] == [".tsv", ".tsv", "", "", ".csv"]
