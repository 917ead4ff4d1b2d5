"""Write the sample of numbers in words and in digits, numbers.tsv, beside this file or into a given folder.

    python data/make_numbers_sample.py [FOLDER]

A row is a number as people say it, and its digits: `three hundred and twelve` and `312`. Every number from 1 to 99 is
there, the hundreds, and of the others up to 999 TEENS that end in 10 to 19 (their words would be rare without) and
OTHERS that do not, each number once. A hundred may be `one` or `a`, and be followed by `and` or not. The same SEED
gives the same bytes everywhere: of `random` only `Random.random` is used, whose values Python promises to keep.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

SEED = 20250620
TEENS, OTHERS = 60, 192
AND, ARTICLE = 0.7, 0.5  # shares: of numbers with `and`; of those from 100 to 199 with `a`

SMALL = """
one two three four five six seven eight nine ten
eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen
"""
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"


def below_a_hundred(number: int) -> str:
    """`forty-two` for 42; numbers count from 1."""
    small, (tens, ones) = ["", *SMALL.split()], divmod(number, 10)
    if number < 20:
        return small[number]
    return TENS.split()[tens - 2] + (f"-{small[ones]}" if ones else "")


def in_words(number: int, rng: random.Random) -> str:
    """A number below a thousand, as one may say it."""
    hundreds, rest = divmod(number, 100)
    if not hundreds:
        return below_a_hundred(rest)
    words = "a" if hundreds == 1 and rng.random() < ARTICLE else below_a_hundred(hundreds)
    if not rest:
        return f"{words} hundred"
    return f"{words} hundred {'and ' if rng.random() < AND else ''}{below_a_hundred(rest)}"


def sample() -> str:
    """The rows, mixed, below a header."""
    rng = random.Random(SEED)
    mixed = sorted(range(101, 1000), key=lambda _: rng.random())
    teens = [n for n in mixed if 10 <= n % 100 < 20][:TEENS]
    others = [n for n in mixed if n % 100 and not 10 <= n % 100 < 20][:OTHERS]
    numbers = [*range(1, 100), *range(100, 1000, 100), *teens, *others]
    numbers.sort(key=lambda _: rng.random())
    return "source\ttarget\n" + "".join(f"{in_words(n, rng)}\t{n}\n" for n in numbers)


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    (folder / "numbers.tsv").write_text(sample(), encoding="utf-8", newline="\n")
