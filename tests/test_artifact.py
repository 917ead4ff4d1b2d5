"""The one file: what is written comes back, the same bytes for the same model, and a failed write harms nothing."""

from __future__ import annotations

import ast
import errno
import inspect
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from support.examples import examples

from seqcli import artifact
from seqcli.artifact import Artifact, read, read_header, read_shapes, write
from seqcli.errors import SeqcliError

HEADER = {
    "kind": "model",
    "task": "language-model",
    "tokenizer": {"characters": 'a\n"é\u2028🙂'},
    "n": [1, 2.5, None],
}
ARRAYS = {
    "model.b": np.arange(6, dtype=np.float32).reshape(2, 3),
    "model.a": np.array(2.5),
    "tokenizer.words": np.frombuffer("é\n".encode(), np.uint8),
    "model.empty": np.zeros((0, 4), np.int64),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    write(path, HEADER, ARRAYS)
    return path


# round trips


def test_what_is_written_comes_back(path: Path) -> None:
    found = read(path)
    assert found.path == path
    assert {k: found.header[k] for k in HEADER} == HEADER
    assert found.header["format"] == artifact.FORMAT
    assert found.header["version"]
    assert read_header(path) == found.header
    assert found.arrays.keys() == ARRAYS.keys()
    for name, a in ARRAYS.items():
        np.testing.assert_array_equal(found.arrays[name], a)
        assert found.arrays[name].dtype == a.dtype
        assert found.arrays[name].shape == a.shape
    shapes = {n: shape for n, (shape, _) in read_shapes(path).items()}
    assert shapes == {n: a.shape for n, a in ARRAYS.items()}
    assert read_shapes(path)["model.b"][1] == "F32"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
NUMBERS = st.sampled_from(["float32", "float64", "uint8", "int32", "int64", "uint16", "bool"])
TABLES = hnp.arrays(NUMBERS, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))


@settings(max_examples=examples(40), deadline=None)
@given(
    header=st.dictionaries(st.sampled_from("abcd"), JSON), arrays=st.dictionaries(st.text("xyz.", min_size=1), TABLES)
)
def test_any_header_and_arrays_come_back(
    tmp_path_factory: pytest.TempPathFactory, header: dict[str, Any], arrays: dict[str, np.ndarray]
) -> None:
    path = tmp_path_factory.mktemp("any") / "x"
    write(path, header, arrays)
    found = read(path)
    assert {k: v for k, v in found.header.items() if k in header} == header
    assert found.arrays.keys() == arrays.keys()
    for name, a in arrays.items():
        np.testing.assert_array_equal(found.arrays[name], a)
        assert (found.arrays[name].dtype, found.arrays[name].shape) == (a.dtype, a.shape)


def test_arrays_of_any_memory_layout(tmp_path: Path) -> None:
    a = np.arange(12.0).reshape(3, 4)
    write(tmp_path / "x", {}, {"f": np.asfortranarray(a), "t": a.T, "s": a[::2, ::-1]})
    found = read(tmp_path / "x").arrays
    for name, expected in (("f", a), ("t", a.T), ("s", a[::2, ::-1])):
        np.testing.assert_array_equal(found[name], expected)


def test_arrays_of_every_type_that_is_written(tmp_path: Path) -> None:
    kinds = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
    kinds += ["float16", "float32", "float64", "bool"]
    write(tmp_path / "x", {}, {kind: np.array([0, 1, 100], kind) for kind in kinds})
    found = read(tmp_path / "x").arrays
    assert {name: (a.dtype.name, a.tolist()) for name, a in found.items()} == {
        kind: (kind, [False, True, True] if kind == "bool" else [0, 1, 100]) for kind in kinds
    }


def test_part_takes_the_names_below_a_prefix() -> None:
    stored = Artifact(Path("x"), {}, {"model.a.b": np.zeros(1), "model.c": np.ones(1), "models.d": np.ones(1)})
    assert list(stored.part("model")) == ["a.b", "c"]
    assert stored.part("mod") == {}


def test_the_same_model_gives_the_same_bytes(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    write(other, dict(reversed(HEADER.items())), dict(reversed(ARRAYS.items())))
    assert other.read_bytes() == path.read_bytes()
    again = read(path)
    kept = {k: v for k, v in again.header.items() if k not in ("format", "version", "checksum")}
    write(other, kept, again.arrays)
    assert other.read_bytes() == path.read_bytes()
    write(other, {**HEADER, "n": 3}, ARRAYS)
    assert other.read_bytes() != path.read_bytes()


def test_the_header_is_one_key_of_canonical_json(path: Path) -> None:
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    metadata = json.loads(data[8 : 8 + size])["__metadata__"]
    assert list(metadata) == ["seqcli"]
    header = json.loads(metadata["seqcli"])
    assert metadata["seqcli"] == json.dumps(header, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def test_keys_that_are_numbers_become_text_as_json_has_it(tmp_path: Path) -> None:
    write(tmp_path / "x", {"by_id": {10: "b", 9: "a"}}, {})
    assert read(tmp_path / "x").header["by_id"] == {"10": "b", "9": "a"}


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parent / "net" / "models").glob("*.safetensors")), ids=lambda p: p.name
)
def test_files_written_long_ago_are_read(path: Path) -> None:
    assert read(path).header == read_header(path)


