"""What every kind of tokenizer promises, for every kind that is there."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples

from seqcli import artifact, registry, tokenizers
from seqcli.errors import SeqcliError, UsageError
from seqcli.tokenizers import BaseTokenizer, UnknownPiece

QUICK = settings(max_examples=examples(60), deadline=None)


@pytest.fixture(params=registry.names("tokenizers"), scope="module")
def tokenizer(request: pytest.FixtureRequest, learn) -> BaseTokenizer:
    return learn(request.param)


@pytest.fixture
def hard(tokenizer: BaseTokenizer, hard: str, numbers: str) -> str:
    return numbers if tokenizer.kind == "bins" else hard


@pytest.fixture
def source_text(tokenizer: BaseTokenizer, source_text: str, numbers: str) -> str:
    return numbers if tokenizer.kind == "bins" else source_text


def known(tokenizer: BaseTokenizer, text: str) -> str:
    """The text without what a char vocabulary does not know, or of numbers what is no digit or blank."""
    if tokenizer.kind == "bins":
        return "".join(c for c in text if c in "0123456789" or c.isspace())
    if tokenizer.kind == "char":
        return "".join(c for c in text if c in tokenizer.characters)  # type: ignore[attr-defined]
    return text


def test_constants(tokenizer: BaseTokenizer):
    assert tokenizer.kind == tokenizer.header()["kind"]
    assert len(list(tokenizer.vocabulary())) == tokenizer.size
    assert tokenizer.newline_id is None or tokenizer.decode([tokenizer.newline_id]) == "\n"


def test_ids_pieces_and_offsets_go_together(tokenizer: BaseTokenizer, hard: str):
    ids = tokenizer.encode(hard)
    assert ids.dtype == np.int32
    assert ids.ndim == 1
    assert ids.min() >= 0
    assert ids.max() < tokenizer.size
    assert ids.flags.writeable
    assert tokenizer.pieces(hard) == [tokenizer.symbol(i) for i in ids.tolist()]
    offsets = tokenizer.offsets(hard)
    assert len(offsets) == len(ids)
    assert all(0 <= start < end <= len(hard) for start, end in offsets)
    assert offsets == sorted(offsets)


def test_offsets_cover_the_text_but_for_white_space_between_words(tokenizer: BaseTokenizer, hard: str):
    covered = {i for start, end in tokenizer.offsets(hard) for i in range(start, end)}
    left_out = "".join(c for i, c in enumerate(hard) if i not in covered)
    assert not (left_out.strip() if not tokenizer.lossless else left_out)


def test_an_offset_is_where_the_piece_came_from(tokenizer: BaseTokenizer):
    text = known(tokenizer, "The cat\nsat on the mat\n")
    for (start, end), id in zip(tokenizer.offsets(text), tokenizer.encode(text).tolist(), strict=True):
        if id != tokenizer.unk_id:
            assert tokenizer.decode([id]) == text[start:end]


def test_symbols_are_distinct_visible_words(tokenizer: BaseTokenizer, hard: str):
    symbols = {i: tokenizer.symbol(i) for i in tokenizer.encode(hard).tolist()}
    assert len(set(symbols.values())) == len(symbols)
    assert all(s and not any(c.isspace() for c in s) for s in symbols.values())


def test_empty_text(tokenizer: BaseTokenizer):
    assert tokenizer.encode("").tolist() == []
    assert tokenizer.decode([]) == ""
    assert tokenizer.pieces("") == []
    assert tokenizer.offsets("") == []
    assert tokenizer.lines("") == b""


def test_hard_text_comes_back(tokenizer: BaseTokenizer, hard: str):
    if tokenizer.lossless:
        assert tokenizer.decode(tokenizer.encode(hard)) == hard


@QUICK
@given(st.data())
def test_any_text_comes_back(tokenizer: BaseTokenizer, data: st.DataObject):
    characters = st.characters(exclude_categories=["Cs"])
    if tokenizer.kind == "char":
        characters = st.sampled_from(tokenizer.characters)  # type: ignore[attr-defined]
    text = known(tokenizer, data.draw(st.text(characters, max_size=60)))
    if tokenizer.lossless:
        assert tokenizer.decode(tokenizer.encode(text)) == text
    else:  # what is left after one round is a fixed point
        once = tokenizer.decode(tokenizer.encode(text))
        assert tokenizer.decode(tokenizer.encode(once)) == once


@QUICK
@given(st.data())
def test_any_text_of_nasty_characters_comes_back_through_lines(tokenizer: BaseTokenizer, data: st.DataObject):
    text = known(
        tokenizer, data.draw(st.text(st.sampled_from(" \n\t\r▁a\\<0xE2>tn\x00\u2028é\u0301𝄞\u200d"), max_size=40))
    )
    expected = tokenizer.decode(tokenizer.encode(text))
    for ids in (False, True):
        shown = tokenizer.lines(text, ids=ids).decode()
        assert shown.count("\n") == text.count("\n")
        if not ids or tokenizer.newline_id is not None:
            assert tokenizer.from_lines(shown, ids=ids) == expected


def test_a_line_shows_its_pieces_and_ids(tokenizer: BaseTokenizer, hard: str):
    shown = tokenizer.lines(hard).decode().split("\n")
    numbers = tokenizer.lines(hard, ids=True).decode().split("\n")
    for line, pieces, ids in zip(hard.split("\n"), shown, numbers, strict=True):
        assert pieces == " ".join(tokenizer.pieces(line))
        assert ids == " ".join(map(str, tokenizer.encode(line).tolist()))


def test_encoding_whole_text_is_encoding_its_lines(tokenizer: BaseTokenizer, source_text: str):
    text = source_text[:20_000]
    lines = [tokenizer.encode(line + "\n") for line in text.split("\n")]
    assert np.array_equal(tokenizer.encode(text + "\n"), np.concatenate(lines))


@QUICK
@given(st.data())
def test_a_stream_adds_up_to_decode(tokenizer: BaseTokenizer, data: st.DataObject):
    ids = data.draw(st.lists(st.integers(0, tokenizer.size - 1), max_size=30))
    stream = tokenizer.stream()
    parts = [stream.push(i) for i in ids]
    assert "".join([*parts, stream.finish()]) == tokenizer.decode(ids)


def test_a_stream_never_shows_half_a_character(tokenizer: BaseTokenizer):
    text = known(tokenizer, "a𝄞é日\n")
    stream = tokenizer.stream()
    parts = [stream.push(i) for i in tokenizer.encode(text).tolist()]
    assert not any("\ufffd" in part for part in parts)


def test_header_and_arrays_rebuild_it(tokenizer: BaseTokenizer, hard: str):
    header = json.loads(json.dumps(tokenizer.header()))
    assert len(json.dumps(header)) < 100_000
    assert all(array.dtype == np.uint8 for array in tokenizer.arrays().values())
    again = tokenizers.restore(header, tokenizer.arrays())
    assert np.array_equal(again.encode(hard), tokenizer.encode(hard))
    assert again.fingerprint() == tokenizer.fingerprint()
    assert list(again.vocabulary()) == list(tokenizer.vocabulary())
    for name in ("size", "unk_id", "newline_id", "lossless"):
        assert getattr(again, name) == getattr(tokenizer, name)


def test_a_file_holds_it(tokenizer: BaseTokenizer, tmp_path, hard: str):
    path = tmp_path / "tok.safetensors"
    tokenizers.save(tokenizer, path, learned={"lines": 3})
    header = artifact.read_header(path)
    assert header["kind"] == "tokenizer"
    assert header["learned"] == {"lines": 3}
    assert np.array_equal(tokenizers.load(path).encode(hard), tokenizer.encode(hard))
    before = path.read_bytes()
    tokenizers.save(tokenizer, path, learned={"lines": 3})
    assert path.read_bytes() == before


def test_learning_twice_gives_the_same(tokenizer: BaseTokenizer, source_text: str):
    module = registry.load("tokenizers", tokenizer.kind)
    texts = [source_text[i : i + 5000] for i in range(0, 20_000, 5000)]
    prints = {module.Tokenizer.learn(texts, module.Config()).fingerprint() for _ in range(2)}
    assert len(prints) == 1


def test_what_is_no_id_or_piece_is_named_with_its_place(tokenizer: BaseTokenizer):
    for text, ids, offset in (("1 0\n 999999999 2", True, 5), ("0 x", True, 2), ("\n\n no-such\x03piece", False, 3)):
        with pytest.raises(UnknownPiece) as caught:
            tokenizer.from_lines(text, ids=ids)
        assert caught.value.offset == offset
        assert caught.value.hint


def test_a_model_without_a_tokenizer_says_so(tmp_path):
    artifact.write(tmp_path / "x", {"kind": "model"}, {"a": np.zeros(1, np.uint8)})
    with pytest.raises(UsageError, match="no tokenizer"):
        tokenizers.load(tmp_path / "x")
    with pytest.raises(SeqcliError, match="no such"):
        tokenizers.load(tmp_path / "y")


def test_what_ids_write_is_the_text(tokenizer: BaseTokenizer, source_text: str, hard: str):
    if tokenizer.kind == "bins":
        with pytest.raises(UsageError, match="cannot be constrained to texts"):
            tokenizer.written()
        return
    written = tokenizer.written()
    assert len(written) == tokenizer.size
    for text in (*source_text.split("\n")[:20], *known(tokenizer, hard).split("\n")):
        ids = tokenizer.encode(text).tolist()
        data = b"".join(written[id] for id in ids).decode()
        assert data.removeprefix(" " if tokenizer.blank_first else "") == tokenizer.decode(ids)
