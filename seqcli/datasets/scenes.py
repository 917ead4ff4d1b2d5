"""Small pictures of coloured shapes with captions, made from a seed.

A picture, 32 by 32 pixels, has one or two groups of one to three equal shapes, six to ten pixels wide; of two groups
one is left of the other or above it, never both. Of the sixty pairs of a colour and a shape, six are in none of the
40,000 pictures to train on and the 500 to validate; each of the 500 to test has at least one of them. Colours,
brightness, sizes and places vary, and there is noise.

A caption describes the picture in one of several ways: `a red circle left of two green squares`, `there are two green
squares with a red circle to their left`.
"""

from __future__ import annotations

import colorsys
import io
import json
import re
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np

from seqcli.datasets.lags import Draw
from seqcli.datasets.spoken_digits import table

COUNTS = {"test": 500, "valid": 500, "train": 40_000}
SIZE = 32  # pixels, each way
COLUMNS = ("source", "target", "meaning", "objects")
COLOURS = (  # each covers 30 degrees of the colour wheel, the first around 0
    *("red", "orange", "yellow", "lime", "green", "mint"),
    *("cyan", "azure", "blue", "violet", "magenta", "rose"),
)
SHAPES = ("circle", "square", "triangle", "cross", "ring")
HELD_OUT = {
    *(("red", "triangle"), ("green", "cross"), ("blue", "circle")),
    *(("yellow", "ring"), ("violet", "square"), ("cyan", "triangle")),
}
PAIRS = tuple(product(COLOURS, SHAPES))
NUMBERS = ("a", "two", "three")
ALONE = 0.3  # the share of pictures with one group
RADII = {1: (3.2, 5.0), 2: (3.2, 4.5), 3: (3.0, 4.0)}  # pixels, by the number of shapes in a group
_FINE = 4  # samples of a pixel, each way, for smooth edges


class Group(NamedTuple):
    """A group of one to three equal shapes."""

    count: int
    colour: str
    shape: str

    def __str__(self) -> str:
        number = "an" if self.count == 1 and self.colour[0] in "aeiou" else NUMBERS[self.count - 1]
        return f"{number} {self.colour} {_plural(self.shape) if self.count > 1 else self.shape}"


class Scene(NamedTuple):
    """The meaning of a caption: one group, or two of which the first is left of the second or above it."""

    first: Group
    relation: str = ""  # left, above
    second: Group | None = None

    @property
    def groups(self) -> frozenset[Group]:
        """The groups without their relation."""
        return frozenset([self.first, self.second] if self.second else [self.first])


class Shape(NamedTuple):
    """A shape in a picture and the pixels that it takes, `right` and `bottom` exclusive."""

    colour: str
    shape: str
    left: int
    top: int
    right: int
    bottom: int


def _plural(shape: str) -> str:
    return f"{shape}es" if shape.endswith("s") else f"{shape}s"


NOUNS = {form: shape for shape in SHAPES for form in (shape, _plural(shape))}
_GROUP = re.compile(rf"({'|'.join(NUMBERS)})n? ({'|'.join(COLOURS)}) ({'|'.join(NOUNS)})\b")


_WAYS = {  # {a} is left of {b}, or above
    "left": (
        *("{a} left of {b}", "{a} to the left of {b}", "{b} right of {a}", "{b} to the right of {a}"),
        *("{a} with {b} to {its_a} right", "{b} with {a} to {its_b} left"),
    ),
    "above": (
        *("{a} above {b}", "{a} over {b}", "{b} below {a}", "{b} under {a}"),
        *("{a} with {b} below {it_a}", "{b} with {a} above {it_b}"),
    ),
}


def captions(scene: Scene) -> list[str]:
    """Return every caption of a scene, the plainest first."""
    a, relation, b = scene
    said = [str(a)]
    if b:
        its, it = [("its", "their")[g.count > 1] for g in (a, b)], [("it", "them")[g.count > 1] for g in (a, b)]
        words = {"a": a, "b": b, "its_a": its[0], "its_b": its[1], "it_a": it[0], "it_b": it[1]}
        said = [way.format(**words) for way in _WAYS[relation]]
    return [*said, *(f"there {'is' if words.startswith('a') else 'are'} {words}" for words in said)]


def meaning(caption: str) -> Scene | None:
    """Return the meaning of a caption, whatever its order; None if it is not a caption."""
    found = [
        Group(NUMBERS.index(number) + 1, colour, NOUNS[shape]) for number, colour, shape in _GROUP.findall(caption)
    ]
    meant = [Scene(found[0])] if len(found) == 1 else []
    if len(found) == 2 and found[0][1:] != found[1][1:]:
        meant = [Scene(a, relation, b) for relation in _WAYS for a, b in (found, found[::-1])]
    return next((scene for scene in meant if caption in captions(scene)), None)


def objects(cell: str) -> list[Shape]:
    """Return the shapes of a picture, from the column `objects`."""
    return [Shape(*found) for found in json.loads(cell)]


def draw_scene(draw: Draw, held_out: bool) -> Scene:
    """Draw a scene with at least one of the pairs that are held out, or with none."""
    while True:
        one, other = (Group(1 + draw.below(3), *PAIRS[draw.below(len(PAIRS))]) for _ in range(2))
        scene = Scene(one) if draw.random() < ALONE else Scene(one, ("left", "above")[draw.below(2)], other)
        among = {group[1:] for group in scene.groups}
        if len(among) == (2 if scene.second else 1) and bool(among & HELD_OUT) == held_out:
            return scene


