"""Two files line by line: the name of the other one, counts that must agree, and where they lost step."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.examples import examples

from seqcli.errors import SeqcliError, UsageError
from seqcli.records import PAIRED, Options, Pair, as_read
from seqcli.records._slip import slip
from seqcli.records.lines import Reader, target_name
from seqcli.streams import Chunk, read_text

quick = settings(max_examples=examples(80), suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def both(tmp_path: Path) -> Callable[..., list[Pair]]:
    """`both(english, german, **options)`: the pairs of two files."""

    def read(source: str, target: str, cuts: Iterable[int] | None = None, **options: Any) -> list[Pair]:
        encoding = options.get("encoding", "utf-8")
        (tmp_path / "t.en").write_bytes(source.encode(encoding))
        (tmp_path / "t.de").write_bytes(target.encode(encoding))
        reader = Reader(Options(PAIRED, **{"target": "de", **options}))
        chunks: Iterable[Chunk] = read_text([tmp_path / "t.en"], encoding=encoding)
        if cuts is not None:
            lines = re.findall(r"[^\n]*\n|[^\n]+", source)
            bounds = sorted({0, len(lines), *(c for c in cuts if c < len(lines))})
            chunks = [Chunk("".join(lines[a:b]), str(tmp_path / "t.en"), a + 1) for a, b in pairwise(bounds)]
        return [pair for chunk in chunks for pair in reader.feed(chunk)] + list(reader.close())

    return read


# names


@pytest.mark.parametrize(
    ("name", "source", "target", "expected"),
    [
        ("train.en", None, "de", "train.de"),
        ("train.en", "en", "de", "train.de"),
        ("src-train.txt", "src", "tgt", "tgt-train.txt"),
        ("train_src", "src", "tgt", "train_tgt"),
        ("en.train.en", "en", "de", "en.train.de"),
        ("en-de.train.en.txt", "en", "de", "en-de.train.de.txt"),
        ("a.zh-CN", "zh-CN", "en", "a.en"),
        ("taken.en", "en", "de", "taken.de"),  # whole parts alone
        ("train.lc.norm.tok.en", "en", "de", "train.lc.norm.tok.de"),
        ("x.a+b", None, r"\1", r"x.\1"),
    ],
)
def test_the_name_of_the_other_file(name: str, source: str | None, target: str, expected: str) -> None:
    assert target_name(name, Options(PAIRED, source=source, target=target)) == expected


@pytest.mark.parametrize(
    ("name", "options", "message", "hint"),
    [
        ("train.en", {}, "train.en: which file has the targets of its lines?", "with target: de, train.en goes with"),
        ("train", {"target": "de"}, "train: the file's name has no ending, so", "data.source"),
        ("train.txt", {"source": "en", "target": "de"}, "train.txt: no part of the file's name is 'en', so", "between . - _"),
        ("taken.txt", {"source": "en", "target": "de"}, "taken.txt: no part of the file's name is 'en', so", "data.source"),
        ("train.de", {"target": "de"}, "train.de: 'de' is both the source and the target", "source: en and target: de"),
    ],
)  # fmt: skip
def test_names_that_tell_no_other(name: str, options: Any, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as error:
        target_name(name, Options(PAIRED, **options))
    assert error.value.message.startswith(message)
    assert hint in error.value.hint


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "train.en").write_text("a\n")
    (tmp_path / "train.ger").write_text("a\n")
    with pytest.raises(SeqcliError) as error:
        list(Reader(Options(PAIRED, target="de")).feed(Chunk("a\n", str(tmp_path / "train.en"), 1)))
    wanted = f"no such file: {tmp_path / 'train.de'}: it should hold the targets of {tmp_path / 'train.en'}"
    assert error.value.message == wanted
    assert error.value.hint.startswith("'en' in the name train.en is replaced by data.target, 'de'\ndid you mean")
    with pytest.raises(UsageError, match="standard input has no companion file"):
        list(Reader(Options(PAIRED, target="de")).feed(Chunk("a\n", "<stdin>", 1)))


# pairs

text_line = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\ufeff"), max_size=5)


@given(st.lists(st.tuples(text_line, text_line), min_size=1, max_size=8), st.data())
@quick
def test_a_line_goes_with_the_line_of_its_number(both: Any, rows: list[tuple[str, str]], data: st.DataObject) -> None:
    """Blank lines too, whatever ends the lines, whether the last has an end, with or without a byte order mark."""
    ends, marks, last = (data.draw(st.tuples(st.sampled_from(c), st.sampled_from(c))) for c in (("\n", "\r\n"), ("", "\ufeff"), (True, False)))  # fmt: skip
    sides = []
    for side in (0, 1):
        whole = marks[side] + "".join(row[side] + ends[side] for row in rows)
        sides.append(whole if last[side] or not rows[-1][side] else whole.removesuffix(ends[side]))
    cuts = data.draw(st.none() | st.sets(st.integers(0, len(rows))))
    pairs = both(*sides, cuts)
    assert [(p.text, p.target) for p in pairs] == rows
    assert [p.line for p in pairs] == [*range(1, len(rows) + 1)]
    assert "".join("".join(as_read(p)) for p in pairs) == sides[0]


def test_places_are_in_both_files(both: Any, tmp_path: Path) -> None:
    pair = both("a\nb\n", "A\nB\n")[1]
    assert (pair.place(), pair.place(target=True)) == (f"{tmp_path}/t.en:2:1", f"{tmp_path}/t.de:2:1")


def test_both_files_are_in_the_encoding(both: Any) -> None:
    assert [(p.text, p.target) for p in both("é\n", "ü\n", encoding="latin-1")] == [("é", "ü")]
    path = both("a\n", "ü\n", encoding="latin-1")[0].source  # plain ASCII; the other file is not UTF-8
    reader = Reader(Options(PAIRED, target="de"))
    with pytest.raises(SeqcliError, match=r"t\.de:1:1: byte 0xfc is not valid UTF-8"):
        list(reader.feed(Chunk("a\n", path, 1)))


def test_files_follow_each_other(tmp_path: Path) -> None:
    for name, text in (("a.en", "1\n2"), ("a.de", "I\nII"), ("b.en", "3\n"), ("b.de", "III\n")):
        (tmp_path / name).write_text(text)
    reader = Reader(Options(PAIRED, target="de"))
    found: list[Pair] = []
    for name in ("a.en", "b.en"):
        found += list(reader.feed(Chunk((tmp_path / name).read_text(), str(tmp_path / name), 1)))
    found += list(reader.close())
    assert [(p.text, p.target, p.line) for p in found] == [("1", "I", 1), ("2", "II", 2), ("3", "III", 1)]


def test_a_filter_reads_one_file_and_needs_no_other() -> None:
    reader = Reader(Options(PAIRED, gold=False))
    assert [(p.text, p.target) for p in reader.feed(Chunk("a\n\nb\n", "<stdin>", 1))] == [("a", None), ("", None), ("b", None)]  # fmt: skip
    assert list(reader.close()) == []


# counts


@pytest.mark.parametrize(("source", "target"), [("a\nb\n", "A\n"), ("a\n", "A\nB\n"), ("a\nb", ""), ("a\n\n", "A\n")])
def test_counts_must_agree(both: Any, tmp_path: Path, source: str, target: str) -> None:
    with pytest.raises(SeqcliError) as error:
        both(source, target)
    counts = [len(side.split("\n")) - side.endswith("\n") - (side == "") for side in (source, target)]
    en, de = tmp_path / "t.en", tmp_path / "t.de"
    assert error.value.message == f"{en} has {counts[0]} lines, {de} has {counts[1]}: each line must have its counterpart"  # fmt: skip
    first, second = (en, de) if counts[0] > counts[1] else (de, en)
    blank = not "".join(max(source, target, key=lambda s: s.count("\n")).split("\n")[min(counts) :]).strip()
    goes_on = "is blank: is that line superfluous?" if blank else "continues"
    assert error.value.hint == f"{second} ends where {first}:{min(counts) + 1} {goes_on}"


def test_a_blank_line_suggests_the_slip(both: Any, tmp_path: Path) -> None:
    rows = [f"{i} word{'s' * (i % 7)}" for i in range(1, 30)]
    slipped = [*rows[:11], " ", *rows[11:]]
    for target, source in ((rows, slipped), (slipped, rows)):
        with pytest.raises(SeqcliError) as error:
            both("\n".join(source) + "\n", "\n".join(target) + "\n")
        blank, other = ("en", "de") if source is slipped else ("de", "en")
        assert error.value.hint.startswith(f"{tmp_path}/t.{blank}:12 is blank, {tmp_path}/t.{other}:12 is not")


def test_blank_lines_that_have_no_counterpart_are_no_slip() -> None:
    source, target = corpus(300, 3)
    source[20] = target[40] = source[60] = target[60] = ""
    assert slip("a", source, "b", [*target, ""]) == "a ends where b:301 is blank: is that line superfluous?"
    target[100:100] = [""]
    assert slip("a", source, "b", target).startswith("b:101 is blank, a:101 is not")


def corpus(count: int, seed: int) -> tuple[list[str], list[str]]:
    """Lines of lengths that go together loosely, as those of a translation do."""
    rng = random.Random(seed)
    lengths = [rng.randint(10, 150) for _ in range(count)]
    return ["x" * n for n in lengths], ["y" * max(1, round(1.2 * n * rng.uniform(0.7, 1.4))) for n in lengths]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("more", [1, 3])
@pytest.mark.parametrize("longer", ["source", "target"])
def test_lengths_suggest_the_slip(seed: int, more: int, longer: str) -> None:
    source, target = corpus(300, seed)
    at = 40 + 30 * seed
    side = source if longer == "source" else target
    side[at:at] = ["z" * 60] * more
    hint = slip("a", source, "b", target)
    name = "a" if longer == "source" else "b"
    found = re.search(rf"(is {name}:(\d+) superfluous|are {more} lines from {name}:(\d+) superfluous)", hint)
    assert found, hint
    assert abs(int(found[2] or found[3]) - (at + 1)) <= 3


@pytest.mark.parametrize("seed", range(10))
def test_a_file_cut_short_is_no_slip(seed: int) -> None:
    source, target = corpus(200, seed)
    assert slip("a", source, "b", target[:-5]) == "b ends where a:196 continues"
    assert slip("a", source[:-1], "b", target) == "a ends where b:200 continues"
    other = corpus(100, seed + 100)[1]  # no counterparts at all
    assert slip("a", source, "b", other) == "b ends where a:101 continues"
