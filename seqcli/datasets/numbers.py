"""Numbers of three kinds, spoken digit by digit: years, prices, telephone numbers; made from a seed.

A year is one of 1100 to 2029; a price is one of 1 to 99 followed by one of a few endings, which all end in 0, 5 or 9,
some more frequent than others; a telephone number has six digits, the first three are one of four prefixes and the
fourth is not 0. The point of a price is not spoken. As text each digit is a word: `1 9 8 7`.
"""

from __future__ import annotations

from seqcli.datasets.lags import Draw

COUNTS = {"test": 1_000, "valid": 1_000, "train": 20_000}
KINDS = ("year",) * 4 + ("price",) * 4 + ("telephone",)  # drawn as often as listed here
YEARS = (1100, 2029)
ENDINGS = ("99", "99", "95", "95", "50", "50", "00", "00", "49", "90", "25", "75", "20", "10")
PREFIXES = ("030", "040", "069", "089")


def number(draw: Draw) -> tuple[str, str]:
    """Return the (kind, digits) of a number."""
    kind = KINDS[draw.below(len(KINDS))]
    if kind == "year":
        return kind, str(YEARS[0] + draw.below(YEARS[1] - YEARS[0] + 1))
    if kind == "price":
        return kind, f"{1 + draw.below(99)}{ENDINGS[draw.below(len(ENDINGS))]}"
    return kind, f"{PREFIXES[draw.below(len(PREFIXES))]}{100 + draw.below(900)}"


def splits(seed: int = 1) -> dict[str, list[tuple[str]]]:
    """Return a line for each number of each split; a number may occur in several splits."""
    draw = Draw(seed)
    return {split: [(" ".join(number(draw)[1]),) for _ in range(count)] for split, count in COUNTS.items()}
