"""A file that is cut short, damaged, foreign or of another format is refused: by a SeqcliError that names it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from safetensors.numpy import save_file
from support.examples import examples

from seqcli import artifact
from seqcli.artifact import read, read_header, read_shapes, write
from seqcli.errors import SeqcliError

READERS = [read, read_header, read_shapes]
readers = pytest.mark.parametrize("reader", READERS, ids=lambda f: f.__name__)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    header = {"kind": "model", "tokenizer": {"characters": 'a\n"é\u2028🙂'}, "n": [1, 2.5, None]}
    arrays = {"model.b": np.arange(6, dtype=np.float32).reshape(2, 3), "model.a": np.array(2.5)}
    write(path, header, arrays)
    return path


def refused(path: Path, reader: Callable[[Path], Any] = read) -> SeqcliError:
    """The error for a bad file: a SeqcliError that names it; anything else fails the test."""
    with pytest.raises(SeqcliError) as error:
        reader(path)
    assert str(path) in error.value.message
    assert error.value.status == 1
    return error.value


def test_a_file_cut_anywhere_is_refused(path: Path, tmp_path: Path) -> None:
    data, cut = path.read_bytes(), tmp_path / "cut"
    for length in range(0, len(data), max(1, len(data) // 60)):
        cut.write_bytes(data[:length])
        for reader in READERS:
            refused(cut, reader)
    cut.write_bytes(data + b"\0")
    refused(cut)


def test_a_flipped_bit_anywhere_is_refused(path: Path, tmp_path: Path) -> None:
    """In the lengths, in the header's text, in the names and types, in the weights."""
    data, damaged = path.read_bytes(), tmp_path / "damaged"
    for at in range(len(data)):
        flipped = bytearray(data)
        flipped[at] ^= (1, 2, 32, 128)[at % 4]
        damaged.write_bytes(flipped)
        refused(damaged)


@settings(max_examples=examples(60), deadline=None)
@given(data=st.binary(max_size=64))
def test_random_bytes_are_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "random-bytes"
    for prefix in (b"", len(data).to_bytes(8, "little")):
        path.write_bytes(prefix + data)
        for reader in READERS[:2]:
            refused(path, reader)


