"""The data sets made from a seed: a reader of its own finds each date again, and every Python makes the same."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from functools import cache
from pathlib import Path

import pytest
import yaml

from seqcli.datasets import catalog, dates, reverse
from seqcli.datasets.dates import MONTHS, SHORT, WEEKDAYS, day_words, meanings, typos
from seqcli.errors import SeqcliError
from seqcli.tasks.sequence_to_sequence.data import Config, open_corpus

CATALOG = Path(catalog.__file__).with_name("catalog")


@cache
def splits() -> dict[str, list[tuple[str, str]]]:
    """All of the data set, made once."""
    return dates.splits()


def all_pairs() -> list[tuple[str, str]]:
    """Of all splits."""
    return [pair for pairs in splits().values() for pair in pairs]


def distance(a: str, b: str) -> int:
    """Damerau's: letters inserted, dropped, replaced, or swapped with the next."""
    rows = [list(range(len(b) + 1))]
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            row.append(min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (x != y)))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                row[j] = min(row[j], rows[-2][j - 2] + 1)
        rows.append(row)
    return rows[-1][-1]


def mistyped(wrong: str, word: str) -> bool:
    """Whether one letter of the word is doubled, dropped, or swapped with the next."""
    if len(wrong) > len(word):
        return any(wrong[i] == wrong[i + 1] and wrong[:i] + wrong[i + 1 :] == word for i in range(len(word)))
    if len(wrong) < len(word):
        return any(word[:i] + word[i + 1 :] == wrong for i in range(len(word)))
    return any(word[:i] + word[i + 1] + word[i] + word[i + 2 :] == wrong for i in range(len(word) - 1))


MONTH_OF = {w.lower(): m for t in (MONTHS, SHORT) for names in t.values() for m, w in enumerate(names.split(), 1)}
DAY_OF = {w.lower(): d for language in MONTHS for d, w in enumerate(day_words(language), 1)}
DAY_OF |= {f"{w}n": d for d, w in enumerate(day_words("de"), 1)}
DAY_OF |= {w.replace("ß", "ss"): d for w, d in DAY_OF.items() if "ß" in w}
WEEKDAY_OF = {w.lower(): n for names in WEEKDAYS.values() for n, w in enumerate(names.split())}
SMALL = {"of", "the", "den", "der", "am", "le", "de", "del", "el", "il", "op", "l'"}
TABLES = (("month", MONTH_OF), ("day", DAY_OF), ("week", WEEKDAY_OF))
KNOWN = [(what, number, word, frozenset(word)) for what, table in TABLES for word, number in table.items()]


@cache
def near(word: str) -> frozenset[tuple[str, int]]:
    """What a word can mean: exactly, else what is one typing error away."""
    found = frozenset((what, number) for what, number, other, _ in KNOWN if other == word)
    letters = frozenset(word)
    close = [k for k in KNOWN if abs(len(k[2]) - len(word)) < 2 and len(k[3] ^ letters) < 2]
    return found or frozenset((what, number) for what, number, other, _ in close if mistyped(word, other))


def numeric(text: str) -> date | None:
    """A date of digits alone."""
    if m := re.fullmatch(r"(\d{4})([-/]?)(\d{1,2})\2(\d{1,2})", text):
        return date(int(m[1]), int(m[3]), int(m[4]))
    if m := re.fullmatch(r"(\d+)\. *(\d+)\. *(\d{4}|\d\d)", text):
        return date(century(m[3]), int(m[2]), int(m[1]))
    if m := re.fullmatch(r"(\d+)([-/])(\d+)\2(\d{4})", text):
        first, second = int(m[1]), int(m[3])
        assert (first > 12) != (second > 12), text
        return date(int(m[4]), min(first, second), max(first, second))
    return None


def century(year: str) -> int:
    return int(year) if len(year) == 4 else 1900 + int(year) if int(year) >= 50 else 2000 + int(year)


