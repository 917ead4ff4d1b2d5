"""Sentences cut into pieces, and the published sizes of the data sets that have a name."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli import schemes
from seqcli.records import TAGGED, Options, Sentence
from seqcli.tasks.tagging.data import Config, Corpus, open_corpus


@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=8),
    longest=st.integers(1, 12),
    kind=st.sampled_from(schemes.SCHEMES),
)
def test_pieces_lose_nothing(lengths: list[int], longest: int, kind: str) -> None:
    rng = np.random.default_rng(sum(lengths))
    sentences = []
    for n in lengths:
        tags = schemes.convert(rng.choice(["B-X", "I-X", "O"], n).tolist(), "iob2", kind)
        words = [f"w{i}" for i in range(n)]
        sentences.append(Sentence(words=words, tags=tags, features={"pos": [w.upper() for w in words]}))
    config = Config(train="c", longest=longest)
    own = Corpus(
        "c",
        "conll",
        Options(TAGGED, gold=False),
        {"train": sentences, "valid": []},
        "utf-8",
        {},
        config,
        {},
        {},
        kind,
    )
    pieces = own.pieces("train")
    assert all(1 <= len(p.words) <= longest for p in pieces)
    assert all(len(p.words) == len(p.tags or []) == len(p.features["pos"]) for p in pieces)
    chained = itertools.chain.from_iterable
    assert list(chained(p.words for p in pieces)) == list(chained(s.words for s in sentences))
    assert list(chained(p.tags or [] for p in pieces)) == list(chained(s.tags or [] for s in sentences))
    assert list(chained(p.features["pos"] for p in pieces)) == list(chained(s.features["pos"] for s in sentences))
    short = [s for s in sentences if len(s.words) <= longest]
    assert all(any(p is s for p in pieces) for s in short)
    assert [len(s.words) for s in sentences] == lengths  # the originals are as they were
    assert own.pieces("valid") == []


@pytest.mark.parametrize(
    ("name", "sentences", "tokens", "spans", "scheme"),
    [
        ("conll2000", [8936, 2012], [211727, 47377], [106978, 23852], "iob2"),
        ("wnut17", [3394, 1009, 1287], [62730, 15733, 23394], [1975, 836, 1079], "iob2"),
        ("ud-en-ewt", [12544, 2001, 2077], [204577, 25147, 25094], None, None),
    ],
)
def test_named_sets_have_their_published_sizes(
    data_folder: Path,
    name: str,
    sentences: list[int],
    tokens: list[int],
    spans: list[int] | None,
    scheme: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SEQCLI_DATA", str(data_folder))
    own = open_corpus(Config(train=name), tmp_path)
    splits = list(own.splits.values())
    if name == "conll2000":  # a tenth of the training split is held out: its end
        assert len(own.splits["valid"]) == 894
        splits = [own.splits["train"] + own.splits["valid"], own.splits["test"]]
    assert [len(split) for split in splits] == sentences
    assert [sum(len(s.words) for s in split) for split in splits] == tokens
    assert (own.name, own.scheme) == (name, scheme)
    if spans:
        assert [sum(len(schemes.spans(s.tags or [])) for s in split) for split in splits] == spans
    else:
        assert len({tag for s in own.splits["train"] for tag in s.tags or []}) == 17
    assert "not the published" not in capsys.readouterr().err
