"""Numbers: a series as text, each value encoded as its bin, so that a language model continues the series."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, Field, model_validator

from seqcli import console
from seqcli.errors import SeqcliError
from seqcli.tokenizers import BaseTokenizer, TextStream, UnknownCharacter

END = "<end>"
LARGEST = 1e150  # largest absolute value: its square is still finite
SEEN = 1 << 16  # characters of the training text from which it is learned how values are written
TAIL = 0.01  # share of the training values, on either side, that may be outliers
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_WORDS = {"line": re.compile(r"\n|[^\s,]+"), "blank": re.compile(r"(?m:^)[^\S\n]*\n|[^\s,]+")}
_BLANKS = re.compile(r"[\s,]+")
_LACKING = re.compile(r",[^\S\n]*(?=,)")  # a comma that no value follows
_BETWEEN = re.compile(r"(?<=[^\s,])(?:[^\S\n]*,[^\S\n]*|[^\S\n]+|\s*\n)(?=[^\s,])")


class Config(BaseModel, extra="forbid"):
    """Recipe keys of `tokenizer: {kind: bins}`."""

    kind: Literal["bins"] = "bins"
    size: Annotated[int, Field(ge=2, le=1 << 16)] = 512  # bins
    edges: Literal["uniform", "quantiles"] = "uniform"  # equally wide bins; or bins with equally many training values
    blur: Annotated[float, Field(ge=0)] = 3.0  # bins over which training spreads inputs and targets; 0: none
    range: tuple[float, float] | None = None  # the span that uniform bins divide; default: that of training values
    ends: Literal["line", "blank"] | None = None  # a line end or a blank line ends a series; default: guessed
    period: Annotated[int, Field(ge=2)] | None = None  # values a season (24 for hours), for a baseline of `eval`

    @model_validator(mode="after")
    def _fits(self) -> Config:
        if self.range is not None:
            low, high = self.range
            if not (math.isfinite(high - low) and low < high):
                raise ValueError("range: must be two finite numbers, the lower one first: [0, 1]")
            if self.edges != "uniform":
                raise ValueError("range: applies to uniform bins; edges: quantiles follow the training values")
        return self


class NoNumber(UnknownCharacter):
    """The error for something else than a number in a series; `offset` counts code points in the text."""

    def __init__(self, word: str, offset: int):
        if word == ",":
            said, hint = "no value between two commas", "fill in the gap: a series has a value at every step"
        else:
            said = f"{word[:40]!r} is {_why(word)}"
            hint = "a series has numbers alone, separated by blanks, commas or line ends: no header, no dates"
        SeqcliError.__init__(self, said, hint=hint)
        self.character, self.offset = word, offset


class Tokenizer(BaseTokenizer):
    """A tokenizer of numbers: `<end>`, which ends a series, is 0; then come the bins from low to high values.

    A bin stands for the mean of its training values. A value beyond the first or last edge is in the outermost bin.
    """

    kind = "bins"
    reads_all = True
    lossless = False  # a value is kept only to the width of its bin

    def __init__(self, edges: np.ndarray, means: np.ndarray, header: dict[str, Any]):
        self.edges, self.means = edges, means  # (size,), (size - 1,) float64
        self.between, self.ends, self.decimals = header["between"], header["ends"], header["decimals"]
        self.period: int | None = header["period"]
        self.size = len(means) + 1
        self.newline_id = 0 if self.ends == "line" else None
        inner = [-math.inf, *edges[1:-1].tolist(), math.inf]
        widths = np.diff(edges).tolist()
        bins = zip(means.tolist(), widths, pairwise(inner), strict=True)
        self.shown = [END, *(_shown(mean, wide, own, self.decimals) for mean, wide, own in bins)]

    @classmethod
    def learn(cls, texts: Iterable[str], config: Config) -> Tokenizer:
        first, parts = "", []
        for text in texts:
            first = first or text[:SEEN]
            found = [float(word) for word in _WORDS["line"].findall(text) if _NUMBER.fullmatch(word)]
            parts.append(np.array(found))  # anything else is reported with its place when it is encoded
        values = np.concatenate([*parts, np.empty(0)])
        values = values[np.abs(values) <= LARGEST]
        if not len(values):
            raise SeqcliError("there is no number in the text", hint="a series is numbers, such as 0.5 0.7 0.4")
        edges = _edges(values, config)
        if len(edges) <= config.size:
            console.warn(f"the values fill {len(edges) - 1:,} bins, not the {config.size:,} of tokenizer.size")
        inside = np.searchsorted(edges[1:-1], values, side="right")
        counts, sums = (np.bincount(inside, weights, len(edges) - 1) for weights in (None, values))
        means = np.where(counts > 0, sums / np.maximum(counts, 1), (edges[:-1] + edges[1:]) / 2)
        low, high = np.r_[-np.inf, edges[1:-1]], np.r_[np.nextafter(edges[1:-1], -np.inf), np.inf]
        return cls(edges, np.clip(means, low, high), {**_written(first, config.ends), "period": config.period})

    # text to ids

    def _found(self, text: str) -> list[tuple[int, int, float]]:
        """Return (start, end, value) of every symbol; the value of `<end>` is NaN. Raises NoNumber."""
        found = []
        for match in _WORDS[self.ends].finditer(text):
            word = match[0]
            value = float(word) if _NUMBER.fullmatch(word) else math.inf if word.strip() else math.nan
            if abs(value) > LARGEST:
                raise NoNumber(word, match.start())
            found.append((match.start(), match.end(), value))
        if lacking := _LACKING.search(text):
            raise NoNumber(",", lacking.end())
        return found

    def values(self, text: str) -> np.ndarray:
        """Return the exact value of each id of `encode`, (T,) float64; NaN for `<end>`. Raises NoNumber."""
        return np.array([value for *_, value in self._found(text)], np.float64)

    def ids(self, values: np.ndarray) -> np.ndarray:
        """Return the ids (T,) of values, int32."""
        inside = np.searchsorted(self.edges[1:-1], values, side="right") + 1
        return np.where(np.isnan(values), 0, inside).astype(np.int32)

    def encode(self, text: str) -> np.ndarray:
        return self.ids(self.values(text))

    def offsets(self, text: str) -> list[tuple[int, int]]:
        return [(start, end) for start, end, _ in self._found(text)]

    def read(self, text: str) -> tuple[np.ndarray, list[tuple[int, str]]]:
        """Do the same as the base class; values beyond the first or last edge are reported, and read as the outermost
        bin."""
        found, (low, high) = self._found(text), self.edges[[0, -1]]
        lacking = [(start, text[start:end]) for start, end, value in found if value < low or value > high]
        return self.ids(np.array([value for *_, value in found], np.float64)), lacking

    # ids to text

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        stream = self.stream()
        return "".join(map(stream.push, np.asarray(ids).tolist()))

    def symbol(self, id: int) -> str:
        return self.shown[id]

    def stream(self) -> TextStream:
        return _Stream(self)

    def header(self) -> dict[str, Any]:
        own = {"between": self.between, "ends": self.ends, "decimals": self.decimals, "period": self.period}
        return {"kind": "bins", **own}

    def arrays(self) -> dict[str, np.ndarray]:
        return {name: getattr(self, name).astype("<f8").view(np.uint8) for name in ("edges", "means")}

    @classmethod
    def restore(cls, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> Tokenizer:
        edges, means = (
            np.frombuffer(arrays[name].tobytes(), "<f8").astype(np.float64) for name in ("edges", "means")
        )
        decimals, period = header["decimals"], header["period"]
        fits = (
            len(edges) == len(means) + 1 >= 2 and np.isfinite([*edges, *means]).all() and (np.diff(edges) > 0).all()
        )
        written = _BLANKS.fullmatch(header["between"]) and header["ends"] in _WORDS and type(decimals) is int
        if not (fits and written and (period is None or (type(period) is int and period > 0))):
            raise ValueError("its bins are not in order")
        return cls(edges, means, header)


class _Stream(TextStream):
    def __init__(self, own: Tokenizer):
        self._own, self._open = own, False  # whether the last symbol was a value

    def push(self, id: int) -> str:
        own, before = self._own, self._open
        self._open = id > 0
        if id:
            return own.between + own.shown[id] if before else own.shown[id]
        return "\n\n" if own.ends == "blank" and before else "\n"


def is_series(text: str) -> bool:
    """Whether a text consists of numbers alone."""
    words = re.findall(r"[^\s,]+", text)
    return len(words) > 1 and all(map(is_value, words))


def is_value(word: str) -> bool:
    """Whether a word is a number as series have them: finite, in decimal digits."""
    return _NUMBER.fullmatch(word) is not None


def _why(word: str) -> str:
    """Return why a word is not a value."""
    if _NUMBER.fullmatch(word):
        return "too large a number"
    try:
        return "not a number" if math.isfinite(float(word)) else "not a finite number"
    except ValueError:
        return "not a number"


def _edges(values: np.ndarray, config: Config) -> np.ndarray:
    """Return the edges of the bins in order, (bins + 1,). Without a range, uniform bins span the values except for
    outliers, which lie farther from the middle 98 % than the width of those."""
    if config.edges == "quantiles":
        edges = np.unique(np.quantile(values, np.linspace(0, 1, config.size + 1)))
        if len(edges) > 2:
            return edges
    if config.range is not None:
        low, high = config.range
    else:
        inner = np.quantile(values, [TAIL, 1 - TAIL])
        wide = inner[1] - inner[0] or math.inf
        low, high = max(values.min(), inner[0] - wide), min(values.max(), inner[1] + wide)
    if not low < high:  # a constant
        low, high = low - max(abs(low), 1.0) / 2, high + max(abs(high), 1.0) / 2
    return np.unique(np.linspace(low, high, config.size + 1))


def _written(text: str, ends: str | None) -> dict[str, Any]:
    """Return how values are written: what separates them, what ends a series, and how many decimals they have."""
    found = Counter("\n" if "\n" in raw else raw for raw in _BETWEEN.findall(text))
    lines = found.pop("\n", 0)
    ends = ends or ("line" if found or not lines else "blank")
    column = ends == "blank" and lines > found.total()
    between = "\n" if column else max(found, key=lambda raw: found[raw], default=" ")
    numbers = [word for word in _WORDS["line"].findall(text) if _NUMBER.fullmatch(word)]
    return {"between": between, "ends": ends, "decimals": max(map(_decimals, numbers), default=0)}


def _decimals(word: str) -> int:
    digits, _, power = word.lower().partition("e")
    return max(len(digits.partition(".")[2]) - int(power or 0), 0)


def _shown(mean: float, wide: float, own: tuple[float, float], decimals: int) -> str:
    """Return a bin's mean with significant digits only: no more decimals than the training values have or than a
    tenth of its width needs, but enough to be read as the same bin, `own`."""
    if not wide > 1e-9 or not abs(mean) < 1e16:
        return repr(mean)
    digits = max(0, min(decimals, math.ceil(1 - math.log10(wide))))
    while digits < 20:
        text = f"{mean:.{digits}f}"
        if own[0] <= float(text) < own[1]:
            return text.lstrip("-") if float(text) == 0 else text
        digits += 1
    return repr(mean)
