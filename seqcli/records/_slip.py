"""Guess where two files that should have equally many lines fell out of step, for the error message."""

from __future__ import annotations

import math
from itertools import accumulate
from operator import sub

CERTAIN = 4  # standard errors by which the lengths must agree better after the slip: chance seldom reaches 3
FARTHEST = 1000  # lines: files that differ by more are not searched


def slip(source: str, sources: list[str], target: str, targets: list[str]) -> str:
    """Return a hint for two files whose numbers of lines differ: the line after which line lengths agree better if
    the longer file skips its surplus there, preferably a blank line; else where the shorter file ends."""
    longer, shorter = (source, target) if len(sources) > len(targets) else (target, source)
    long, short = max(sources, targets, key=len), min(sources, targets, key=len)
    count = len(short)
    while len(long) > count and not long[-1].strip():
        long = long[:-1]
    more = len(long) - count
    if not more:
        return f"{shorter} ends where {longer}:{count + 1} is blank: is that line superfluous?"
    sums, errors = _gains(long, short)
    blank = [i for i in range(count) if sums[i] > 0 and short[i].strip() and not long[i].strip()]
    if blank:
        first = max(blank, key=sums.__getitem__) + 1
        return f"{longer}:{first} is blank, {shorter}:{first} is not: is that line superfluous?"
    best = max(range(count), key=sums.__getitem__, default=0)
    if sums[best] > CERTAIN * errors[best]:
        first = f"{longer}:{best + 1}"
        extra = f"is {first} superfluous" if more == 1 else f"are {more:,} lines from {first} superfluous"
        return f"by line lengths, the files fall out of step about here: {extra}, or missing from {shorter}?"
    return f"{shorter} ends where {longer}:{count + 1} continues"


def _gains(longer: list[str], shorter: list[str]) -> tuple[list[float], list[float]]:
    """Return how much better the lengths agree from each line to the end if the longer file skips its surplus there,
    with standard errors; zeros if the files are empty or differ by too many lines."""
    more, count = len(longer) - len(shorter), len(shorter)
    if more > FARTHEST or not count:
        return [0.0] * (count + 1), [0.0] * (count + 1)
    long, short = ([math.log1p(len(line.strip())) for line in lines] for lines in (longer, shorter))
    usual = math.fsum(long) / len(long) - math.fsum(short) / count  # one language is wordier
    still = [abs(d - usual) for d in map(sub, long, short)]
    moved = [abs(d - usual) for d in map(sub, long[more:], short)]
    gained = [a - b for a, b in zip(still, moved, strict=True)]  # by skipping the surplus
    sums = [*accumulate(reversed(gained), initial=0.0)][::-1]
    squares = [*accumulate((g * g for g in reversed(gained)), initial=0.0)][::-1]
    return sums, [math.sqrt(s) for s in squares]
