"""Word vectors: three text forms, what is kept and what is refused, and memory bounded by what is kept."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.datasets.vectors import read_vectors
from seqcli.errors import SeqcliError

GLOVE = "the 0.5 -1e-2 3\n. . . 1 2 3\nélan 4 5 6\nthe 7 8 9\n"


def write(path: Path, text: str | bytes) -> Path:
    data = text.encode() if isinstance(text, str) else text
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", ["v.txt", "v.txt.gz"])
@pytest.mark.parametrize("header", ["", "4 3\n", "4 3 \r\n"])
@pytest.mark.parametrize("end", ["\n", " \n", "\r\n"])
def test_every_form_is_read(tmp_path: Path, name: str, header: str, end: str) -> None:
    vectors = read_vectors(write(tmp_path / name, header + GLOVE.replace("\n", end)), (), keep_all=True)
    assert vectors.words == ["the", ". . .", "élan"]  # the first `the`
    assert (vectors.total, vectors.dimension) == (4, 3)
    assert vectors.matrix.dtype == np.float32
    np.testing.assert_array_equal(vectors.matrix, np.array([[0.5, -1e-2, 3], [1, 2, 3], [4, 5, 6]], np.float32))


def test_only_what_is_wanted_is_kept(tmp_path: Path) -> None:
    path = write(tmp_path / "v.txt", GLOVE.replace("\n", " \n").replace("9 \n", "9"))  # the last line has no end
    for wanted in (["élan", "no"], {"élan"}, {"élan": 1}):
        vectors = read_vectors(path, wanted)
        assert (vectors.words, vectors.matrix.tolist(), vectors.total) == (["élan"], [[4, 5, 6]], 4)
    none = read_vectors(path, set())
    assert (none.words, none.matrix.shape, none.total) == ([], (0, 3), 4)


def test_other_encodings_tabs_marks_and_one_dimension(tmp_path: Path) -> None:
    path = write(tmp_path / "v.txt", "naïve\t1\t2\nb\t3\t4\n".encode("latin-1"))
    assert read_vectors(path, {"naïve"}, encoding="latin-1").matrix.tolist() == [[1, 2]]
    with pytest.raises(SeqcliError, match=r"v\.txt:1:3: byte 0xef is not valid UTF-8"):
        read_vectors(path, {"b"})
    assert read_vectors(write(path, "\ufeffa 1 2\n"), {"a"}).words == ["a"]
    assert read_vectors(write(path, "a 1\nb 2\n"), {"b"}).matrix.tolist() == [[2]]
    assert read_vectors(write(path, "2 1\n7 1\nb 2\n"), {"7"}).matrix.tolist() == [[1]]


WORDS = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"], exclude_characters="\ufeff"), min_size=1
)


@given(
    st.dictionaries(
        WORDS,
        st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=3, max_size=3),
        min_size=1,
    ),
    st.booleans(),
)
def test_what_was_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, table: dict[str, list[float]], header: bool
) -> None:
    lines = [f"{len(table)} 3"] * header + [f"{word} {' '.join(map(repr, row))}" for word, row in table.items()]
    path = write(tmp_path_factory.mktemp("v") / "v.vec", "\n".join(lines) + "\n")
    vectors = read_vectors(path, table)
    assert vectors.words == list(table)
    np.testing.assert_array_equal(vectors.matrix, np.array([*table.values()], np.float32))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"v\.txt is empty"),
        ("\n\n", r"v\.txt holds no vectors"),
        ("5 3\n", r"v\.txt holds no vectors"),
        ("5 0\n", r"v\.txt:1: vectors of dimension 0"),
        ("the\n", r"v\.txt:1: a word without numbers"),
        ("a 1 2 3\nb 1 2\n", r"v\.txt:2: 2 numbers, but the first line has 3"),
        ("2 3\na 1 2\n", r"v\.txt:2: 2 numbers, but the first line says 3"),
        ("a 1 2\nb 1 x2\n", r"v\.txt:2: 'x2' is not a finite number"),
        ("a 1 2\nb 1 nan\n", r"v\.txt:2: 'nan' is not a finite number"),
        ("a 1 2\nb inf 1\n", r"v\.txt:2: 'inf' is not a finite number"),
        ("a 1 2\nb 1e99 1\n", r"v\.txt:2: '1e99' is not a finite number"),
        ("a 1 2\nb 1  2\n", r"v\.txt:2: '' is not a finite number"),
        ("3 2\na 1 2\nb 1 2\n", r"v\.txt:3: the file ends after 2 of the 3 words that its first line says"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SeqcliError, match=message) as caught:
        read_vectors(write(tmp_path / "v.txt", text), (), keep_all=True)
    assert caught.value.hint


def test_binary_is_refused_with_what_to_do(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(50, 20)).astype("<f4")
    body = b"".join(f"w{i} ".encode() + row.tobytes() + b"\n" for i, row in enumerate(rows))
    for data in (
        b"50 20\n" + body,
        b"50 20\n" + body.replace(b"\n", b""),
        body,
        b"9 300\n" + b"word " + b"\x3e" * (2 << 20),
    ):
        with pytest.raises(SeqcliError) as caught:
            read_vectors(write(tmp_path / "v.bin", data), (), keep_all=True)
        assert "save it as text first" in caught.value.hint


def test_damaged_gzip_and_missing_files(tmp_path: Path) -> None:
    path = write(tmp_path / "v.gz", "".join(f"word{i} {i} {i * i}\n" for i in range(5000)))
    whole = path.read_bytes()
    for data in (
        whole[: len(whole) // 2],
        whole[:-8] + b"\0" * 8,
        whole[:2000] + b"\xff" * 50 + whole[2050:],
    ):
        path.write_bytes(data)
        with pytest.raises(SeqcliError, match=r"v\.gz:\d+: the gzip data is damaged"):
            read_vectors(path, ())
    with pytest.raises(SeqcliError, match="no such file"):
        read_vectors(tmp_path / "w.gz", ())


@pytest.mark.parametrize("name", ["v.vec", "v.vec.gz"])
def test_memory_is_that_of_what_is_kept_and_progress_adds_up_to_the_file(tmp_path: Path, name: str) -> None:
    numbers = " ".join(f"{i / 7:.6f}" for i in range(20))
    path = write(tmp_path / name, "20000 20\n" + "".join(f"word{i} {numbers}\n" for i in range(20_000)))
    wanted, steps = {f"word{i}" for i in range(0, 20_000, 200)}, []
    read_vectors(path, set())  # what is loaded once is no part of it
    tracemalloc.start()
    vectors = read_vectors(path, wanted, advance=steps.append)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20
    assert (len(vectors.words), vectors.matrix.shape, vectors.total) == (100, (100, 20), 20_000)
    assert sum(steps) == path.stat().st_size
    assert min(steps) >= 0
