"""Model files that were changed: a working model with finite answers, or one line of error, little time and memory.

Headers and arrays are changed and signed again, parts swapped between models; bytes are changed as a disk does.
"""

from __future__ import annotations

import copy
import dataclasses
import itertools
import json
import math
import os
import random
import resource
import time
import traceback
import unicodedata
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import inprocess

from seqcli import api, artifact, registry
from seqcli.errors import SeqcliError
from seqcli.streams import Chunk

RUNS = [
    *(("home", run) for run in ("tiny", "bytes", "counted", "looking")),
    *(("taggers", run) for run in ("pos", "ner", "fed", "counted", "spaces", "attention")),
    *(
        ("classifiers", run)
        for run in ("remarks", "topics", "names", "octets", "pieces", "bag", "linear", "trees", "attention")
    ),
    *(("translators", run) for run in ("back", "former")),
    *(
        ("net", name) for name in ("waves", "waves-linear", "waves-tags", "beeps-ctc", "tides", "plurals", "forms")
    ),  # kept as files
]
VALUES = [None, True, -1, 0, 1, 7, 10**6, 0.5, -0.5, 1e300, "", "x", "lstm", "char", [], ["x"], [1, 2], {}, {"x": 1}]
FIGURES = [math.nan, math.inf, -math.inf, 3e38, -3e38, 1e30, 1e9, 1e-45, 0.0, -1.0]
TYPES = ["f2", "f4", "f8", "u1", "i1", "i4", "i8", "u8", "?"]
LINES = ["a cat", "", "The dog ran ."]
TREES = ["(2 (1 the) (2 good))", "", "(0 (1 not) (2 (1 a) (2 fine)))"]
SECONDS, MEMORY = 5, 1 << 30
NAMES = ["/".join(run) for run in RUNS]
SLOW = 100_000 // len(RUNS) + 1  # mutations of a model in the slow test


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all parts of a header."""
    if path:
        yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from leaves(part, (*path, key))


# each changes a header and arrays that are its own, and says what it did; `other` is another model


def change_header(header: dict[str, Any], arrays: dict[str, Any], other: artifact.Artifact, draw: Any) -> str:
    """One or two parts replaced or removed."""
    done = []
    for _ in range(draw.choice([1, 1, 2])):
        section = draw.choice(sorted(header))
        path = draw.choice(list(leaves({section: header[section]})))
        within: Any = header
        for key in path[:-1]:
            within = within[key]
        if draw.random() < 0.2:
            del within[path[-1]]
            done.append(f"without {path}")
        else:
            within[path[-1]] = draw.choice(VALUES)
            done.append(f"{path} is {within[path[-1]]!r}")
    return ", ".join(done)


def change_figures(header: dict[str, Any], arrays: dict[str, Any], other: artifact.Artifact, draw: Any) -> str:
    """One number of an array, or all."""
    name, figure = draw.choice(sorted(arrays)), draw.choice(FIGURES)
    array = arrays[name] = arrays[name].copy()
    if array.dtype.kind != "f":
        figure = (
            draw.choice([0, 1, np.iinfo(array.dtype).min, np.iinfo(array.dtype).max]) if array.dtype != bool else True
        )
    at = draw.randrange(array.size) if array.size and draw.random() < 0.5 else slice(None)
    array.reshape(-1)[at] = figure
    return f"{name}[{at}] = {figure}"


def change_type(header: dict[str, Any], arrays: dict[str, Any], other: artifact.Artifact, draw: Any) -> str:
    """An array of another type."""
    name, kind = draw.choice(sorted(arrays)), draw.choice(TYPES)
    arrays[name] = arrays[name].astype(kind)
    return f"{name} as {kind}"


def change_shape(header: dict[str, Any], arrays: dict[str, Any], other: artifact.Artifact, draw: Any) -> str:
    """An array turned, flat, with one more axis, shorter, longer or empty."""
    name = draw.choice(sorted(arrays))
    array = arrays[name]
    shapes = [array.T, array.reshape(-1), array[None], array[..., None], array[:-1] if array.ndim else array]
    shapes += [
        np.concatenate([array, array]) if array.ndim else array,
        array.reshape(-1)[:0],
        np.zeros((), array.dtype),
    ]
    arrays[name] = draw.choice(shapes)
    return f"{name} {array.shape} is {arrays[name].shape}"


def change_names(header: dict[str, Any], arrays: dict[str, Any], other: artifact.Artifact, draw: Any) -> str:
    """An array missing, renamed, twice, or two of them swapped."""
    one, two = draw.choice(sorted(arrays)), draw.choice(sorted(arrays))
    done = draw.choice(["without", "renamed", "twice", "swapped with", "is"])
    if done == "swapped with":
        arrays[one], arrays[two] = arrays[two], arrays[one]
    elif done == "is":
        arrays[one] = arrays[two]
    else:
        array = arrays[one] if done == "twice" else arrays.pop(one)
        if done != "without":
            arrays[draw.choice([f"{one}x", f"model.{one}", "model.x", "x", one.partition(".")[2] or "y"])] = array
    return f"{one} {done} {two}"


def change_parts(header: dict[str, Any], arrays: dict[str, Any], other: artifact.Artifact, draw: Any) -> str:
    """Another model's arrays, or its part of a name: of the header, the arrays, or both."""
    done = draw.choice(["all arrays", "header", "arrays", "both"])
    part = draw.choice(sorted({*other.header, *(n.partition(".")[0] for n in other.arrays)}))
    if done == "all arrays":
        arrays.clear()
        arrays.update(other.arrays)
    if done in ("header", "both"):
        header.pop(part, None)
        header.update({k: copy.deepcopy(v) for k, v in other.header.items() if k == part})
    if done in ("arrays", "both"):
        for name in [n for n in arrays if n.partition(".")[0] == part]:
            del arrays[name]
        arrays.update({n: a for n, a in other.arrays.items() if n.partition(".")[0] == part})
    return f"{done} of {other.path}: {part}"


