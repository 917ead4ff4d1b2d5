"""Spoken digits and numbers: which recording is in which split, and that a joined one is what it is joined of."""

from __future__ import annotations

import re
import wave
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from seqcli.datasets import catalog, numbers, spoken_numbers
from seqcli.errors import SeqcliError

SPLITS = ("train", "valid", "test")
NAMES = ("", *(f"-without-{speaker}" for speaker in "abcdef"))


def sound(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (8_000, 2, 1)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def write(path: Path, samples: np.ndarray, rate: int = 8_000) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(samples.astype("<i2").tobytes())


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """$SEQCLI_DATA with a recording of a few samples, none of them 0, for each that there is."""
    folder = tmp_path_factory.mktemp("a folder") / "spoken-digits" / "recordings"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(1)
    for digit in range(10):
        for speaker in "abcdef":
            for index in range(50):
                write(folder / f"{digit}_{speaker}_{index}.wav", rng.integers(1, 9_999, rng.integers(5, 20)))
    return folder.parent.parent


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache of it")


@pytest.fixture
def found(home, cache, monkeypatch):
    """Where the sets are looked for and made; gives the records of a named set: column by column, by split."""
    monkeypatch.setenv("SEQCLI_DATA", str(home))
    monkeypatch.setenv("SEQCLI_CACHE", str(cache))

    def records(name: str) -> dict[str, list[dict[str, str]]]:
        rows = {}
        for split, (path,) in catalog.find(name).files.items():
            header, *lines = [line.split("\t") for line in path.read_text().splitlines()]
            rows[split] = [{"folder": str(path.parent), **dict(zip(header, line, strict=True))} for line in lines]
        return rows

    return records


def test_digits_are_read_in_place_as_the_publishers_split_them(found, home, cache, capsys):
    rows = found("spoken-digits")
    assert {split: len(rows[split]) for split in SPLITS} == {"train": 2_400, "valid": 300, "test": 300}
    for split, indices in (("train", range(10, 50)), ("valid", range(5, 10)), ("test", range(5))):
        for row in rows[split]:
            path = Path(row["text"])
            assert path.parent == home / "spoken-digits" / "recordings"
            digit, speaker, index = path.stem.split("_")
            assert (row["label"], row["speaker"]) == (digit, speaker)
            assert int(index) in indices
    assert sound(Path(rows["test"][0]["text"])).size
    assert not list(cache.rglob("?_*.wav"))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("kind", ["digits", "numbers"])
def test_a_speaker_held_out_is_the_test_split(found, kind):
    role = "text" if kind == "digits" else "source"
    known = found(f"spoken-{kind}")
    for out in "abcdef" if kind == "digits" else "cf":
        rows = found(f"spoken-{kind}-without-{out}")
        assert {row["speaker"] for row in rows["test"]} == {out}
        assert len(rows["test"]) == 500
        for split in ("train", "valid"):
            assert {row["speaker"] for row in rows[split]} == set("abcdef") - {out}
            assert {row[role] for row in rows[split]} < {row[role] for row in known[split]}


def test_numbers_are_their_recordings_joined(found, home):
    for split, rows in found("spoken-numbers").items():
        assert len(rows) == 6 * spoken_numbers.COUNTS[split]
        pauses = []
        for row in rows:
            names = row["recordings"].split(" ")
            assert [name[0] for name in names] == row["target"].split(" ")
            assert {name.split("_")[1] for name in names} == {row["speaker"]}
            made = sound(Path(row["folder"], row["source"]))
            places = [tuple(map(int, place.split("-"))) for place in row["places"].split(" ")]
            assert (places[0][0], places[-1][1]) == (0, len(made))
            for name, (begin, end) in zip(names, places, strict=True):
                one = sound(home / "spoken-digits" / "recordings" / f"{name}.wav")
                np.testing.assert_array_equal(made[begin:end], one)
            for (_, end), (begin, _) in pairwise(places):
                assert not made[end:begin].any()
                pauses.append(begin - end)
        assert {0} < set(pauses) <= {0, *range(160, 641)}
        assert 0.4 < pauses.count(0) / len(pauses) < 0.6


def test_no_recording_and_no_number_is_in_two_splits(found):
    rows = found("spoken-numbers")
    heard = {split: {name for row in rows[split] for name in row["recordings"].split(" ")} for split in SPLITS}
    said = {split: {row["target"] for row in rows[split]} for split in SPLITS}
    for one, other in (("train", "valid"), ("train", "test"), ("valid", "test")):
        assert not heard[one] & heard[other]
        assert not said[one] & said[other]
    assert {int(name.split("_")[2]) for name in heard["test"]} == set(range(5))
    assert {int(name.split("_")[2]) for name in heard["valid"]} == set(range(5, 10))


def test_numbers_have_the_form_of_their_kind(found):
    forms = {
        "year": r"1[1-9]\d\d|20[0-2]\d",
        "price": r"[1-9]\d?\d[059]",
        "telephone": r"0(30|40|69|89)[1-9]\d\d",
    }
    rows = [row for rows in found("spoken-numbers").values() for row in rows]
    for row in rows:
        assert re.fullmatch(forms[row["kind"]], row["target"].replace(" ", "")), row
    assert min(Counter(row["kind"] for row in rows).values()) > 0.08 * len(rows)
    lines = {split: [line for (line,) in made] for split, made in numbers.splits().items()}
    assert {split: len(made) for split, made in lines.items()} == numbers.COUNTS
    assert numbers.splits() == {split: [(line,) for line in made] for split, made in lines.items()}
    assert all(re.fullmatch("|".join(forms.values()), line.replace(" ", "")) for line in lines["train"])


def test_a_seed_makes_the_same_bytes(home):
    one, again, other = (dict(spoken_numbers.files(home / "spoken-digits", seed)) for seed in (3, 3, 4))
    assert one == again
    assert one["test.tsv"] != other["test.tsv"]


def test_other_recordings_are_said(found, capsys):
    found("spoken-numbers")
    assert "is not the published spoken-numbers" in capsys.readouterr().err


@pytest.mark.parametrize("name", [f"spoken-{kind}{which}" for kind in ("digits", "numbers") for which in NAMES])
def test_recordings_that_are_not_there(name, tmp_path, monkeypatch):
    monkeypatch.setenv("SEQCLI_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("SEQCLI_CACHE", str(tmp_path / "cache"))
    with pytest.raises(SeqcliError) as caught:
        catalog.find(name)
    assert f"the data set '{name}' is not on this machine; looked for" in caught.value.message
    assert str(tmp_path / "data" / "spoken-digits") in caught.value.message
    assert "SEQCLI_DATA" in (caught.value.hint or "")
    recordings = tmp_path / "data" / "spoken-digits" / "recordings"
    recordings.mkdir(parents=True)
    with pytest.raises(SeqcliError, match=r"the data set 'spoken-digits' lacks recordings/0_a_0\.wav in "):
        catalog.find(name)


def test_a_recording_that_is_none(tmp_path):
    write(path := tmp_path / "one.wav", np.arange(9), rate=16_000)
    with pytest.raises(SeqcliError, match="must be 8 kHz"):
        spoken_numbers.samples(path)
    path.write_bytes(b"RIFF")
    with pytest.raises(SeqcliError, match="not readable as a WAV file"):
        spoken_numbers.samples(path)
