"""Matrices stored in less than float32: how near they stay, and that writing again changes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import save_file
from support.examples import examples

from seqcli import artifact
from seqcli.errors import SeqcliError
from seqcli.precision import KINDS, LEAST, pack, rows_of_int8, unpack

FLOATS = st.floats(-1e9, 1e9, width=32, allow_subnormal=False)
MATRICES = hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=3, max_side=6), elements=FLOATS)


@settings(max_examples=examples(200), deadline=None)
@given(MATRICES, st.sampled_from(KINDS))
def test_what_was_read_is_written_again_with_the_same_bits(matrix: np.ndarray, kind: str) -> None:
    once = pack({"w": matrix}, kind)
    again = pack(unpack(once), kind)
    assert once.keys() == again.keys()
    for name, array in once.items():
        assert array.tobytes() == again[name].tobytes()
        assert array.dtype == again[name].dtype


@settings(max_examples=examples(200), deadline=None)
@given(MATRICES)
def test_a_row_of_int8_is_off_by_half_a_step_at_most(matrix: np.ndarray) -> None:
    rows, scale = rows_of_int8(matrix)
    steps = np.abs(matrix).max(axis=-1).astype(np.float64) / 127
    assert np.all((scale == 0) == (steps < LEAST))
    assert np.all(scale >= steps * (1 - 1e-7) - LEAST)
    assert np.all(scale <= steps * (1 + 2**-14))
    off = np.abs(rows * scale[..., None].astype(np.float64) - matrix)
    assert np.all(off <= 0.5001 * scale[..., None] + 127 * LEAST)


def test_vectors_integers_and_what_is_beyond_float16_stay() -> None:
    arrays = {
        "vector": np.full(3, 0.1, np.float32),
        "wide": np.full((2, 2), 0.1),
        "ids": np.eye(2, dtype=np.int64),
        "empty": np.zeros((0, 3), np.float32),
    }
    for kind in KINDS:
        assert all(pack(arrays, kind)[name] is array for name, array in arrays.items())
    large = np.array([[1.0, 7e4]], np.float32)
    assert pack({"w": large}, "float16")["w"] is large


def test_a_file_keeps_less_and_gives_float32(tmp_path: Path) -> None:
    matrix = np.random.default_rng(0).standard_normal((64, 256), np.float32)
    arrays = {"model.w": matrix, "model.b": matrix[0].copy()}
    sizes = {}
    for kind in KINDS:
        path = tmp_path / kind
        artifact.write(path, {"precision": {"kind": kind}}, arrays)
        sizes[kind], found = path.stat().st_size, artifact.read(path)
        assert {name: a.dtype for name, a in found.arrays.items()} == dict.fromkeys(arrays, np.dtype("float32"))
        np.testing.assert_array_equal(found.arrays["model.b"], matrix[0])
        artifact.write(tmp_path / "again", found.header, found.arrays)
        assert (tmp_path / "again").read_bytes() == path.read_bytes()
    np.testing.assert_array_equal(artifact.read(tmp_path / "float16").arrays["model.w"], matrix.astype(np.float16))
    assert sizes["int8"] < 0.3 * matrix.nbytes < sizes["float16"] < 0.55 * matrix.nbytes


def test_scales_that_do_not_fit_are_told(tmp_path: Path) -> None:
    path = tmp_path / "odd"
    arrays = {"model.w": np.ones((2, 3), np.int8), "scale.model.w": np.ones(5, np.float32)}
    artifact.write(path, {}, arrays)
    header = {**artifact.read_header(path), "precision": {"kind": "int8"}}
    header["checksum"] = artifact._checksum({k: v for k, v in header.items() if k != "checksum"}, arrays)
    save_file(arrays, path, {"seqcli": json.dumps(header)})
    with pytest.raises(SeqcliError, match="does not describe a model that this seqcli knows"):
        artifact.read(path)