def change_bytes(path: Path, draw: Any) -> str:
    """A file as a disk or a cable makes it, not signed."""
    data, done = bytearray(path.read_bytes()), draw.choice(["flipped", "cut", "inserted", "length", "json"])
    begin = 8 + int.from_bytes(data[:8], "little")
    at = draw.randrange(len(data)) if done != "json" else draw.randrange(8, begin)
    if done == "flipped":
        data[at] ^= 1 << draw.randrange(8)
    elif done == "cut":
        del data[at : at + draw.choice([1, 8, len(data)])]
    elif done == "inserted":
        data[at:at] = draw.randbytes(draw.choice([1, 8, 1000]))
    elif done == "length":
        data[:8] = draw.choice([0, 1, begin - 9, begin, len(data), 1 << 31, (1 << 63) - 1, (1 << 64) - 1]).to_bytes(
            8, "little"
        )
    else:
        data[at] = draw.choice(b'0129{}[]":,\\ax\xff\0')
    path.write_bytes(data)
    return f"{done} at {at}"


CHANGES = (change_header, change_header, change_figures, change_type, change_shape, change_names, change_parts)


def mutate(path: Path, stored: artifact.Artifact, others: list[artifact.Artifact], seed: int) -> str:
    """Write a changed model; what was done."""
    draw = random.Random(f"{stored.path.parent.name} {seed}")
    header, arrays, change = copy.deepcopy(stored.header), dict(stored.arrays), draw.choice([*CHANGES, None])
    what = change(header, arrays, draw.choice(others), draw) if change else ""
    try:
        artifact.write(path, header, arrays)
    except (SeqcliError, TypeError):  # nothing that a file can hold
        artifact.write(path, stored.header, stored.arrays)
    return what or change_bytes(path, draw)


# what the verbs ask of a model


def answers(model: Any) -> Iterator[Any]:
    """All that the verbs of a task ask of a predictor."""
    lines = TREES if model.header["model"]["kind"] == "recursive" else LINES
    if "frames" in model.header:
        lines = ["0.1,2 0.3,4", "", "5,6"] if model.task == "tagging" else ["0.1,0.3,1:2,4,0", "", "5:6"]
    elif model.header.get("tokenizer", {}).get("kind") == "bins":
        lines = ["1 2.5 7", "", "3"]
    one = lines[0] if lines is not LINES else ""
    if model.task == "tagging":
        for line in lines:
            words = line.split()
            yield model.tag(words, dict.fromkeys(model.features, words))
        if model.features:
            return  # lines lack them
    elif model.task == "classification":
        read = model.reader().feed(Chunk("".join(f"{line}\n" for line in lines), "<lines>", 1))
        yield model.answer([model.ready(record) for record in read])
    elif model.task == "language-model":
        yield model.next(one or "a cat")
    else:
        yield model.answers(one or "abc", n=2, beam=2)
    asked = {"max_tokens": 8} if model.task == "language-model" else {}
    assert len(list(model.filter(lines, **asked))) == len(lines)