class _Disc(NamedTuple):
    """The place of a shape: its centre and half its width, in pixels."""

    x: float
    y: float
    radius: float

    def apart(self, other: _Disc) -> bool:
        """Whether at least one pixel is between them, across or down."""
        return max(abs(self.x - other.x), abs(self.y - other.y)) >= self.radius + other.radius + 1


def _place(draw: Draw, scene: Scene) -> list[list[_Disc]]:
    """Draw the places of the shapes of each group."""
    while True:
        cut = 13 + 6 * draw.random()
        parts = [(0.0, cut - 1), (cut + 1, float(SIZE))] if scene.second else [(0.0, float(SIZE))]
        placed, groups = [], [scene.first, *([scene.second] if scene.second else [])]
        for group, (low, high) in zip(groups, parts, strict=True):
            discs: list[_Disc] = []
            for _ in range(group.count * 8):
                if len(discs) == group.count:
                    break
                least, most = RADII[group.count]
                radius = least + (most - least) * draw.random()
                along = low + radius + (high - low - 2 * radius) * draw.random()
                across = radius + (SIZE - 2 * radius) * draw.random()
                disc = _Disc(*((across, along) if scene.relation == "above" else (along, across)), radius)
                if all(map(disc.apart, discs)):
                    discs.append(disc)
            placed.append(discs)
        if all(len(discs) == group.count for discs, group in zip(placed, groups, strict=True)) and (
            not scene.second or _level(placed, scene.relation)
        ):
            return placed


def _level(placed: list[list[_Disc]], relation: str) -> bool:
    """Whether two groups overlap across their relation, by at least half of the smaller one's extent."""
    (low, high), (least, most) = [
        (min(c - disc.radius for c, disc in found), max(c + disc.radius for c, disc in found))
        for found in ([(disc.x if relation == "above" else disc.y, disc) for disc in discs] for discs in placed)
    ]
    return min(high, most) - max(low, least) >= min(high - low, most - least) / 2


_AT = (np.arange(SIZE * _FINE) + 0.5) / _FINE


def _cover(shape: str, disc: _Disc) -> tuple[np.ndarray, Shape]:
    """Return how much of each pixel of its box a shape covers (height, width, 1), and that box."""
    left, top = (max(int(c - disc.radius), 0) for c in disc[:2])
    right, bottom = (min(int(c + disc.radius) + 1, SIZE) for c in disc[:2])
    x = (_AT[None, left * _FINE : right * _FINE] - disc.x) / disc.radius
    y = (_AT[top * _FINE : bottom * _FINE, None] - disc.y) / disc.radius
    if shape == "square":
        inside = np.maximum(abs(x), abs(y)) <= 0.9
    elif shape == "triangle":
        inside = (2 * abs(x) <= y + 1) & (y <= 1)
    elif shape == "cross":
        inside = (np.minimum(abs(x), abs(y)) <= 0.34) & (np.maximum(abs(x), abs(y)) <= 1)
    else:
        far = x * x + y * y
        inside = (far <= 1) & (far >= (0.36 if shape == "ring" else 0))
    cover = inside.reshape(bottom - top, _FINE, right - left, _FINE).mean((1, 3))
    return cover[..., None], Shape("", shape, left, top, right, bottom)


def picture(draw: Draw, noise: np.ndarray, scene: Scene) -> tuple[np.ndarray, list[Shape]]:
    """Draw a picture of a scene, 8 bits (SIZE, SIZE, 3); return it and its shapes. `noise` has its size, 0 to 1."""
    grey = 0.05 + 0.2 * draw.random()
    image = np.full((SIZE, SIZE, 3), [grey + 0.06 * draw.random() for _ in range(3)])
    shapes = []
    for group, discs in zip((scene.first, scene.second), _place(draw, scene), strict=False):
        assert group is not None
        for disc in discs:
            hue = (COLOURS.index(group.colour) + 0.6 * (draw.random() - 0.5)) / len(COLOURS)
            colour = colorsys.hsv_to_rgb(hue % 1, 0.6 + 0.4 * draw.random(), 0.7 + 0.3 * draw.random())
            cover, box = _cover(group.shape, disc)
            part = image[box.top : box.bottom, box.left : box.right]
            part += cover * (np.array(colour) - part)
            shapes.append(box._replace(colour=group.colour))
    image += 0.1 * (noise - 0.5)
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8), shapes


def made(split: str, count: int, seed: int) -> tuple[np.ndarray, list[tuple[str, ...]]]:
    """Return the pictures of a split (count, SIZE, SIZE, 3), and the columns of each."""
    seed = 1_000 * seed + [*COUNTS].index(split)
    draw, rows = Draw(seed), []
    pixels = SIZE * SIZE * 3
    raw = np.random.PCG64(seed).random_raw(-(-count * pixels // 8)).astype("<u8")  # the same in every NumPy
    noise = raw.view(np.uint8)[: count * pixels].reshape(count, SIZE, SIZE, 3)
    pictures = np.empty((count, SIZE, SIZE, 3), np.uint8)
    for i in range(count):
        scene = draw_scene(draw, held_out=split == "test")
        pictures[i], shapes = picture(draw, noise[i] / 255, scene)
        said = captions(scene)
        rows.append((f"{split}.npy#{i}", said[draw.below(len(said))], said[0], json.dumps(shapes)))
    return pictures, rows


def files(home: object = None, seed: int = 1) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of every file: the pictures, then the table of each split."""
    tables = []
    for split, count in COUNTS.items():
        pictures, rows = made(split, count, seed)
        file = io.BytesIO()
        np.save(file, pictures)
        yield f"{split}.npy", file.getvalue()
        tables.append((f"{split}.tsv", table(COLUMNS, rows)))
    yield from tables
