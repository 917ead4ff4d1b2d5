"""The picture of attention between two sequences, and the alignment that it comes to."""

from __future__ import annotations

import builtins
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.errors import SeqcliError, UsageError
from seqcli.insight import alignment
from seqcli.insight.alignment import CELL, ENDINGS, LONGEST, SIZE, SMALLEST, check, draw, pairs, pharaoh, scale

HARD = [
    "日本",
    "שלום",
    "مرحبا",
    "한국어",
    "हिन्दी",
    "\x00",
    "$x_1$",
    "<b>&",
    "👍",
    "a b",
    "",
    "e\u0301",
    "\ud800",
    "x" * 300,
]


def attention(rows: int, columns: int) -> np.ndarray:
    return np.random.default_rng(rows * 1000 + columns).dirichlet(np.full(columns, 0.1), rows)


@pytest.fixture
def figure(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Draws, and gives the figure instead of writing it."""
    pytest.importorskip("matplotlib")
    kept: list[Any] = []
    monkeypatch.setattr(alignment, "save", lambda figure, path: kept.append(figure))

    def drawn(source: Sequence[str], target: Sequence[str], weights: Any, title: str = "") -> Any:
        draw("x.png", list(source), list(target), weights, title)
        return kept[-1]

    return drawn


@pytest.mark.filterwarnings("error")  # for characters that no font has: a person can do nothing about them
@pytest.mark.parametrize(("ending", "magic"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")])
def test_a_picture_is_drawn(tmp_path: Path, ending: str, magic: bytes) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / f"seen{ending}"
    check(str(path))
    draw(str(path), HARD, HARD[::-1], attention(len(HARD), len(HARD)), title="$5 日本 <&> \\frac{1}{2}")
    assert path.read_bytes().startswith(magic)


@pytest.mark.filterwarnings("error")
def test_a_small_picture_is_drawn_and_an_empty_one(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "seen.png"
    draw(str(path), ["a"], ["b"], [[1.0]])
    for rows, columns in ((0, 0), (0, 2), (2, 0)):  # nothing was read, or nothing written
        draw(str(path), ["a"] * columns, ["b"] * rows, np.zeros((rows, columns)))
    draw(str(path), ["a"], ["b"], [[np.nan]])
    assert path.read_bytes().startswith(b"\x89PNG")


def test_nothing_is_said_on_stderr(tmp_path: Path) -> None:
    """matplotlib warns in two ways: by `warnings`, and in its log."""
    pytest.importorskip("matplotlib")
    code = (
        "import sys; from seqcli.insight.alignment import draw; "
        "draw(sys.argv[1], ['日本', 'שלום', '👍'], ['한국어'], [[.2, .3, .5]], '日')"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "x.svg")]
    again = [subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(2)]
    assert again[1].stderr == ""  # the first may have had to find the fonts of this machine


def test_rows_are_target_tokens_and_columns_source_tokens(figure: Any) -> None:
    weights = np.array([[0.004, 0.996, 0.0], [0.25, 0.25, 0.5]])
    drawn = figure(["a", "b", "c"], ["x", "$y$"], weights, "one $ two")
    axes = drawn.axes[0]
    (image,) = axes.images
    np.testing.assert_allclose(image.get_array(), weights, atol=1e-6)
    assert image.get_clim() == (0, 1)  # the same colours in every picture
    assert [t.get_text() for t in axes.get_xticklabels()] == ["a", "b", "c"]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["x", "$y$"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first target token is on top
    numbers = {t.get_position(): t.get_text() for t in axes.texts}
    assert numbers == {(1, 0): "1.00", (0, 1): ".25", (1, 1): ".25", (2, 1): ".50"}
    assert [t.get_text() for t in drawn.texts] == ["one $ two", "down: target   across: source   2 x 3"]


@pytest.mark.parametrize(  # each shape, each kind of word, and the longest words at the narrowest and the widest
    ("columns", "rows", "word"),
    [
        *((1, 1, "x" * 100), (3, 40, "wordy"), (3, 40, "x" * 100), (60, 12, "日本語"), (60, 12, "wordy")),
        *((130, 7, "x" * 100), (500, 5, "ab"), (4, 250, "שלוםשלום"), (2, 1, "ab")),
    ],
)
def test_every_letter_is_inside_and_no_name_on_another(figure: Any, columns: int, rows: int, word: str) -> None:
    drawn = figure([word] * columns, [word] * rows, attention(rows, columns), "title " * 40)
    with alignment.quiet():
        drawn.draw_without_rendering()
        width, height = drawn.bbox.size
        axes = drawn.axes[0]
        x = [t.get_window_extent() for t in axes.get_xticklabels() if t.get_text()]
        y = [t.get_window_extent() for t in axes.get_yticklabels() if t.get_text()]
        rest = [t.get_window_extent() for t in [*drawn.texts, *drawn.axes[1].get_yticklabels()]]
    assert len(x) == -(-columns // scale(columns).step)
    assert len(y) == -(-rows // scale(rows).step)
    slack = 2  # pixels: hinting
    for box in [*x, *y, *rest]:
        assert box.x0 >= -slack
        assert box.y0 >= -slack
        assert box.x1 <= width + slack
        assert box.y1 <= height + slack
    assert all(a.x1 <= b.x0 + slack for a, b in pairwise(x))
    assert all(a.y0 >= b.y1 - slack for a, b in pairwise(y))
    assert all(a.y1 <= rest[0].y0 + slack for a in x)  # the title stands above
    assert max(width, height) / drawn.dpi < LONGEST + 6


def test_names_that_do_not_fit_turn_and_letters_beside_them_do_not(figure: Any) -> None:
    def turned(source: Sequence[str]) -> list[float]:
        labels = figure(source, ["x"], attention(1, len(source))).axes[0].get_xticklabels()
        return [label.get_rotation() for label in labels]

    assert turned(["a", "日", "two"]) == [0, 0, 0]
    assert turned(["a", "日", "two", "</s>"]) == [0, 0, 90, 90]


def test_numbers_stand_in_small_tables_only(figure: Any) -> None:
    assert len(figure(["a"] * 30, ["b"] * 30, np.ones((30, 30))).axes[0].texts) == 900
    assert not figure(["a"] * 31, ["b"] * 30, np.ones((30, 31))).axes[0].texts


@given(st.integers(0, 5000))
def test_cells_shrink_then_letters_then_names_are_left_out(count: int) -> None:
    found, longer = scale(count), scale(count + 1)
    assert 0 < found.cell <= CELL
    assert found.cell * count <= LONGEST + 1e-9
    assert SMALLEST <= found.size <= SIZE
    assert found.step * found.cell >= 1.25 / 72 * found.size - 1e-9  # a line fits
    assert found.step == 1 or found.size == SMALLEST  # the last means
    assert found.step == 1 or (found.step - 1) * found.cell < 1.25 / 72 * found.size  # no more than it takes
    assert (longer.cell, longer.size, -longer.step) <= (found.cell, found.size, -found.step)


def test_what_is_left_out_is_said(figure: Any) -> None:
    key = figure(["a"] * 500, ["b"], attention(1, 500)).texts[-1].get_text()
    assert key == "down: target   across: source   1 x 500, one in 3 of source named"


@pytest.mark.parametrize("weights", [np.zeros((2, 3)), np.zeros(6), np.zeros((3, 2, 1))])
def test_weights_fit_the_tokens(weights: np.ndarray) -> None:
    with pytest.raises(ValueError):
        draw("x.png", ["a", "b"], ["x", "y", "z"], weights)


def test_other_endings_are_no_pictures() -> None:
    with pytest.raises(UsageError, match="not the name of a picture"):
        check("seen.gif")
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
        draw(str(tmp_path / "none" / "x.png"), ["a"], ["b"], [[1.0]])


# alignments


def test_pairs_by_hand() -> None:
    weights = [[0.9, 0.1, 0.0], [0.1, 0.2, 0.7], [0.4, 0.4, 0.2], [0.1, 0.8, 0.1]]
    assert pairs(weights) == [(0, 0), (2, 1), (0, 2), (1, 3)]  # of equals the first
    assert pharaoh(weights) == "0-0 2-1 0-2 1-3"
    # the last source column and the last target row are ends of sentences
    assert pharaoh(weights, source=2, target=3) == "0-0 0-2"
    assert pharaoh([[0.0, 0.0], [0.0, 0.1]]) == "1-1"  # who looks at nothing is not aligned
    assert pharaoh(np.zeros((0, 3))) == pharaoh(np.zeros((3, 0))) == pharaoh([[1.0]], source=0) == ""
    assert pairs(weights, source=9, target=9) == pairs(weights)
    with pytest.raises(ValueError):
        pairs([0.5, 0.5])


@given(st.integers(0, 6), st.integers(1, 6), st.data())
def test_the_order_of_source_tokens_does_not_matter(rows: int, columns: int, data: st.DataObject) -> None:
    weights = attention(rows, columns)
    order = np.array(data.draw(st.permutations(range(columns))))
    assert [(int(order[s]), t) for s, t in pairs(weights[:, order])] == pairs(weights)
    assert all(type(s) is int and type(t) is int for s, t in pairs(weights))
    assert [t for _, t in pairs(weights)] == list(range(rows))
    kept, words = data.draw(st.integers(0, 6)), data.draw(st.integers(0, 6))
    cut = pairs(weights, source=words, target=kept)
    assert cut == [(s, t) for s, t in pairs(weights) if s < words and t < kept]
    assert pharaoh(weights, source=words, target=kept).split() == [f"{s}-{t}" for s, t in cut]
