"""Pictures as SVG: round numbers on the axes, points where they belong, nothing of the data as markup."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from seqcli.insight.shown import Coloured
from seqcli.page import pieces, svg

finite = st.floats(-1e9, 1e9)


@given(finite, finite)
def test_ticks_are_round_and_within(a, b):
    axis = svg._Axis(min(a, b), max(a, b), 0, 100)
    ticks = axis.ticks()
    assert 1 <= len(ticks) <= 11
    room = (axis.high - axis.low) * 1e-6
    assert all(axis.low - room <= t <= axis.high + room for t in ticks)
    assert axis.at(axis.low) == 0
    assert math.isclose(axis.at(axis.high), 100)


@given(st.lists(st.tuples(st.integers(0, 1000), st.floats(1e-12, 1e12)), min_size=1, max_size=400), st.booleans())
def test_curves_are_well_formed_and_inside(points, logarithmic):
    points.sort()
    picture = svg.curves([svg.Line(points, 0, "a<b")], "tokens", "loss", logarithmic=logarithmic)
    root = ElementTree.fromstring(picture)
    assert root.tag == "svg"
    for found in re.findall(r'points="([^"]*)"', picture):
        for pair in found.split():
            x, y = map(float, pair.split(","))
            assert svg.LEFT - 0.1 <= x <= svg.WIDE - svg.RIGHT + 0.1
            assert svg.TOP - 0.1 <= y <= svg.HIGH - svg.BOTTOM + 0.1


def test_what_cannot_be_drawn_is_left_out():
    assert svg.curves([], "x", "y") == ""
    assert svg.curves([svg.Line([(1, math.nan), (2, -1.0)], 0, "a")], "x", "y", logarithmic=True) == ""


def test_heat_has_a_cell_for_each_pair_and_escapes_tokens():
    picture = svg.heat(["<a>", "b&"], ['"', "c", "d"], [[1, 0], [0.5, 0.5], [0, 1]])
    root = ElementTree.fromstring(picture)
    assert len([e for e in root.iter() if e.tag == "rect"]) == 6
    assert [e.text for e in root.iter() if e.tag == "text"][:2] == ["<a>", "b&"]


def test_numbers_are_short():
    named = {0.5: "0.5", 1500: "1,500", 12_000: "12k", 499_400: "499.4k", 3e6: "3M", 2e9: "2G", 1e-10: "1e-10"}
    assert {value: svg.number(value) for value in named} == named


@given(st.text(max_size=40), st.data())
def test_pieces_are_the_text(text, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    spans = list(zip(cuts[::2], cuts[1::2], strict=False))
    weights = [(a, b, data.draw(st.floats(-1, 1))) for a, b in spans]
    assert "".join(piece for _, piece in pieces(Coloured(text, weights))) == text
