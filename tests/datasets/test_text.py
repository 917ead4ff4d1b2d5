"""Plain text: shares, files, globs, names, standard input."""

from __future__ import annotations

import hashlib
import io
import sys
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from seqcli.errors import SeqcliError, UsageError
from seqcli.tasks.language_model.data import Config, Corpus, open_corpus


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("SEQCLI_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def text_of(corpus: Corpus, split: str) -> str:
    return "".join(corpus.texts(split, ""))


def lines(first: int, last: int) -> str:
    return "".join(f"line {i:04d}\n" for i in range(first, last))


def test_shares_are_cut_off_the_end_at_lines(tmp_path):
    (tmp_path / "a.txt").write_text(lines(0, 1000))
    corpus = open_corpus(Config(train="a.txt", valid=0.1, test=0.05), tmp_path)
    assert list(corpus.splits) == ["train", "valid", "test"]
    assert text_of(corpus, "train") == lines(0, 850)
    assert text_of(corpus, "valid") == lines(850, 950)
    assert text_of(corpus, "test") == lines(950, 1000)
    facts = corpus.facts()
    assert facts["name"] == "a.txt"
    assert facts["splits"]["valid"] == {
        "bytes": 1000,
        "sha256": hashlib.sha256(lines(850, 950).encode()).hexdigest(),
    }


@given(
    text=st.text(alphabet="ab\né🙂", min_size=60, max_size=300),
    valid=st.floats(0.05, 0.45),
    test=st.one_of(st.none(), st.floats(0.05, 0.45)),
    at=st.sampled_from(["line", "character"]),
)
def test_the_splits_are_the_text(tmp_path_factory, text, valid, test, at):
    folder = tmp_path_factory.mktemp("t")
    (folder / "a.txt").write_bytes(text.encode())
    try:
        corpus = open_corpus(Config(train="a.txt", valid=valid, test=test, split_at=at), folder)
    except SeqcliError:
        assume(at == "character")  # lines may be too few, or too long, to be divided so
        raise
    assert "".join(text_of(corpus, split) for split in corpus.splits) == text
    if at == "character":
        size = len(text.encode())
        assert abs(len(text_of(corpus, "valid").encode()) - valid * size) <= 4
        if test:
            assert abs(len(text_of(corpus, "test").encode()) - test * size) <= 4


def test_nanogpts_split_of_tinyshakespeare(data_folder, monkeypatch):
    monkeypatch.setenv("SEQCLI_DATA", str(data_folder))
    if not (data_folder / "tinyshakespeare").is_dir():
        pytest.skip(f"{data_folder} holds no tinyshakespeare")
    corpus = open_corpus(Config(train="tinyshakespeare"), Path())
    assert [len(text_of(corpus, s)) for s in ("train", "valid")] == [1_003_854, 111_540]


def test_files_as_valid_and_test(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.txt").write_text(f"{name}\n" * 10)
    corpus = open_corpus(Config(train="a.txt", valid="b.txt", test=["c.txt", "b.txt"]), tmp_path)
    assert [text_of(corpus, s) for s in corpus.splits] == ["a\n" * 10, "b\n" * 10, "c\n" * 10 + "b\n" * 10]
    mixed = open_corpus(Config(train="a.txt", valid="b.txt", test=0.2), tmp_path)
    assert [text_of(mixed, s) for s in mixed.splits] == ["a\n" * 8, "b\n" * 10, "a\n" * 2]


def test_several_files_and_globs_in_order(tmp_path):
    (tmp_path / "part").mkdir()
    for name, text in [("z.txt", "z"), ("part/2.txt", "two\n"), ("part/1.txt", "one"), ("part/10.txt", "ten\n")]:
        (tmp_path / name).write_text(text)
    corpus = open_corpus(Config(train=["z.txt", "part/*.txt"]), tmp_path)
    assert text_of(corpus, "train") == "z\none\nten\ntwo\n"  # a line end between files that lack one
    assert corpus.name == "z.txt, *.txt"
    assert text_of(open_corpus(Config(train=["part/2.txt", "z.txt"]), tmp_path), "train") == "two\nz"
    many = open_corpus(Config(train=["z.txt", "part/1.txt", "part/2.txt", "part/10.txt", "z.txt"]), tmp_path)
    assert many.name == "z.txt, 1.txt, 2.txt and 2 more"


@pytest.mark.parametrize("text", ["one line without an end", "a\nb\nc", "\n", "x"])
def test_corpora_without_a_last_line_end(tmp_path, text):
    (tmp_path / "a.txt").write_text(text)
    corpus = open_corpus(Config(train="a.txt"), tmp_path)
    assert text_of(corpus, "train") == text


def test_line_ends_are_kept_as_they_are(tmp_path):
    text = "a\r\nb\rc\u2028d\x0be\n"
    (tmp_path / "a.txt").write_bytes(text.encode())
    assert text_of(open_corpus(Config(train="a.txt"), tmp_path), "train") == text


@pytest.mark.parametrize(
    ("config", "status", "words"),
    [
        ({"train": "empty.txt"}, 1, "the corpus is empty: empty.txt"),
        ({"train": "short.txt", "valid": 0.1}, 1, "the valid split is empty"),
        ({"train": "short.txt", "valid": "empty.txt"}, 1, "the valid split is empty"),
        ({"train": "sohrt.txt"}, 1, "did you mean 'short.txt'?"),
        ({"train": "short.txt", "valid": "no/where.txt"}, 1, "no such file:"),
        ({"train": "folder/"}, 1, "is a folder, not a file"),
        ({"train": "*.csv"}, 1, "no such file:"),
        ({"train": "short.txt", "valid": 0.5, "test": 0.5}, 2, "leave nothing to train on (1)"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_errors(tmp_path, config, status, words):
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "short.txt").write_text("a line\n")
    (tmp_path / "folder").mkdir()
    with pytest.raises(SeqcliError) as caught:
        open_corpus(Config(**config), tmp_path)
    assert words in str(caught.value)
    assert caught.value.status == status


def test_encodings(tmp_path):
    text = "süß\nüber\n" * 20
    (tmp_path / "a.txt").write_bytes(text.encode("latin-1"))
    assert text_of(open_corpus(Config(train="a.txt", encoding="latin-1"), tmp_path), "train") == text
    with pytest.raises(SeqcliError, match=r"a.txt:1:2: byte 0xfc is not valid UTF-8") as caught:
        text_of(open_corpus(Config(train="a.txt"), tmp_path), "train")
    assert "iconv" in caught.value.hint
    for encoding, words in [("utf-99", "unknown encoding 'utf-99'"), ("utf-16", "cannot be split into lines")]:
        with pytest.raises(ValidationError, match=words):
            Config(train="a.txt", encoding=encoding)


def feed(monkeypatch, data: bytes | None) -> None:
    class Stdin:
        buffer = io.BytesIO(data or b"")
        closed = False

        def isatty(self) -> bool:
            return data is None

    monkeypatch.setattr(sys, "stdin", Stdin())


@pytest.mark.parametrize("train", ["-", ["-"]])
def test_standard_input_is_kept_for_it_is_read_more_than_once(tmp_path, monkeypatch, cache, train):
    feed(monkeypatch, lines(0, 100).encode())
    corpus = open_corpus(Config(train=train, valid=0.1), tmp_path)
    assert corpus.name == "<stdin>"
    assert text_of(corpus, "train") + text_of(corpus, "valid") == lines(0, 100)
    assert text_of(corpus, "train") == lines(0, 90)
    (kept,) = (cache / "stdin").iterdir()
    assert kept.read_text() == lines(0, 100)


def test_standard_input_with_nothing_in_it(tmp_path, monkeypatch):
    feed(monkeypatch, b"")
    with pytest.raises(SeqcliError, match="the corpus is empty: <stdin>") as caught:
        open_corpus(Config(train="-"), tmp_path)
    assert "standard input was empty" in caught.value.hint
    feed(monkeypatch, None)
    with pytest.raises(UsageError, match="nothing is piped into standard input"):
        open_corpus(Config(train="-"), tmp_path)
