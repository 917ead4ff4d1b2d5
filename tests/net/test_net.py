"""What every verb writes, compared with what it wrote before: stdout and files byte for byte but for the last digit
of a number, the exit status, and the places (`file:line:column`) that stderr names.

`SEQCLI_NET=record pytest tests/net` writes anew what is expected; look at the difference before it is committed.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from support.inprocess import seqcli

from net import cases

HERE = Path(__file__).resolve().parent
RECORDS = os.environ.get("SEQCLI_NET") == "record"
NUMBER = re.compile(r"-?\d+\.\d+(?:e[-+]?\d+)?")
PLACE = re.compile(r"(?<![\w/])[\w.<>/-]+:\d+(?::\d+)?(?=:)")
# What a run of another day or version of seqcli says otherwise.
VOLATILE = [
    (re.compile(r"seqcli(:| )\d+\.\d+\.\d+\w*"), r"seqcli\g<1>V"),
    (re.compile(r'"version": "[^"]*"'), '"version": "V"'),
]


def observed(case: str, folder: Path) -> dict[str, Any]:
    """What a case does, as it is recorded."""
    line, _, given = case.partition(" < ")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    done = seqcli(*shlex.split(line), cwd=folder, input=cases.INPUTS[given] if given else b"")
    text = done.text
    for pattern, plain in VOLATILE:
        text = pattern.sub(plain, text)
    found: dict[str, Any] = {"status": done.returncode, "stdout": text.splitlines(keepends=True)}
    if done.returncode:
        found["places"] = PLACE.findall(done.stderr)
    assert "Traceback" not in done.stderr, case
    assert "this is a bug" not in done.stderr, case
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path not in before:
            name = path.relative_to(folder).as_posix()
            found.setdefault("files", {})[name] = path.read_text() if path.suffix != ".safetensors" else "a model"
            path.unlink()
    return found


def same(one: Any, other: Any) -> bool:
    """Whether two records are the same, but for the last digits of numbers: another processor rounds otherwise."""
    if isinstance(one, str) and isinstance(other, str):
        a, b = NUMBER.findall(one), NUMBER.findall(other)
        near = len(a) == len(b) and all(
            abs(float(x) - float(y)) <= 2 * 10.0 ** -len(x.partition(".")[2]) + 2e-4 * abs(float(x)) + 1e-6
            for x, y in zip(a, b, strict=True)
        )
        return near and NUMBER.sub("#", one) == NUMBER.sub("#", other)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return one == other


def expected(group: str) -> dict[str, Any]:
    """What is recorded of a group of cases."""
    path = HERE / "expected" / f"{group}.json"
    return json.loads(path.read_text()) if path.is_file() else {}


@pytest.mark.parametrize("group", cases.GROUPS)
def test_what_verbs_write_is_what_they_wrote(group: str, folder: Path) -> None:
    found = {case: observed(case, folder) for case in dict.fromkeys(cases.GROUPS[group])}
    if RECORDS:
        path = HERE / "expected" / f"{group}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    known = expected(group)
    differing = {case: (known.get(case), now) for case, now in found.items() if not same(known.get(case), now)}
    assert not differing, json.dumps(differing, ensure_ascii=False, indent=1)
    assert known.keys() == found.keys()


def test_a_changed_record_is_noticed() -> None:
    assert same({"stdout": ["a\t0.12345"]}, {"stdout": ["a\t0.12346"]})
    assert not same({"stdout": ["a\t0.1234"]}, {"stdout": ["a\t0.2234"]})
    assert not same({"stdout": ["a\t0.1234"]}, {"stdout": ["b\t0.1234"]})
    assert not same({"status": 0}, {"status": 1})
