"""Real data sets of pairs: the counts that they publish, and that the sides are what they should be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from seqcli.errors import SeqcliError
from seqcli.records._slip import slip
from seqcli.tasks.sequence_to_sequence.data import Config, Corpus, open_corpus

LANGUAGES = ("french", "greek", "hindi", "hungarian", "icelandic", "korean")
SIZES = {
    "multi30k-en-de": (29_000, 1_014, 1_000),
    "multi30k-de-en": (29_000, 1_014, 1_000),
    "scan-simple": (16_728 - 836, 836, 4_182),
    "scan-length": (16_990 - 850, 850, 3_920),
    "scan-jump": (14_670 - 734, 734, 7_706),
    **{f"g2p-{language}": (3_600, 450, 450) for language in LANGUAGES},
    **{f"inflection-{language}": (10_000, 1_000, 1_000) for language in ("german", "spanish", "turkish")},
    **{f"inflection-{language}-1000": (1_000, 1_000, 1_000) for language in ("german", "spanish", "turkish")},
}


@pytest.fixture
def named(data_folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SEQCLI_DATA", str(data_folder))

    def find(name: str) -> Corpus:
        try:
            return open_corpus(Config(train=name), Path())
        except SeqcliError as error:
            pytest.skip(error.message)

    return find


@pytest.mark.parametrize("name", SIZES)
def test_sizes(named, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    own = named(name)
    assert tuple(len(own.splits[s]) for s in ("train", "valid", "test")) == SIZES[name]
    assert all(p.text and p.target for pairs in own.splits.values() for p in pairs)
    assert capsys.readouterr().err == ""  # nothing is left out, and the files are the published ones


def test_multi30k(named) -> None:
    own, back = named("multi30k-en-de"), named("multi30k-de-en")
    test = own.splits["test"]
    assert test[0].text == "a man in an orange hat starring at something ."
    assert test[0].target == "ein mann mit einem orangefarbenen hut , der etwas anstarrt ."
    for split, pairs in own.splits.items():
        assert [(p.target, p.text) for p in pairs] == [(p.text, p.target) for p in back.splits[split]]
    assert sum(len(p.text.split()) for p in own.splits["train"]) == 377_534  # as its README says
    assert sum(len((p.target or "").split()) for p in own.splits["train"]) == 360_706


def test_scan(named) -> None:
    for part, train, test in (("simple", 48, 48), ("length", 22, 48)):
        own = named(f"scan-{part}")
        longest = {s: max(len((p.target or "").split()) for p in pairs) for s, pairs in own.splits.items()}
        assert (max(longest["train"], longest["valid"]), longest["test"]) == (train, test)  # Lake and Baroni (2018)
    own = named("scan-jump")
    assert {p.text for s in ("train", "valid") for p in own.splits[s] if "jump" in p.text} == {"jump"}
    assert all("jump" in p.text and "I_JUMP" in (p.target or "") for p in own.splits["test"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_g2p(named, language: str) -> None:
    own = named(f"g2p-{language}")
    words = [p.text for pairs in own.splits.values() for p in pairs]
    assert len(set(words)) == len(words) == 4_500
    assert not any(" " in word for word in words)
    phonemes = {p for pair in own.splits["train"] for p in (pair.target or "").split(" ")}
    assert "" not in phonemes
    assert len(phonemes) < 100


@pytest.mark.parametrize("at", [500, 15_000, 28_000])
def test_a_line_too_many_is_found_by_the_lengths(named, at: int) -> None:
    pairs = named("multi30k-en-de").splits["train"]
    source, target = [p.text for p in pairs], [p.target or "" for p in pairs]
    extra = [*target[:at], "ein mann .", *target[at:]]
    said = re.search(r"is de:(\d+) superfluous", slip("en", source, "de", extra))
    assert said
    assert abs(int(said[1]) - (at + 1)) <= 10
    assert slip("en", source, "de", target[:at]) == f"de ends where en:{at + 1} continues"
