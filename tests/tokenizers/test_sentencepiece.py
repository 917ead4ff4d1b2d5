"""Sub-words: the library's own ids, line by line; any text comes back; foreign models keep their ways."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples

from seqcli import registry
from seqcli.errors import SeqcliError
from seqcli.tokenizers import _chunks, _subwords

module = registry.load("tokenizers", "sentencepiece")
THOROUGH = settings(max_examples=examples(120), deadline=None)


def library(tokenizer) -> sentencepiece.SentencePieceProcessor:
    """The library by itself, with the tokenizer's model."""
    return sentencepiece.SentencePieceProcessor(model_proto=tokenizer.arrays()["model"].tobytes())


def assert_same_as_the_library(tokenizer, text: str) -> None:
    """A library call a line is the reference."""
    processor = library(tokenizer)
    lines = [processor.encode(line) for line in text.split("\n")]
    end = [] if tokenizer.newline_id is None else [tokenizer.newline_id]
    assert tokenizer.encode(text).tolist() == lines[0] + [i for line in lines[1:] for i in (*end, *line)]
    assert tokenizer.lines(text, ids=True).decode().split("\n") == [" ".join(map(str, line)) for line in lines]


# the same ids as the library


def test_source_code_and_prose(subwords, source_text: str):
    assert_same_as_the_library(subwords, source_text[150_000:450_000].replace("▁", "_"))  # half of it was learnt from


def test_the_pieces_are_those_that_the_library_writes(subwords, source_text: str):
    text = re.sub(r"[\\▁\x00-\x09\x0b-\x1f\x7f-\xa0\u2000-\u206f\ufeff]", "?", source_text[150_000:450_000])
    processor = library(subwords)
    written = [" ".join(processor.encode(line, out_type=str)) for line in text.split("\n")]
    assert subwords.lines(text).decode().split("\n") == written


def test_real_corpora(subwords, data_folder: Path):
    names = ("ptb/ptb.valid.txt", "multi30k-en-de/val.de")
    names += tuple(f"g2p-sigmorphon2020/{language}_dev.tsv" for language in ("gre", "hin", "kor"))
    for name in names:
        assert_same_as_the_library(subwords, (data_folder / name).read_text(encoding="utf-8"))


@THOROUGH
@given(st.text(st.sampled_from("ab0- =.\n\té日𝄞<>x"), max_size=80))
def test_small_alphabets(subwords, text: str):
    assert_same_as_the_library(subwords, text)


@THOROUGH
@given(
    st.lists(
        st.sampled_from(
            ["the", "self", "a\x00b", "tab\t#", "-----", "0000", "====", " ", "  ", "    ", "\n", "é", "x(", "1.0"]
        )
    )
)
def test_words_and_runs(subwords, parts: list[str]):
    assert_same_as_the_library(subwords, "".join(parts))


@settings(max_examples=examples(100), deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="▁\n"), max_size=60))
def test_any_characters(subwords, text: str):
    assert_same_as_the_library(subwords, text)


def test_ties_are_found_and_left_to_the_library(learn):
    # 00|0000 and 0000|00 score the same: float32 sums from the line's start tell them apart by rounding
    tokenizer = learn("sentencepiece", model_type="unigram", size=1500)
    text = "\n".join(
        "x " * n + "0" * m + " " * k + "---" * m + "y" for n in range(40) for m in (3, 5, 6, 7) for k in (1, 5)
    )
    assert_same_as_the_library(tokenizer, text)
    assert any(b"\0" in value for value in tokenizer._fast._caches[_chunks.NUMBERS].young.values())


def test_the_cache_is_bounded_and_changes_nothing(subwords, source_text: str, monkeypatch):
    again = module.Tokenizer.restore(subwords.header(), subwords.arrays())
    monkeypatch.setattr(_chunks, "LARGEST", 20_000)
    monkeypatch.setattr(_chunks, "BLOCK", 300)
    text = source_text[:100_000]
    for _ in range(2):
        assert np.array_equal(again.encode(text), subwords.encode(text))
        assert again.lines(text) == subwords.lines(text)
    for cache in (*again._fast._caches, *again._fast._part_caches):
        for generation in (cache.young, cache._old):
            assert sum(map(len, generation)) < 20_000 + 300


def test_a_model_whose_pieces_mix_letters_and_signs(learn, source_text: str):
    for numbers in (True, False):
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(  # type: ignore[attr-defined]
            sentence_iterator=iter(source_text[:100_000].split("\n")), model_writer=model, vocab_size=1000,
            normalization_rule_name="identity", add_dummy_prefix=False, remove_extra_whitespaces=False,
            byte_fallback=True, minloglevel=2, model_type="bpe", split_by_unicode_script=False,
            split_by_number=numbers,
        )  # fmt: skip
        data = model.getvalue()
        tokenizer = module.Tokenizer(data, _subwords.read_spec(data))
        assert not tokenizer._fast._divides
        assert_same_as_the_library(tokenizer, source_text[:300_000].replace("▁", ""))