def numbers(value: Any) -> Iterator[float]:
    """All floating-point numbers within answers."""
    if isinstance(value, np.ndarray):
        yield from value.reshape(-1).tolist()
    elif dataclasses.is_dataclass(value):
        yield from numbers(vars(value))
    elif isinstance(value, Mapping):
        yield from itertools.chain.from_iterable(map(numbers, value.values()))
    elif isinstance(value, list | tuple):
        yield from itertools.chain.from_iterable(map(numbers, value))
    elif isinstance(value, float | np.floating):
        yield float(value)


def use(path: Path) -> str:
    """Open a model and use it as the verbs do: what it is refused with, or nothing."""
    refused = ""
    try:
        model = api.load(path)
        assert all(map(math.isfinite, numbers(list(answers(model))))), "an answer is not finite"
    except SeqcliError as error:
        refused = error.message
    assert not any(unicodedata.category(c) == "Cc" for c in refused), refused
    assert "MemoryError" not in refused, refused
    return refused


def check(path: Path, stored: artifact.Artifact, others: list[artifact.Artifact], seeds: range) -> dict[str, Any]:
    """Use a model with each of so many mutations: how many were refused, and what they took."""
    refused, slowest, before = 0, (0.0, ""), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for seed in seeds:
        what = f"{stored.path}: seed {seed}: {mutate(path, stored, others, seed)}"
        began = time.monotonic()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                refused += bool(use(path))
            done = inprocess.seqcli("inspect", path, "--arrays", cwd=path.parent) if seed % 4 == 0 else None
        except Exception as error:
            raise AssertionError(what) from error
        if done is not None:
            assert done.returncode in (0, 1, 2), what
            assert done.stderr.count("\n") <= 3, (what, done.stderr)
            assert "a bug" not in done.stderr, (what, done.stderr)
        slowest = max(slowest, (time.monotonic() - began, what))
        memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
        assert slowest[0] < SECONDS, slowest
        assert memory < MEMORY, what
    return {"tries": len(seeds), "refused": refused, "slowest": slowest, "memory": memory}


def within_memory(work: Any) -> dict[str, Any]:
    """What a function returns in a process of its own that may not take more than `MEMORY` above what it has."""
    read, write = os.pipe()
    if not (child := os.fork()):
        try:
            now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, resource.RLIM_INFINITY))
            said = {"done": work()}
        except BaseException:
            said = {"failed": traceback.format_exc()}
        os.write(write, json.dumps(said).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = json.loads(pipe.read() or b'{"failed": "it died"}')
    os.waitpid(child, 0)
    assert "done" in said, said["failed"]
    return said["done"]


# the tests


@pytest.fixture(scope="module")
def models(home, taggers, classifiers, translators) -> dict[str, artifact.Artifact]:
    """The models of `RUNS`."""
    folders = {"home": home, "taggers": taggers, "classifiers": classifiers, "translators": translators}
    kept = Path(__file__).parents[1] / "net/models"
    return {
        f"{f}/{run}": artifact.read(
            kept / f"{run}.safetensors" if f == "net" else folders[f] / "runs" / run / "model.safetensors"
        )
        for f, run in RUNS
    }


@pytest.fixture(autouse=True)
def unflushed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that is written here needs to survive."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


def test_every_kind_of_model_is_among_them(models):
    assert {m.header["model"]["kind"] for m in models.values()} == {*registry.names("models")}, "add a run to RUNS"


@pytest.mark.parametrize("name", NAMES)
def test_some_mutations(models, tmp_path, name):
    stored, others = models[name], [m for n, m in models.items() if n != name]
    assert use(stored.path) == ""
    assert check(tmp_path / "m.safetensors", stored, others, range(9))["refused"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_many_mutations(models, tmp_path, name):
    stored, others = models[name], [m for n, m in models.items() if n != name]
    print(within_memory(lambda: check(tmp_path / "m.safetensors", stored, others, range(10_000, 10_000 + SLOW))))