# writing


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SystemExit, OSError])
def test_a_block_that_fails_leaves_the_old_file_and_no_trace(tmp_path: Path, failure: type[BaseException]) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def write_half(to: Path) -> None:
        with artifact.replacing(to) as file:
            file.write(b"new")
            raise failure

    for name in ("file", "fresh"):
        with pytest.raises(failure):
            write_half(tmp_path / name)
        assert path.read_bytes() == b"old"
        assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failing_disk_leaves_the_old_file_and_no_trace(
    path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    before = path.read_bytes()

    def fail(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(*((os, "fsync") if call == "fsync" else (Path, "replace")), fail)
    with pytest.raises(SeqcliError, match=r"cannot write .*No space left") as error:
        write(path, {}, {"a": np.zeros(1000)})
    assert str(path) in error.value.message
    assert "free some space" in error.value.hint
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB; only root can make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("no mount command")
    if mounted.returncode:
        pytest.skip("cannot mount a small file system here: not root, or in a container")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_leaves_the_old_file_and_no_trace(small_disk: Path) -> None:
    path = small_disk / "model"
    write(path, HEADER, ARRAYS)
    before = path.read_bytes()
    with pytest.raises(SeqcliError, match="No space left") as error:
        write(path, HEADER, {"a": np.zeros(100_000)})
    assert "free some space" in error.value.hint
    assert path.read_bytes() == before
    assert list(small_disk.iterdir()) == [path]
    write(path, HEADER, {"a": np.zeros(10)})  # and the space is free again
    read(path)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SeqcliError, match=r"cannot write .*No such file or directory") as error:
        write(tmp_path / "missing" / "model", {}, {})
    assert error.value.hint == ""


def test_the_file_is_on_the_disk_before_it_takes_its_name(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (order.append("sync"), fsync(fd)))
    monkeypatch.setattr(Path, "replace", lambda self, to: (order.append("rename"), replace(self, to))[1])
    write(path, {}, {})
    assert order == ["sync", "rename", "sync"]  # the file, its name, the folder that holds the name


# no pickle


def test_reading_and_writing_use_no_pickle(tmp_path: Path) -> None:
    names = {
        name.name
        for node in ast.walk(ast.parse(inspect.getsource(artifact)))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (node.names if isinstance(node, ast.Import) else [ast.alias(node.module or "")])
    }
    assert not names & {"pickle", "marshal", "shelve", "dill", "joblib"}
    program = """
import sys, pathlib, numpy as np
import pickle  # NumPy imports it by itself: what counts is that nobody calls it
def forbidden(*_, **__): raise SystemExit("pickle was used")
pickle.load = pickle.loads = pickle.dump = pickle.dumps = pickle.Pickler = pickle.Unpickler = forbidden
from seqcli import artifact
path = pathlib.Path(sys.argv[1])
artifact.write(path, {"a": 1}, {"b": np.ones(3)})
artifact.read(path)
assert "torch" not in sys.modules
"""
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "x")], cwd=root, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()


# what dead writers left


def test_what_a_dead_writer_left_goes_at_once_what_a_living_one_writes_stays(tmp_path: Path) -> None:
    code = f"import os\nfrom pathlib import Path\nfrom seqcli.artifact import replacing\nwith replacing(Path({str(tmp_path / 'x')!r})): os._exit(0)"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert len(list(tmp_path.iterdir())) == 1
    with artifact.replacing(tmp_path / "x") as file:
        assert [p.stat().st_ino for p in tmp_path.iterdir()] == [os.fstat(file.fileno()).st_ino]
        artifact.sweep(tmp_path)
        file.write(b"x")
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize("locks", [True, False])
def test_where_no_lock_tells_a_day_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locks: bool) -> None:
    """Of another machine, whose locks may not be seen here, and on a file system without any."""
    if not locks:
        monkeypatch.setattr(artifact, "hold", lambda _: None)
    machine = "0000" if locks and artifact.MACHINE != "0000" else artifact.MACHINE
    for name, age in (("young", 0), ("old", artifact.DAY + 60), ("no.tmp", 0)):
        left = tmp_path / (f".{name}.{machine}0123456789ab.tmp" if name != "no.tmp" else ".x.foreign.tmp")
        left.touch()
        os.utime(left, (time.time() - age,) * 2)
    artifact.sweep(tmp_path, "young")
    artifact.sweep(tmp_path)
    assert sorted(p.name[:3] for p in tmp_path.iterdir()) == [".x.", ".yo"]


def test_a_file_swept_before_it_is_held_is_begun_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, held = artifact.hold, []

    def late(descriptor: int) -> bool | None:
        if not held:
            next(tmp_path.glob(".*.tmp")).unlink()
        held.append(descriptor)
        return real(descriptor)

    monkeypatch.setattr(artifact, "hold", late)
    with artifact.replacing(tmp_path / "x") as file:
        file.write(b"x")
    assert len(held) == 2
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("x", b"x")]