def test_long_lines_and_words(subwords):
    for text in ("word " * 50_000, "x" * 100_000, "日本" * 40_000 + "\n" + " " * 70_000 + "a\nb\n"):
        assert_same_as_the_library(subwords, text)


# any text comes back


@THOROUGH
@given(
    st.text(
        st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from(" ▁\n\x00\t\r\uf8ff\u2585")), max_size=80
    )
)
def test_any_text_comes_back(subwords, text: str):
    ids = subwords.encode(text)
    assert subwords.decode(ids) == text
    assert subwords.from_lines(subwords.lines(text).decode()) == text
    assert len(subwords.offsets(text)) == len(ids)
    assert not (ids == 0).any()  # nothing is unknown


def test_a_literal_mark_is_its_three_bytes(subwords):
    assert subwords.pieces("a▁b▁ ▁")[1:4] == ["<0xE2>", "<0x96>", "<0x81>"]
    assert (
        subwords.lines("▁\n▁\n\na▁")
        == "\n".join([*["<0xE2> <0x96> <0x81>"] * 2, "", "a <0xE2> <0x96> <0x81>"]).encode()
    )


def test_the_names_of_symbols_are_ordinary_text():
    text = "<unk> <0x41> </s> <s> a\n" * 300
    for model_type in ("unigram", "bpe"):
        tokenizer = module.Tokenizer.learn([text], module.Config(model_type=model_type, size=400))
        assert tokenizer.decode(tokenizer.encode(text)) == text
        assert not any(p.startswith("<0x") for p in tokenizer.pieces("<unk> </s> <s> a"))  # learned from too


def test_offsets_are_where_the_pieces_stand(subwords, source_text: str):
    text = source_text[:20_000]
    table = subwords._parts
    for (start, end), id in zip(subwords.offsets(text), subwords.encode(text).tolist(), strict=True):
        if id not in subwords._bytes:
            assert text[start:end].encode() == table[id]


# learning


def test_a_vocabulary_that_the_text_does_not_support_is_made_smaller(capsys):
    for model_type in ("unigram", "bpe"):
        tokenizer = module.Tokenizer.learn(["ab ab abc"], module.Config(model_type=model_type, size=5000))
        assert 258 < tokenizer.size < 300
        assert tokenizer.decode(tokenizer.encode("abc é")) == "abc é"
    assert capsys.readouterr().err.count("not the 5,000") == 2


def test_too_small_a_vocabulary_says_what_is_needed():
    text = "".join(map(chr, range(0x4E00, 0x4F00)))
    with pytest.raises(SeqcliError, match="too few") as caught:
        module.Tokenizer.learn([text], module.Config(size=300, character_coverage=1))
    assert "515" in caught.value.hint  # 256 characters, 256 bytes, the newline, the unknown, the space
    assert module.Tokenizer.learn([text], module.Config(size=515, character_coverage=1)).size == 515


