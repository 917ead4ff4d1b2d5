"""Where tokens stand in a picture of attention; the file that is drawn; what cannot be."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.errors import SeqcliError, UsageError
from seqcli.insight.attention import ENDINGS, WIDE, Looked, Placed, check, draw, layout


def looked(text: str, *tokens: tuple[int, int, float]) -> Looked:
    return Looked(text, tokens, "good", 0.75)


def words(text: str) -> Looked:
    found, at = [], 0
    for word in text.split():
        at = text.index(word, at)
        found.append((at, at + len(word), 1.0))
        at += len(word)
    return looked(text, *found)


def test_words_stand_a_space_apart_and_pieces_side_by_side() -> None:
    row = looked("It's  fine", (0, 2, 0.1), (2, 4, 0.2), (6, 8, 0.3), (8, 10, 0.4))
    assert layout(row) == [
        Placed("It", 0.1, 0, 0),
        Placed("'s", 0.2, 0, 2),
        Placed("fi", 0.3, 0, 5),
        Placed("ne", 0.4, 0, 7),
    ]
    assert layout(looked("")) == []


def test_wide_characters_take_two_columns_and_marks_none() -> None:
    row = looked("日本e\u0301x", (0, 2, 0.5), (2, 4, 0.25), (4, 5, 0.25))
    assert [p.column for p in layout(row)] == [0, 4, 5]


def test_what_has_no_picture_is_a_box_spaces_and_line_ends_are_shown() -> None:
    row = looked("a \n\u200bz", *((i, i + 1, 0.2) for i in range(5)))
    assert [p.text for p in layout(row)] == ["a", "\u2423", "\u21b5", "\u25a1", "z"]


@given(st.text(st.sampled_from("ab 日e\u0301"), max_size=400))
def test_lines_are_filled_in_order_and_tokens_never_overlap(text: str) -> None:
    row, at = words(text), [(0, 0)]
    placed = layout(row)
    assert [p.text for p in placed] == text.split()
    for p in placed:
        line, column = at[-1]
        assert p.line in (line, line + 1)
        assert p.column >= column if p.line == line else p.column == 0
        width = sum(0 if c == "\u0301" else 2 if c == "日" else 1 for c in p.text)
        assert p.column + width <= WIDE or p.column == 0  # a token that is wider stands alone
        if p.line > line:
            assert column + 1 + width > WIDE  # it would not have fitted
        at.append((p.line, p.column + width))


HARD = [
    words("a gripping, beautifully shot film " * 12),
    looked("$5 & <b> \\frac{1}{2} 日本 \x00 שלום 👍", (0, 2, 0.9), (3, 4, 0.1), (5, 8, 0.0), (9, 20, 0.0)),
    Looked("", [], "a $label$", 1.0),
    looked("never looked at", (0, 5, 0.0), (6, 12, 0.0)),
]


@pytest.mark.filterwarnings("error")  # for characters that no font has: a person can do nothing about them
@pytest.mark.parametrize(("ending", "magic"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")])
def test_a_picture_is_drawn(tmp_path: Path, ending: str, magic: bytes) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / f"seen{ending}"
    check(str(path))
    draw(HARD, str(path))
    assert path.read_bytes().startswith(magic)
    draw([], str(path))  # nothing was read: an empty picture


def test_the_darkest_ground_is_the_token_looked_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figure = pytest.importorskip("matplotlib.figure")
    grounds: list[tuple[str, Any, float, float]] = []
    drawn: list[tuple[str, Any, float, float]] = []

    def text(self: Any, x: float, y: float, s: str, **more: Any) -> None:
        (grounds if "bbox" in more else drawn).append((s, more, x, y))

    monkeypatch.setattr(figure.Figure, "text", text)
    rows = [looked("a b c", (0, 1, 0.2), (2, 3, 0.6), (4, 5, 0.2)), looked("d $", (0, 1, 0.05), (2, 3, 0.95))]
    draw(rows, str(tmp_path / "x.png"))
    assert [s for s, *_ in drawn] == ["good  0.7500", "a", "b", "c", "good  0.7500", "d", r"\$"]
    letters = [(s, x, y) for s, more, x, y in drawn if "weight" not in more]
    assert [(s, x, y) for s, _, x, y in grounds] == letters  # each letter over what is behind all of them
    assert {more["zorder"] for _, more, *_ in grounds} == {1}
    assert {more.get("zorder", 2) for _, more, *_ in drawn} == {2}
    alpha = [more["bbox"]["facecolor"][3] / 0.85 for _, more, *_ in grounds]
    assert alpha == pytest.approx([1 / 3, 1, 1 / 3, 1 / 19, 1])
    assert all(0 < x < 1 and 0 < y < 1 for *_, x, y in drawn)
    assert drawn[1][2] < drawn[2][2] < drawn[3][2]  # from left to right
    assert drawn[0][3] > drawn[1][3] == drawn[2][3] > drawn[4][3] > drawn[5][3]  # from top to bottom


@pytest.mark.parametrize("path", ["seen.gif", "seen", "png", ".png", "seen.png.txt"])
def test_other_endings_are_no_pictures(path: str) -> None:
    with pytest.raises(UsageError, match="not the name of a picture"):
        check(path)
    assert ENDINGS == (".png", ".svg", ".pdf")


def test_without_matplotlib_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def absent(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == "matplotlib":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(SeqcliError, match="drawing needs matplotlib") as error:
        check("seen.PNG")
    assert "seqcli[report]" in error.value.hint


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    with pytest.raises(SeqcliError, match="cannot write"):
        draw(HARD[:1], str(tmp_path / "none" / "x.png"))