def parse(text: str) -> date:
    """Written without the generator's rules: the fields are told by what they look like."""
    text = text.lower()
    if found := numeric(text):
        return found
    (year,) = re.findall(r"(?<!\d)\d{4}(?!\d)|(?<!l)'\d\d\b", text)
    rest = text.replace(year, " ")
    digits = re.findall(r"\d+", rest)
    rest = re.sub(r"\d+(st|nd|rd|th|er|e|º)?", " ", rest)
    words = [w for w in re.split(r"[\s,.]+|-(?=\W|$)|(?<=\s)-", rest) if w and w not in SMALL]
    words = [w.removeprefix("l'").strip("-") for w in words]
    words = [w for w in words if w]
    told: dict[str, int] = {}
    while words:  # the longest phrase that means something: "trente et un"
        for count in (3, 2, 1):
            meant = near(" ".join(words[:count])) if len(words) >= count else frozenset()
            if {what for what, _ in meant} == {"day", "month"}:  # sept: a number, and short for septembre
                meant = {(what, n) for what, n in meant if (what == "day") == (not digits)}
            if meant:
                assert len(meant) == 1, (text, words[:count], meant)
                ((what, number),) = meant
                assert what not in told, (text, what)
                told[what], words = number, words[count:]
                break
        else:
            raise AssertionError(f"{text!r}: {words[0]!r} means nothing")
    assert ("day" in told) + len(digits) == 1, text
    found = date(century(year.strip("'")), told["month"], told.get("day") or int(digits[0]))
    assert told.get("week", found.weekday()) == found.weekday(), text
    return found


def test_each_source_is_the_date_that_it_says() -> None:
    for source, target in all_pairs():
        assert parse(source).isoformat() == target, source


def test_counts_and_no_source_twice() -> None:
    assert {split: len(pairs) for split, pairs in splits().items()} == {
        "train": 40_000,
        "valid": 1_000,
        "test": 1_000,
    }
    assert len({source for source, _ in all_pairs()}) == len(all_pairs())
    assert not any(re.search(r"[\t\n]|^ | $", source) for source, _ in all_pairs())


