"""Where two files that should have as many lines probably lost step: for the error message."""

from __future__ import annotations

import math
from itertools import accumulate
from operator import sub

CERTAIN = 4  # standard errors by which the lengths must agree better behind the slip: chance seldom reaches 3
FARTHEST = 1000  # lines: files that differ by more are not of one kind


def slip(source: str, sources: list[str], target: str, targets: list[str]) -> str:
    """A hint for two files whose numbers of lines differ: the first line that is blank in one of them alone, or the
    line behind which the lengths agree better when the longer file skips what it has more; else where the shorter
    one ends."""
    for number, (a, b) in enumerate(zip(sources, targets, strict=False), 1):
        if bool(a.strip()) != bool(b.strip()):
            blank, other = (target, source) if a.strip() else (source, target)
            return f"{blank}:{number} is blank, {other}:{number} is not: is a line too many there?"
    longer, shorter = (source, target) if len(sources) > len(targets) else (target, source)
    first, more = _first_extra(max(sources, targets, key=len), min(sources, targets, key=len))
    if first is not None:
        extra = f"is {longer}:{first} too many" if more == 1 else f"are {more:,} lines from {longer}:{first} too many"
        return f"by the lengths of the lines, the files lose step near there: {extra}, or lacking in {shorter}?"
    end = min(len(sources), len(targets))
    return f"{shorter} ends where {longer}:{end + 1} goes on"


def _first_extra(longer: list[str], shorter: list[str]) -> tuple[int | None, int]:
    """The number of the first line of the longer file that has no counterpart, as the lengths have it (None where
    they do not tell), and how many such lines there are in a row."""
    more, count = len(longer) - len(shorter), len(shorter)
    if more > FARTHEST or not count:
        return None, more
    long, short = ([math.log1p(len(line)) for line in lines] for lines in (longer, shorter))
    usual = math.fsum(long) / len(long) - math.fsum(short) / count  # one language is wordier
    still = [abs(d - usual) for d in map(sub, long, short)]
    moved = [abs(d - usual) for d in map(sub, long[more:], short)]
    gained = [a - b for a, b in zip(still, moved, strict=True)]  # by moving a line
    sums = [*accumulate(reversed(gained), initial=0.0)][::-1]  # from each line on
    squares = [*accumulate((g * g for g in reversed(gained)), initial=0.0)][::-1]
    best = max(range(count), key=sums.__getitem__)
    if sums[best] <= CERTAIN * math.sqrt(squares[best]):
        return None, more
    return best + 1, more