@readers
def test_what_is_no_file_is_refused(tmp_path: Path, path: Path, reader: Callable[[Path], Any]) -> None:
    assert "no such model" in refused(tmp_path / "missing", reader).message
    assert "no such model" in refused(path / "below-a-file", reader).message
    assert "folder" in refused(tmp_path, reader).message
    assert "no such model" in refused(tmp_path / ("x" * 300), reader).message
    empty = tmp_path / "empty"
    empty.touch()
    refused(empty, reader)
    assert "not a regular file" in refused(Path(os.devnull), reader).message


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {},
        {"format": "pt"},
        {"seqcli": ""},
        {"seqcli": "[]"},
        {"seqcli": "3"},
        {"seqcli": "{}"},
        {"seqcli": '{"format": "one"}'},
        {"seqcli": '{"format": null}'},
        {"seqcli": '{"format": {}}'},
        {"seqcli": f'{{"format": {artifact.FORMAT}, "score": NaN}}'},
        {"seqcli": "[" * 100_000},
    ],
    ids=lambda m: str(m)[:30],
)
def test_a_foreign_safetensors_file_is_refused(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    path = tmp_path / "foreign"
    save_file({"a": np.zeros(2)}, path, metadata)
    for reader in (read, read_header):
        error = refused(path, reader)
        assert "not one that seqcli wrote" in error.message
        assert "seqcli train" in error.hint


@pytest.mark.parametrize(("number", "todo"), [(artifact.FORMAT + 1, "install the version"), (0, "train it again")])
def test_another_format_number_says_what_to_do(tmp_path: Path, number: int, todo: str) -> None:
    path = tmp_path / "other"
    save_file({}, path, {"seqcli": json.dumps({"format": number, "version": "9.9"})})
    for reader in (read, read_header):
        error = refused(path, reader)
        assert f"format {number} by seqcli 9.9" in error.message
        assert todo in error.hint


TEXTS = ["version", "kind", "task", "created", "checksum"]
OBJECTS = ["model", "recipe", "tokenizer", "target_tokenizer", "data", "scores", "decoding", "progress"]


@pytest.mark.parametrize("name", [*TEXTS, *OBJECTS])
def test_a_part_of_the_header_that_is_of_another_kind_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "odd"
    for value in (None, 1, [], {} if name in TEXTS else "text"):
        save_file({}, path, {"seqcli": json.dumps({"format": artifact.FORMAT, name: value})})
        for reader in (read, read_header):
            assert f"its header is damaged: {name} is {str(value)!r}" in refused(path, reader).message


def test_array_types_that_numpy_lacks_are_refused(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file as save_torch

    path = tmp_path / "bfloat16"
    save_torch({"a": torch.zeros(2, dtype=torch.bfloat16)}, path, {"seqcli": json.dumps({"format": artifact.FORMAT})})
    assert "type" in refused(path).message


def test_weights_swapped_between_files_are_refused(path: Path, tmp_path: Path) -> None:
    found = read(path)
    other = tmp_path / "swapped"
    metadata = {"seqcli": json.dumps(found.header)}
    save_file({**found.arrays, "model.b": found.arrays["model.b"] + 1}, other, metadata)
    assert "damaged" in refused(other).message
    save_file(found.arrays, other, {"seqcli": json.dumps({**found.header, "n": 0})})
    assert "damaged" in refused(other).message
    save_file(found.arrays, other, metadata)
    read(other)


def test_a_number_that_json_lacks_is_a_mistake_of_the_program(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write(tmp_path / "x", {"score": float("nan")}, {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_header_above_the_limit_of_safetensors_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SeqcliError, match="too long: use arrays"):
        write(tmp_path / "x", {"words": "a" * 100_000_000}, {})
    assert list(tmp_path.iterdir()) == []


def test_weights_that_another_program_made_half_as_precise_are_told(path: Path, tmp_path: Path) -> None:
    found, other = read(path), tmp_path / "half"
    save_file({n: a.astype(np.float16) for n, a in found.arrays.items()}, other, {"seqcli": json.dumps(found.header)})
    error = refused(other)
    assert "model.a is float16: another program converted it" in error.message
    assert error.hint == "use the file that seqcli train wrote"


class Strict(BaseModel):
    """A part of a header with a typed number in a list."""

    sizes: list[int]


def fail(cause: Any) -> None:
    """Raise an error, or what a function does."""
    raise cause if isinstance(cause, Exception) else AssertionError(cause())


@pytest.mark.parametrize(
    ("cause", "message"),
    [
        (SeqcliError("no such cell"), "PATH: no such cell"),
        (SeqcliError("PATH: no such cell"), "PATH: no such cell"),
        (KeyError("hidden"), "(KeyError: 'hidden')"),
        (ValueError("one\ntwo"), "(ValueError: one)"),
        (ValueError("x" * 1000), f"(ValueError: {'x' * 188})"),
        (lambda: Strict(sizes=[1, "a"]), "(sizes.1: Input should be a valid integer, unable to"),  # type: ignore[list-item]
    ],
    ids=lambda v: str(v)[:20],
)
def test_whatever_goes_wrong_with_what_a_file_says_is_one_line(cause: Any, message: str) -> None:
    path = Path("PATH")
    with pytest.raises(SeqcliError) as error, artifact.restoring(path):
        fail(cause)
    told = error.value.message
    assert told == message if isinstance(cause, SeqcliError) else message in told
    assert told.startswith("PATH: ")
    assert "\n" not in told


def test_no_part_of_a_header_steers_a_terminal() -> None:
    with pytest.raises(SeqcliError) as error, artifact.restoring(Path("m")):
        raise ValueError("a\x1b[1m\x9b")
    assert error.value.message.endswith("(ValueError: a\\u001b[1m\\u009b)")