def test_days_are_drawn_evenly() -> None:
    days = [date.fromisoformat(target) for _, target in all_pairs()]
    assert (min(days).year, max(days).year) == (1900, 2099)
    decades = Counter(day.year // 10 for day in days)
    assert len(decades) == 20
    assert all(abs(count - len(all_pairs()) / 20) < 6 * (len(all_pairs()) / 20) ** 0.5 for count in decades.values())


def test_words_mean_one_thing_and_so_do_typing_errors() -> None:
    """No name stands for two months or two days, in whatever language; sept alone is a day and a month in French,
    which writes it with a full month as a day, and with a day in digits as a month."""
    clean: dict[str, set[tuple[str, int]]] = {}
    for what, table in (("month", MONTH_OF), ("day", DAY_OF), ("week", WEEKDAY_OF)):
        for word, number in table.items():
            clean.setdefault(word, set()).add((what, number))
    assert {word for word, meant in clean.items() if len(meant) > 1} == {"sept"}
    assert sum(len(names.split()) for t in (MONTHS, SHORT) for names in t.values()) == 12 * 12
    assert all(len(day_words(language)) == 31 == len(set(day_words(language))) for language in MONTHS)
    assert all(len(names.split()) == len(set(names.split())) == 7 for names in WEEKDAYS.values())
    known = meanings()
    assert known["jui"] >= {("month", 6), ("month", 7)}  # of Juni and of Juli: never written
    for source, _ in all_pairs():
        assert not re.search(r"\bjui\b", source.lower())


def test_typing_errors_are_one_letter() -> None:
    assert set(typos("abb")) == {"aabb", "bb", "bab", "abbb", "ab"}
    assert list(typos("3")) == []
    for word in ("twenty-first", "août", "vingt et un", "dreißigste"):
        assert all(distance(word, wrong) == 1 or wrong == word for wrong in typos(word))


@pytest.mark.parametrize(
    ("pattern", "least", "most"),
    [
        (r"^the \d+(st|nd|rd|th) of [A-Z]", 0.005, 0.05),
        (r"twenty-first", 0.0001, 0.01),
        (r"^\d{4}-\d\d-\d\d$", 0.003, 0.02),
        (r"^\d+\.\d+\.\d+$", 0.01, 0.06),
        (r"'\d\d$", 0.01, 0.1),
        (r"  | ,", 0.03, 0.12),
        (r"[äéûüßáëèº]", 0.02, 0.3),
        (r"^[^a-z]*[A-Z][^a-z]*$", 0.05, 0.12),
        (r"^[^A-Z]*[a-z][^A-Z]*$", 0.4, 0.75),
    ],
)
def test_the_mixture(pattern: str, least: float, most: float) -> None:
    share = sum(bool(re.search(pattern, source)) for source, _ in all_pairs()) / len(all_pairs())
    assert least < share < most, share


def test_a_part_has_typing_errors() -> None:
    right = {w for t in (MONTH_OF, DAY_OF, WEEKDAY_OF) for phrase in t for w in re.split(r"[ -]", phrase)}
    right |= SMALL | {"st", "nd", "rd", "th", "er", "e", "l"}
    wrong = [s for s, _ in all_pairs() if set(re.findall(r"[^\W\d_]+", s.lower())) - right]
    assert 0.12 < len(wrong) / len(all_pairs()) < 0.3


def test_reversed_strings() -> None:
    found = reverse.splits()
    assert {split: len(pairs) for split, pairs in found.items()} == {"train": 10_000, "valid": 500, "test": 500}
    whole = [pair for pairs in found.values() for pair in pairs]
    assert len({source for source, _ in whole}) == len(whole)
    assert all(re.fullmatch("[a-z]{1,20}", s) and t == s[::-1] for s, t in whole)
    lengths = Counter(len(source) for source, _ in whole)
    assert set(lengths) == set(range(1, 21))
    assert all(400 < lengths[n] < 700 for n in range(3, 21))
    assert len({len(source) for source, _ in found["test"]}) > 17
    assert reverse.splits(2) != found


@pytest.mark.parametrize("name", ["dates", "reverse"])
def test_they_are_written_into_the_cache_once(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEQCLI_CACHE", str(tmp_path))
    made = splits() if name == "dates" else reverse.splits()
    monkeypatch.setattr(dates if name == "dates" else reverse, "splits", lambda: made)
    own = open_corpus(Config(train=name), Path())
    assert {s: [(p.text, p.target) for p in pairs] for s, pairs in own.splits.items()} == made
    assert own.name == name
    files = sorted((tmp_path / "data").iterdir())
    known = yaml.safe_load((CATALOG / f"{name}.yaml").read_text())["sha256"]
    assert [f.name for f in files] == sorted(f"{name}-{s}-{known[s][:12]}.tsv" for s in known)
    before = [f.stat().st_mtime_ns for f in files]
    open_corpus(Config(train=name), Path())
    assert [f.stat().st_mtime_ns for f in files] == before
    files[0].write_text("damaged\n")
    assert open_corpus(Config(train=name), Path()).facts() == own.facts()
    assert capsys.readouterr().err == ""  # the files are the published ones, on every Python


def test_another_content_than_the_published_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEQCLI_CACHE", str(tmp_path))
    monkeypatch.setattr(reverse, "splits", lambda: {s: [("ab", "ba")] for s in ("test", "valid", "train")})
    open_corpus(Config(train="reverse"), Path())
    assert capsys.readouterr().err.count("is not the published reverse") == 3


def test_what_is_not_built_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQCLI_DATA", str(tmp_path))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "data.yaml").write_text("builtin: date\nformat: tsv\n")
    with pytest.raises(SeqcliError, match=r"data\.yaml:1: builtin: must be one of .* did you mean 'dates'"):
        open_corpus(Config(train="mine"), Path())
