"""The cache of token ids: found by content, in the smallest type."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from seqcli.datasets import tokens as kept
from seqcli.datasets.parts import chunks, digest, whole
from seqcli.datasets.tokens import encode_chunk, map_ids, smallest_type, tokens
from seqcli.errors import SeqcliError
from seqcli.streams import Chunk
from seqcli.tokenizers import byte, char


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("SEQCLI_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tokens"


def ids_of(path: Path, tokenizer) -> np.ndarray:
    parts = whole([path])
    return tokens(parts, digest(parts), tokenizer, "utf-8")


@pytest.mark.parametrize(
    ("size", "kind"),
    [(1, "u1"), (256, "u1"), (257, "u2"), (65536, "u2"), (65537, "u4"), (0x110000, "u4")],
)
def test_the_smallest_type_holds_the_largest_id(size, kind):
    assert smallest_type(size) == np.dtype(kind)
    assert np.iinfo(smallest_type(size)).max >= size - 1


def test_ids_are_those_of_the_text_and_read_only(tmp_path, cache):
    path = tmp_path / "a.txt"
    path.write_text("abcü\nba")
    tokenizer = char.Tokenizer("\nabcü")
    ids = ids_of(path, tokenizer)
    assert ids.tolist() == tokenizer.encode("abcü\nba").tolist()
    assert ids.dtype == np.uint8
    with pytest.raises(ValueError):
        ids[0] = 1
    assert {p.suffix for p in cache.iterdir()} == {".bin", ".json"}


def test_the_cache_is_used_and_never_mistaken(tmp_path, cache, monkeypatch):
    path, other = tmp_path / "a.txt", tmp_path / "b.txt"
    path.write_text("abab")
    tokenizer = char.Tokenizer("ab")
    first = ids_of(path, tokenizer)
    calls = []
    encode = kept.encode_chunk
    monkeypatch.setattr(kept, "encode_chunk", lambda *args: calls.append(1) or encode(*args))
    assert np.array_equal(ids_of(path, tokenizer), first)
    other.write_text("abab")
    assert np.array_equal(ids_of(other, tokenizer), first)  # the same content under another name
    assert calls == []
    path.write_text("abba")  # the same name and size
    assert ids_of(path, tokenizer).tolist() == [0, 1, 1, 0]
    assert ids_of(path, char.Tokenizer("\nab")).tolist() == [1, 2, 2, 1]
    assert ids_of(path, byte.Tokenizer()).tolist() == [97, 98, 98, 97]
    path.write_bytes(b"ab\xe9")
    parts = whole([path])
    latin = tokens(parts, digest(parts), char.Tokenizer("abé"), "latin-1")
    assert latin.tolist() == [0, 1, 2]


def test_an_error_leaves_nothing_in_the_cache(tmp_path, cache):
    path = tmp_path / "a.txt"
    path.write_text("ab\nxyaaé\n")
    with pytest.raises(SeqcliError) as caught:
        ids_of(path, char.Tokenizer("\nabxy"))
    assert caught.value.message.startswith(f"{path}:2:5: the character 'é' (U+00E9)")
    assert list(cache.iterdir()) == []
    path.write_bytes(b"ab\nab\xff")
    with pytest.raises(SeqcliError, match=r"a.txt:2:3: byte 0xff is not valid UTF-8"):
        ids_of(path, char.Tokenizer("\nab"))
    assert list(cache.iterdir()) == []


def test_places_of_unknown_characters_in_later_chunks(tmp_path):
    text = "ab\n" * 500_000 + "aa\nabé"  # the second chunk of a megabyte
    path = tmp_path / "big.txt"
    path.write_text(text)
    assert sum(1 for _ in chunks(whole([path]), "utf-8")) > 1
    with pytest.raises(SeqcliError, match=r"big.txt:500002:3: "):
        ids_of(path, char.Tokenizer("\nab"))
    with pytest.raises(SeqcliError, match=r"^<x>:8:2: "):
        encode_chunk(Chunk("ab\nab\naé\n", "<x>", 6), char.Tokenizer("\nab"))


def test_who_comes_second_waits_for_the_first(tmp_path, monkeypatch):
    """As the processes of one training do, or two trainings on the same text."""
    path, begun, on, said, made = tmp_path / "x.bin", Event(), Event(), Event(), []

    def first() -> Iterator[np.ndarray]:
        begun.set()
        assert on.wait(30)
        made.append(1)
        yield np.arange(3, dtype=np.uint8)

    monkeypatch.setattr(kept.console, "say", lambda *_, **__: said.set())
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(kept.cached, path, np.dtype("u1"), first, {})
        assert begun.wait(30)
        two = pool.submit(kept.cached, path, np.dtype("u1"), first, {})
        assert said.wait(30)  # the second waits
        on.set()
        assert one.result().tolist() == two.result().tolist() == [0, 1, 2]
    assert made == [1]
    assert {p.name for p in tmp_path.iterdir() if p.is_file()} == {"x.bin", "x.json"}


def test_an_empty_file_of_ids(tmp_path):
    (tmp_path / "none.bin").write_bytes(b"")
    assert map_ids(tmp_path / "none.bin", np.dtype("u2")).shape == (0,)
