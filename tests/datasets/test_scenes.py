"""Pictures with captions: captions say what they mean, pictures show it, and what is held out is held out."""

from __future__ import annotations

import colorsys
import io
from itertools import permutations

import numpy as np
import pytest

from seqcli.datasets import catalog, scenes
from seqcli.datasets.scenes import COLOURS, HELD_OUT, PAIRS, SHAPES, SIZE, Group, Scene, captions, meaning

GROUPS = [Group(count, *pair) for pair in PAIRS for count in (1, 2, 3)]


@pytest.fixture(scope="module")
def sets() -> dict[str, tuple[np.ndarray, list[tuple[str, ...]]]]:
    return {split: scenes.made(split, count, 7) for split, count in (("train", 600), ("valid", 50), ("test", 150))}


def test_captions_come_back_as_what_they_mean():
    seen: dict[str, Scene] = {}
    pairs = [pair for pair in permutations(GROUPS, 2) if pair[0][1:] != pair[1][1:]]
    for scene in [*map(Scene, GROUPS), *(Scene(a, r, b) for a, b in pairs for r in ("left", "above"))]:
        for caption in captions(scene):
            assert seen.setdefault(caption, scene) == scene  # no caption has two meanings
    for caption, scene in list(seen.items())[::17]:  # every form, and every group
        assert meaning(caption) == scene
    assert len(seen) > 150_000


def test_the_order_of_mention_does_not_count():
    for one, other in [
        ("a red circle left of two green squares", "there are two green squares to the right of a red circle"),
        ("a red circle left of two green squares", "two green squares with a red circle to their left"),
        ("three blue rings above an orange cross", "an orange cross below three blue rings"),
        ("three blue rings above an orange cross", "three blue rings with an orange cross below them"),
    ]:
        assert meaning(one) == meaning(other) is not None
        assert meaning(one) != meaning(one.replace("left", "right").replace("above", "below"))
    found = meaning("a red circle left of two green squares")
    assert found is not None
    assert found.groups == {Group(1, "red", "circle"), Group(2, "green", "square")}


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "a red",
            "red circle",
            "a red circles",
            "two red circle",
            "there are a red circle",
            "a pink circle",
            "a orange circle",
        ),
        *("a red circle left of", "a red circle left a blue ring", "a red circle left of a red circle"),
        *("a red circle with a blue ring to their left", "a red circle left of a blue ring above a lime cross"),
        *("a red circle a blue ring", "a red circle.", "A red circle", "a  red circle"),
    ],
)
def test_what_is_no_caption_means_nothing(text):
    assert meaning(text) is None


def test_the_columns_agree(sets):
    for split, (pictures, rows) in sets.items():
        assert pictures.shape == (len(rows), SIZE, SIZE, 3)
        for i, (source, target, said, cell) in enumerate(rows):
            scene = meaning(target)
            assert source == f"{split}.npy#{i}"
            assert scene is not None
            assert said == captions(scene)[0]
            shapes = scenes.objects(cell)
            assert sorted(s[:2] for s in shapes) == sorted(g[1:] for g in scene.groups for _ in range(g.count))
            one, other = ([s for s in shapes if g and s[:2] == g[1:]] for g in (scene.first, scene.second))
            if scene.second:  # one relation holds for every two shapes of them, the other does not
                left = max(s.right for s in one) <= min(s.left for s in other)
                above = max(s.bottom for s in one) <= min(s.top for s in other)
                assert (left, above) == (scene.relation == "left", scene.relation == "above")
                assert max(s.bottom for s in other) > min(s.top for s in one) or above
                assert max(s.right for s in other) > min(s.left for s in one) or left


def test_shapes_are_where_they_are_said_to_be(sets):
    for pictures, rows in sets.values():
        for picture, row in zip(pictures, rows, strict=True):
            shapes, outside = scenes.objects(row[3]), np.ones((SIZE, SIZE), bool)
            for s in shapes:
                assert 0 <= s.left < s.right <= SIZE
                assert 0 <= s.top < s.bottom <= SIZE
                outside[s.top : s.bottom, s.left : s.right] = False
                box = picture[s.top : s.bottom, s.left : s.right].reshape(-1, 3) / 255
                r, g, b = np.median(box[np.ptp(box, 1) > 0.35], 0)  # what is coloured in it
                hue = colorsys.rgb_to_hsv(r, g, b)[0] * len(COLOURS)
                assert round(hue) % len(COLOURS) == COLOURS.index(s.colour)
            spread = picture[outside].max(0).astype(int) - picture[outside].min(0)
            assert spread.max() <= 27  # noise alone


def test_pairs_are_held_out(sets):
    def pairs(row: tuple[str, ...]) -> set[tuple[str, str]]:
        return {shape[:2] for shape in scenes.objects(row[3])}

    for split in ("train", "valid"):
        assert not [row for row in sets[split][1] if pairs(row) & HELD_OUT]
    trained = set().union(*map(pairs, sets["train"][1]))
    assert trained == set(PAIRS) - HELD_OUT
    assert {colour for colour, _ in trained} == set(COLOURS)
    assert {shape for _, shape in trained} == set(SHAPES)
    assert all(pairs(row) & HELD_OUT for row in sets["test"][1])
    assert set().union(*map(pairs, sets["test"][1])) >= HELD_OUT
    pictures = [picture.tobytes() for found, _ in sets.values() for picture in found]
    assert len(set(pictures)) == len(pictures)


def test_a_seed_makes_the_same_bytes(sets):
    again, other = scenes.made("valid", 50, 7), scenes.made("valid", 50, 8)
    assert again[0].tobytes() == sets["valid"][0].tobytes()
    assert again[1] == sets["valid"][1]
    assert other[0].tobytes() != sets["valid"][0].tobytes()


def test_the_named_set_is_made_once(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SEQCLI_CACHE", str(tmp_path))
    files = catalog.find("scenes").files
    for split, (path,) in files.items():
        header, *rows = [line.split("\t") for line in path.read_text().splitlines()]
        pictures = np.load(io.BytesIO((path.parent / rows[0][0].split("#")[0]).read_bytes()))
        assert header == list(scenes.COLUMNS)
        assert len(rows) == len(pictures) == scenes.COUNTS[split]
    before = [path.stat().st_mtime_ns for path in sorted(files["train"][0].parent.iterdir())]
    assert catalog.find("scenes").files == files
    assert [path.stat().st_mtime_ns for path in sorted(files["train"][0].parent.iterdir())] == before
    assert capsys.readouterr().err == ""  # what is made is what is published
    data = (array := files["test"][0].with_name("test.npy")).read_bytes()
    array.write_bytes(b"damaged")
    monkeypatch.setattr(scenes, "files", lambda home: iter([("test.npy", data)]))
    catalog.find("scenes")
    assert array.read_bytes() == data
