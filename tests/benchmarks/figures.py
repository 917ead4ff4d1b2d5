"""What benchmarks found: JSON of one shape, what became slower since an older file, and a page of such files.

    python tests/benchmarks/bench_X.py ... --json new.json --compare old.json
    python tests/benchmarks/figures.py tests/benchmarks/measured/*.json > docs/figures.md

A script says `given, found = begin(parser)`, `found.add(name, value, unit)` for each figure, and `found.end()`. With
--compare the exit status is 1 where a figure became worse by more than --tolerance of itself. Figures that are ratios
within one run (unit `times`) bear another load of the machine; the others need a quiet one.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LESS = ("s", "ms", "MB", "error", "nats")  # units of which less is better
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Figures:
    """The figures of a run of a benchmark."""

    given: argparse.Namespace
    record: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, value: float, unit: str) -> None:
        """A figure; of the units in LESS less is better. Raises ValueError for a name that is there."""
        rows = self.record["figures"]
        if any(row["name"] == name for row in rows):
            raise ValueError(f"two figures are called {name!r}")
        rows.append({"name": name, "value": float(f"{value:.6g}"), "unit": unit})

    def end(self) -> None:
        """Write what --json asks for, and compare. Raises SystemExit(1) where a figure became worse."""
        self.record["machine"]["load"].append(round(os.getloadavg()[0], 1))
        if self.given.json:
            text = json.dumps(self.record, ensure_ascii=False, indent=1)
            self.given.json.write_text(text + "\n", encoding="utf-8")
        if self.given.compare:
            lines, worse = compared(read(self.given.compare), self.record, self.given.tolerance)
            print("\n".join(lines))
            if worse:
                raise SystemExit(1)


def begin(parser: argparse.ArgumentParser) -> tuple[argparse.Namespace, Figures]:
    """The arguments, and what collects figures."""
    group = parser.add_argument_group("figures")
    group.add_argument("--json", metavar="FILE", help="write them there")
    group.add_argument("--compare", metavar="OLD", help="say what became slower since, exit status 1 where anything")
    group.add_argument("--tolerance", type=float, default=0.1, help="by how much of itself (0.1)")
    given = parser.parse_args()
    given.json = given.json and Path(given.json).absolute()  # a script may change the folder
    given.compare = given.compare and Path(given.compare).absolute()
    if given.compare:
        read(given.compare)  # before anything is measured
    commit = subprocess.run(
        ["git", "-C", str(ROOT), "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    ).stdout.strip()
    machine = {"processor": processor(), "cores": os.cpu_count(), "python": platform.python_version()}
    found = Figures(given)
    found.record = {
        "benchmark": Path(sys.argv[0]).stem,
        "arguments": without(sys.argv[1:], ("--json", "--compare", "--tolerance")),
        "commit": commit,
        "day": time.strftime("%Y-%m-%d"),
        "machine": {**machine, "load": [round(os.getloadavg()[0], 1)]},
        "figures": [],
    }
    return given, found


def without(arguments: list[str], flags: Iterable[str]) -> list[str]:
    """Arguments without some flags and their values."""
    kept, skip = [], False
    for argument in arguments:
        if not skip and argument.partition("=")[0] not in flags:
            kept.append(argument)
        skip = not skip and argument in flags
    return kept


def processor() -> str:
    """What the processor is called."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def read(path: str | Path) -> dict[str, Any]:
    """A file that a benchmark wrote. Raises SystemExit for another."""
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        rows = {row["name"]: (float(row["value"]), str(row["unit"])) for row in found["figures"]}
        assert len(rows) == len(found["figures"])
        return found
    except (OSError, ValueError, KeyError, TypeError, AssertionError) as error:
        raise SystemExit(f"{path}: no figures of a benchmark ({type(error).__name__}: {error})") from None


def compared(old: dict[str, Any], new: dict[str, Any], tolerance: float) -> tuple[list[str], bool]:
    """A line for each figure that changed by more than a share of itself, or is in one file alone; whether any became
    worse."""
    lines, worse = [], False
    before = {row["name"]: row for row in old["figures"]}
    after = {row["name"]: row for row in new["figures"]}
    for name, row in after.items():
        if name not in before:
            lines.append(f"new:    {name}: {shown(row)}")
            continue
        a, b = before[name]["value"], row["value"]
        gain = (a / b if b else float("inf")) if row["unit"] in LESS else (b / a if a else float("inf"))
        if abs(gain - 1) <= tolerance or a == b:
            continue
        word = "slower" if gain < 1 else "faster"
        if row["unit"] in ("share", "error", "nats"):
            word = "worse" if gain < 1 else "better"
        worse |= gain < 1
        lines.append(f"{word + ':':<7} {name}: {shown(before[name])} before, {shown(row)} now, {gain:.2f} times")
    lines += [f"gone:   {name}" for name in before if name not in after]
    same = len(after.keys() & before.keys()) - sum(not line.startswith(("new", "gone")) for line in lines)
    return [*lines, f"{same} of {len(after)} figures are within {tolerance:g} of what they were"], worse


def shown(row: dict[str, Any]) -> str:
    """A figure with its unit."""
    value = row["value"]
    digits = ",.0f" if abs(value) >= 1000 else ".3g" if row["unit"] == "times" else ".4g"
    return f"{value:{digits}} {row['unit']}"


def page(records: Iterable[dict[str, Any]]) -> str:
    """Markdown: a table for each benchmark."""
    parts = [
        "# Measured figures\n",
        "Made of the files in `tests/benchmarks/measured` by `python tests/benchmarks/figures.py"
        " tests/benchmarks/measured/*.json`; each is what the command above its table wrote with `--json FILE`."
        " `--compare FILE` says what became slower since. The load is the machine's, before and behind the run: what"
        " is no ratio (`times`) is lower than a quiet machine would have it where that is more than 1.\n",
    ]
    for record in sorted(records, key=lambda record: (record["benchmark"], record["arguments"])):
        machine, arguments = record["machine"], "".join(f" {word}" for word in record["arguments"])
        about = (
            f"{machine['processor']}, {machine['cores']} cores, load {machine['load'][0]} and {machine['load'][-1]}"
        )
        parts.append(f"## {record['benchmark']}\n")
        parts.append(f"`python tests/benchmarks/{record['benchmark']}.py{arguments}`\n")
        parts.append(f"{about}; Python {machine['python']}, {record['day']}, {record['commit']}\n")
        rows = [f"| {row['name'].replace('|', chr(92) + '|')} | {shown(row)} |" for row in record["figures"]]
        parts.append("\n".join(["| | |", "|---|---|", *rows]) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(page(map(read, sys.argv[1:])))