def test_a_big_alphabet_takes_half_of_the_vocabulary_at_most():
    alphabet = [chr(0x4E00 + i) for i in range(400)]
    text = "".join(c * (400 - i) for i, c in enumerate(alphabet))
    tokenizer = module.Tokenizer.learn([text], module.Config(size=500, model_type="bpe"))
    singles = {p for p in tokenizer._pieces[258:] if len(p) == 1} - {"▁"}
    assert singles == set(alphabet[: (500 - 258) // 2])
    assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize("text", ["", "\n\n", "  \n \t\r\n", "▁\x00"])
def test_nothing_to_learn_from(text: str):
    with pytest.raises(SeqcliError, match="no text"):
        module.Tokenizer.learn([text], module.Config())


def test_the_library_is_silent(capfd, source_text: str):
    module.Tokenizer.learn([source_text[:50_000]], module.Config(size=400))
    assert capfd.readouterr() == ("", "")


def test_whitespace_pieces_are_a_choice(source_text: str):
    for wanted in (True, False):
        config = module.Config(size=1000, whitespace_pieces=wanted, model_type="bpe")
        tokenizer = module.Tokenizer.learn([source_text[:100_000]], config)
        assert ("▁▁▁▁" in tokenizer._pieces) == wanted
        assert_same_as_the_library(tokenizer, source_text[:100_000])


# models of the library itself


def foreign(tmp_path: Path, text: str, **settings: object) -> Path:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(  # type: ignore[attr-defined]
        sentence_iterator=iter(text.split("\n")), model_writer=model, vocab_size=600, minloglevel=2, **settings
    )
    path = tmp_path / "foreign.model"
    path.write_bytes(model.getvalue())
    return path


FOREIGN = [
    {},
    {"model_type": "bpe"},
    {"byte_fallback": True},
    {"normalization_rule_name": "identity", "byte_fallback": True, "model_type": "bpe"},
    {"treat_whitespace_as_suffix": True},
    {"split_by_whitespace": False},
    {"normalization_rule_name": "nmt_nfkc_cf", "user_defined_symbols": ["<sep>", "New York"]},
    {"model_type": "char"},
    {"add_dummy_prefix": False, "remove_extra_whitespaces": False, "normalization_rule_name": "identity"},
]


@pytest.mark.parametrize("settings", FOREIGN, ids=lambda s: ",".join(map(str, s.values())) or "defaults")
def test_a_foreign_model_encodes_as_the_library_does(settings, tmp_path, source_text: str, hard: str):
    text = source_text[:30_000]
    path = foreign(tmp_path, text, **settings)
    tokenizer = module.Tokenizer.learn([], module.Config(path=str(path)))
    text = hard.replace("▁", "_") + text + "\n ① ﬁne  New York <sep>x \t\u3000日 日\n"
    assert_same_as_the_library(tokenizer, text)
    again = module.Tokenizer.restore(tokenizer.header(), tokenizer.arrays())
    assert np.array_equal(again.encode(text), tokenizer.encode(text))
    offsets = tokenizer.offsets(text)
    assert len(offsets) == len(tokenizer.encode(text))
    assert all(0 <= start <= end <= len(text) for start, end in offsets)
    assert tokenizer.lossless is False
    decoded = "\n".join(map(library(tokenizer).decode, map(library(tokenizer).encode, text.split("\n"))))
    if tokenizer.newline_id is not None:
        assert tokenizer.decode(tokenizer.encode(text)) == decoded
        stream = tokenizer.stream()
        assert "".join([*map(stream.push, tokenizer.encode(text).tolist()), stream.finish()]) == decoded


def test_a_foreign_model_that_changes_nothing_is_lossless(tmp_path, source_text: str, hard: str):
    path = foreign(
        tmp_path, source_text[:100_000], normalization_rule_name="identity", byte_fallback=True,
        add_dummy_prefix=False, remove_extra_whitespaces=False,
    )  # fmt: skip
    tokenizer = module.Tokenizer.foreign(path)
    assert tokenizer.lossless
    assert tokenizer.decode(tokenizer.encode(hard)) == hard
    assert tokenizer.symbol(tokenizer.newline_id) == "<0x0A>"


def test_foreign_offsets_lead_back_into_the_text(tmp_path, source_text: str):
    tokenizer = module.Tokenizer.foreign(foreign(tmp_path, source_text[:100_000]))
    text = "  The ﬁle\n  self  ①"
    found = [(p, text[a:b]) for p, (a, b) in zip(tokenizer.pieces(text), tokenizer.offsets(text), strict=True)]
    assert "".join(part for _, part in found).replace(" ", "").replace("\n", "") == "Theﬁleself①"
    assert found[0][1].strip() in "The"


@pytest.mark.parametrize("data", [b"", b"abcdefgh", b"\x0a\x05", b"\xff" * 40, bytes(100)])
def test_what_is_no_model_says_so(tmp_path, data: bytes):
    path = tmp_path / "x.model"
    path.write_bytes(data)
    with pytest.raises(SeqcliError, match="not a model of the sentencepiece library"):
        module.Tokenizer.foreign(path)
    with pytest.raises(SeqcliError, match="cannot read"):
        module.Tokenizer.foreign(tmp_path / "missing")


# growing

OLD = ["the cat sat on the mat and the dog ran to the house\n"] * 20 + ["a house is a home for a cat\n"] * 20
NEW = ["the naïve café señor sat in the zymology lab\n", "zymology and zymurgy: a naïve café\n"] * 20


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
@pytest.mark.parametrize("gone", [False, True])
def test_a_grown_model_divides_what_it_was_learnt_from_as_ever(kind: str, gone: bool) -> None:
    config = module.Config(size=310, model_type=kind)
    old = module.Tokenizer.learn(OLD, config)
    grown = old.grown(module.Tokenizer.learn(NEW, config), lambda: NEW, None if gone else lambda: OLD)
    assert [*grown.vocabulary()][: old.size] == [*old.vocabulary()]
    assert grown.size > old.size
    for text in OLD:
        assert grown.encode(text).tolist() == old.encode(text).tolist()
    new = "".join(NEW)
    assert grown.decode(grown.encode(new)) == new
    assert len(grown.encode(new)) < 0.8 * len(old.encode(new))
    assert not set(grown.encode(new).tolist()) & set(grown._bytes)
    added = [grown.symbol(i) for i in range(old.size, grown.size)]
    if gone:
        assert all(set(piece) & set("ïéñzyl") or not set(piece) <= set("".join(OLD) + "▁") for piece in added)
    again = module.Tokenizer.restore(grown.header(), grown.arrays())
    assert again.fingerprint() == grown.fingerprint()
    assert again.encode(new).tolist() == grown.encode(new).tolist()
