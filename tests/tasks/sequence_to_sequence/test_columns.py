"""Several columns as one source: ids in parts of their own, places, what can be copied, what a file keeps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli import artifact, tokenizers
from seqcli.datasets.reading import source_columns
from seqcli.errors import SeqcliError, UsageError
from seqcli.records import Pair
from seqcli.tasks.sequence_to_sequence import batches
from seqcli.tasks.sequence_to_sequence.codec import Codec
from seqcli.tasks.sequence_to_sequence.columns import Column, Together, check_columns, columns_of
from seqcli.tokenizers.char import Config as Characters

PAIRS = [Pair("V;PST\tgehen", "ging"), Pair("V;PRS;3\tsehen", "sieht"), Pair("N\tHaus", "Haus")]
SOURCE = [{"column": "tags", "tokenizer": {"kind": "word", "split": ";"}}, "lemma"]


def learnt(source: list, pairs: list[Pair] = PAIRS, longest: int = 50) -> Codec:
    columns = [Column(**c) if isinstance(c, dict) else c for c in source]
    data = SimpleNamespace(source=columns, longest=longest)
    recipe = SimpleNamespace(data=data, tokenizer=Characters(), target_tokenizer=None, base=Path())
    return batches.learn_codec(recipe, pairs, None, None)  # type: ignore[arg-type]


def test_each_column_has_a_part_of_the_symbols() -> None:
    codec = learnt(SOURCE)
    both = codec.reads
    assert isinstance(both, Together)
    words, characters = both.parts
    assert list(both.vocabulary()) == [*words.vocabulary(), *characters.vocabulary()]
    ids = codec.source_ids("V;PST\tgehen")
    assert ids.tolist() == [
        *words.encode("V;PST").tolist(),
        *(characters.encode("gehen") + words.size).tolist(),
        words.size + characters.size + 1,
    ]
    assert codec.source_symbols("V;PST\tgehen") == ["V", "PST", *"gehen", "<eos>"]
    assert codec.source_texts("V;PST\tgehen") == ["V", "PST", *"gehen"]
    assert codec.target is characters  # of the lemmas and the forms
    assert codec.text(codec.target_ids("ging")[:-1]) == "ging"
    own = ((0, words.size, False), (words.size, words.size + characters.size, True))
    assert codec.sizes == (words.size + characters.size + 2, characters.size + 2, False, 0, own)
    assert [e.source.tolist() for e in batches.encode(codec, PAIRS, copy=False)] == [
        codec.source_ids(p.text).tolist() for p in PAIRS
    ]


def test_a_source_is_cut_at_its_end() -> None:
    assert learnt(SOURCE, longest=3).source_symbols("V;PST\tgehen") == ["V", "PST", "g", "<eos>"]


CELL = st.text(st.sampled_from("VN;PST 3geh#"), max_size=8)


@given(CELL, CELL)
def test_against_the_tokenizers_one_by_one(tags: str, lemma: str) -> None:
    both = learnt(SOURCE).reads
    assert isinstance(both, Together)
    text, (words, characters) = f"{tags}\t{lemma}", both.parts
    ids, offsets = both.encode(text), both.offsets(text)
    own = [
        *((id, 0, words, tags) for id in words.encode(tags).tolist()),
        *((id, words.size, characters, lemma) for id in characters.encode(lemma).tolist()),
    ]
    assert len(ids) == len(offsets) == len(own) == len(both.owners(text))
    for id, (one, begin, part, _) in zip(ids.tolist(), own, strict=True):
        assert id == begin + one
        assert (id in both.unknown) == (one == part.unk_id)
    places = words.offsets(tags) + [(len(tags) + 1 + a, len(tags) + 1 + b) for a, b in characters.offsets(lemma)]
    assert offsets == places
    known = [both.symbol(id) == text[a:b] for id, (a, b) in zip(ids.tolist(), offsets, strict=True)]
    assert all(k or id in both.unknown or text[a:b] == " " for k, id, (a, b) in zip(known, ids, offsets, strict=True))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("V;PST", "the line has 1 column, but the source of this model has 2"),
        ("V\tgehen\tx", "the line has 3 columns"),
    ],
)
def test_another_number_of_columns_is_an_error(text: str, said: str) -> None:
    codec = learnt(SOURCE)
    codec.check("V\tgehen")
    codec.check(" ")
    with pytest.raises(SeqcliError, match=said) as error:
        codec.check(text)
    assert "tags TAB lemma" in error.value.hint
    with pytest.raises(SeqcliError, match=said):
        codec.joined(text.split("\t"))
    assert codec.joined(("V;PST", "ge\then")) == "V;PST\tge hen"
    with pytest.raises(UsageError, match="reads one text"):
        replace(codec, reads=codec.target).joined(("V", "gehen"))


def test_what_is_made_of_other_symbols_is_not_copied() -> None:
    codec = learnt(SOURCE)
    copies, extra = codec.copies("N;X\tHußß")
    known = codec.target.encode("H").tolist()
    first = codec.sizes.target
    assert extra == ["ß"]
    assert copies.tolist() == [-1, -1, *known, *codec.target.encode("u").tolist(), first, first, codec.eos]
    assert codec.copied_targets("Huß", extra).tolist()[-2:] == [first, codec.eos]


def test_a_file_keeps_the_columns(tmp_path: Path) -> None:
    codec = learnt(SOURCE)
    assert isinstance(codec.reads, Together)
    columns, arrays = codec.reads.stored()
    header, own = tokenizers.to_artifact(codec.target)
    content = {"tokenizer": header, "source_tokenizers": columns, "data": {"longest": 50}}
    artifact.write(tmp_path / "x.safetensors", content, {**arrays, **own, "one": np.zeros(1)})
    again = Codec.of(artifact.read(tmp_path / "x.safetensors"))
    assert again.columns == ["tags", "lemma"]
    assert again.source_ids("V;PST\tgehen").tolist() == codec.source_ids("V;PST\tgehen").tolist()
    assert not codec.differs(again)
    assert codec.differs(learnt(["tags", "lemma"])) == "tokenizers of the source side"


def test_columns_without_a_tokenizer_share_that_of_the_target() -> None:
    codec = learnt(["a", "b"], [Pair("xy\tz", "w")])
    assert isinstance(codec.reads, Together)
    assert [part is codec.target for part in codec.reads.parts] == [True, True]
    assert set("wxyz") <= set(codec.target.vocabulary())
    assert codec.source_ids("x\tx").tolist()[0] != codec.source_ids("x\tx").tolist()[1]


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        ([1, "1"], 2, "source: column 1 is named twice"),
        ([0, 1], 2, "source: 0 is not a column"),
        ([1, 2], 2, "target: column 2 is a part"),
    ],
)
def test_columns_that_cannot_be_meant(source: list, target: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check_columns(source, target)
    assert [c.column for c in columns_of(source)] == source
    assert columns_of("text") == []


def test_columns_that_are_said_for_a_model() -> None:
    header = {"data": {"options": {"source": "3", "parts": ["1"]}}}
    assert source_columns(None, header) == {"source": "3", "parts": ("1",)}
    assert source_columns("a,b", header) == {"source": "a", "parts": ("b",)}
    with pytest.raises(UsageError, match="reads 2 columns together") as error:
        source_columns("a", header)
    assert error.value.hint == "as --source 3,1"
    assert source_columns("a,b", {"data": {}}) == {"source": "a,b"}
