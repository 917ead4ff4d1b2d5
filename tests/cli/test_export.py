"""`seqcli export`: smaller models that every verb opens, and what it says."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import numpy as np
import pytest
from support.inprocess import seqcli

from seqcli import artifact, predictor
from seqcli.export import smaller
from seqcli.export.onnx import Session

MODELS = Path(__file__).parents[1] / "net" / "models"
COUNTED = {"lm-counted", "tags-counted", "linear"}


@pytest.mark.parametrize("kind", ["float16", "int8"])
@pytest.mark.parametrize("path", sorted(MODELS.glob("*.safetensors")), ids=lambda p: p.stem)
def test_every_kind_of_model_is_made_smaller_or_refused(path: Path, kind: str, tmp_path: Path) -> None:
    stored, other = artifact.read(path), tmp_path / "model.safetensors"
    done = seqcli("export", path, "--to", "safetensors", "--precision", kind, "--unscored", "-o", other, cwd=tmp_path)
    if path.stem in COUNTED:
        assert done.returncode == 2
        assert "no float32 matrices" in done.stderr
        assert not other.exists()
        return
    assert done.returncode == 0, done.stderr
    assert "not scored" in done.stderr
    found = artifact.read(other)
    assert type(predictor.load(found)) is type(predictor.load(stored))
    for name, array in stored.arrays.items():
        if array.dtype == np.float32:
            np.testing.assert_allclose(found.arrays[name], array, atol=np.abs(array).max(initial=0) / 250)
        else:
            np.testing.assert_array_equal(found.arrays[name], array)


@pytest.mark.parametrize(
    ("fixture", "run"), [("home", "tiny"), ("taggers", "pos"), ("classifiers", "remarks"), ("translators", "back")]
)
def test_scores_before_and_after_are_printed_and_kept(request, fixture: str, run: str, tmp_path: Path) -> None:
    home = request.getfixturevalue(fixture)
    other, stored = tmp_path / "int8", artifact.read_header(home / "runs" / run / "model.safetensors")
    done = seqcli("export", run, "--to", "safetensors", "--precision", "int8", "-o", other, cwd=home)
    assert done.returncode == 0, done.stderr
    assert f"{other}: {other.stat().st_size:,} bytes" in done.text
    kept = artifact.read_header(other)
    assert kept["precision"]["before"].keys() == kept["scores"].keys() == {"valid", "test"} & stored["scores"].keys()
    for split, before in kept["precision"]["before"].items():
        assert before["signature"] == kept["scores"][split]["signature"]
        assert before["signature"] in done.text
    report = json.loads(seqcli("eval", "-m", other, "--json", "--split", "valid", cwd=home).text)
    figure = next(name for name in ("cross-entropy", "accuracy", "chrf") if name in report)
    assert report[figure] == pytest.approx(kept["scores"]["valid"][figure], rel=1e-6)
    assert "in float32" in seqcli("inspect", other, cwd=home).text


def test_a_copy_written_again_stays_as_small(tmp_path: Path) -> None:
    """What a verb keeps in a model's file is written into a smaller one too."""
    other = tmp_path / "int8"
    smaller.write(artifact.read(MODELS / "remarks.safetensors"), "int8", other, scored=False)
    stored = artifact.read(other)
    artifact.write(other, {**stored.header, "decoding": {"thresholds": {}}}, stored.arrays)
    again = artifact.read(other)
    assert artifact.read_shapes(other)["model.stack.cells.0.0.weight_hh"][1] == "I8"
    for name, array in stored.arrays.items():
        np.testing.assert_array_equal(again.arrays[name], array)


ONNX = {"lm", "lm-words", "lm-attention", "tides", "pos", "pos-attention", "ner", "spaces", "forms", "remarks"}
ONNX |= {"remarks-attention", "topics", "waves-tags", "waves", "back", "digits", "beeps", "beeps-ctc", "plurals"}


@pytest.mark.parametrize("path", sorted(MODELS.glob("*.safetensors")), ids=lambda p: p.stem)
def test_every_kind_of_model_is_a_graph_or_refused_by_name(path: Path, tmp_path: Path) -> None:
    stored = artifact.read_header(path)
    done = seqcli("export", path, "--to", "onnx", "--unscored", "-o", "x.onnx", cwd=tmp_path)
    if path.stem not in ONNX:
        assert done.returncode == 2
        assert "has no graph" in done.stderr
        assert list(tmp_path.iterdir()) == []
        return
    assert done.returncode == 0, done.stderr
    pair = stored["task"] == "sequence-to-sequence" and stored["model"]["kind"] != "ctc"
    names = ["x.decoder.onnx", "x.encoder.onnx"] if pair else ["x.onnx"]
    assert sorted(p.name for p in tmp_path.iterdir()) == names
    for name in names:
        session = Session(tmp_path / name)
        about = json.loads(session.metadata["seqcli"])
        assert about["task"] == stored["task"]
        dtypes = {
            i.name: "int64" if "int64" in i.type else "bool" if "bool" in i.type else "float32"
            for i in session.session.get_inputs()
        }
        found = session.run({n: np.array(a, dtypes[n]) for n, a in about["test"]["inputs"].items() if n in dtypes})
        for output, wanted in about["test"]["outputs"].items():
            first = found[output].reshape(-1)[: len(wanted)]
            np.testing.assert_allclose(first, wanted, atol=1e-5 * max(1, np.abs(wanted).max(initial=0)))


@pytest.mark.parametrize(
    ("fixture", "run", "figure"),
    [
        ("home", "tiny", "cross-entropy"),
        ("taggers", "pos", "accuracy"),
        ("classifiers", "remarks", "accuracy"),
        ("translators", "back", "exact-match"),
        ("translators", "former", "exact-match"),
        ("translators", "copies", "exact-match"),
    ],
)
def test_onnxruntime_scores_as_numpy_does(request, fixture: str, run: str, figure: str, tmp_path: Path) -> None:
    done = seqcli("export", run, "--to", "onnx", "-o", tmp_path / "x.onnx", cwd=request.getfixturevalue(fixture))
    assert done.returncode == 0, done.stderr
    assert "onnxruntime equal NumPy's" in done.stderr
    for path in tmp_path.glob("*.onnx"):
        scores = json.loads(Session(path).metadata["seqcli"])["scores"]
        assert scores["before"].keys() == scores["after"].keys()
        for split, before in scores["before"].items():
            assert scores["after"][split][figure] == pytest.approx(before[figure], rel=1e-5)
            assert before["signature"] in done.text


PAGES = {"lm", "lm-words", "lm-attention", "pos", "pos-attention", "digits", "remarks", "remarks-attention", "topics"}
PAGES |= {"back"}


@pytest.mark.parametrize("path", sorted(MODELS.glob("*.safetensors")), ids=lambda p: p.stem)
def test_every_kind_of_model_is_a_page_or_refused_by_name(path: Path, tmp_path: Path) -> None:
    done = seqcli("export", path, "--to", "html", "--unscored", "-o", "x.html", cwd=tmp_path)
    if path.stem not in PAGES:
        assert done.returncode == 2
        assert any(said in done.stderr for said in ("has no graph", "a page cannot run", "a page cannot use"))
        assert list(tmp_path.iterdir()) == []
        return
    assert done.returncode == 0, done.stderr
    assert f"<title>{path.stem}</title>" in (tmp_path / "x.html").read_text(encoding="utf-8")


def test_what_a_page_scores_is_printed_and_shown(taggers: Path, tmp_path: Path) -> None:
    sizes = []
    for kind in ("float16", "int8"):
        out = tmp_path / f"{kind}.html"
        done = seqcli("export", "pos", "--to", "html", "--precision", kind, "-o", out, cwd=taggers)
        assert done.returncode == 0, done.stderr
        assert f"float32{kind:>11}" in done.text
        assert "<tr><th>valid accuracy<td>" in out.read_text(encoding="utf-8")
        sizes.append(out.stat().st_size)
    assert sizes[0] > sizes[1]


def test_smaller_graphs(tmp_path: Path) -> None:
    sizes = {}
    for how in ([], ["--int8"], ["--dynamic-int8"]):
        path = MODELS / "remarks.safetensors"
        done = seqcli("export", path, "--to", "onnx", "--unscored", "-o", "x.onnx", *how, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        sizes[tuple(how)] = (tmp_path / "x.onnx").stat().st_size
        assert ("an answer then depends" in done.stderr) == (how == ["--dynamic-int8"])
    assert sizes["--int8",] < sizes[()]


def test_a_missing_package_is_named(monkeypatch, tmp_path: Path) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *own: None if name == "onnx" else find(name, *own))
    done = seqcli("export", MODELS / "remarks.safetensors", "--to", "onnx", "-o", "x.onnx", cwd=tmp_path)
    assert done.returncode == 2
    assert "pip install 'seqcli[export]'" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "tar", "-o", "x"], "--to tar: expected one of onnx, html, safetensors"),
        (["--to", "safetensors", "-o", "x"], "--to safetensors needs --precision, one of float16, int8"),
        (["--to", "safetensors", "-o", "x", "--precision", "int4"], "needs --precision"),
        (["--to", "safetensors", "-o", "x", "--int8"], "--int8 does not apply to --to safetensors"),
        (["--to", "onnx", "-o", "x", "--precision", "int8"], "--precision does not apply to --to onnx"),
        (["--to", "onnx", "-o", "x", "--int8", "--dynamic-int8"], "both make the file smaller"),
        (["--to", "onnx", "-o", "x", "--viterbi"], "--viterbi is for taggers"),
        (["--to", "html", "-o", "x", "--int8"], "--int8 does not apply to --to html"),
        (["--to", "html", "-o", "x", "--precision", "half"], "--to html needs --precision, one of float16, int8"),
        (["--to", "html", "-o", "x"], "--unscored skips the scores"),
        (["--to", "onnx", "-o", "no/x", "--unscored"], "cannot write no/x"),
        (["--to", "safetensors", "-o", "MODEL", "--precision", "int8"], "--output is the model itself"),
        (["--to", "safetensors", "-o", "x", "--precision", "int8"], "--unscored skips the scores"),
        (["--to", "safetensors", "-o", "no/x", "--precision", "int8", "--unscored"], "cannot write no/x"),
    ],
    ids=lambda v: "",
)
def test_mistakes(arguments: list[str], message: str, tmp_path: Path) -> None:
    model = tmp_path / "model.safetensors"
    model.write_bytes((MODELS / "remarks.safetensors").read_bytes())
    done = seqcli("export", model, *(model if a == "MODEL" else a for a in arguments), cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert done.stdout == b""
    assert not (tmp_path / "x").exists()


def test_what_is_smaller_already_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "half"
    smaller.write(artifact.read(MODELS / "remarks.safetensors"), "float16", other, scored=False)
    done = seqcli("export", other, "--to", "safetensors", "--precision", "int8", "-o", "x", cwd=tmp_path)
    assert (done.returncode, "already stored in float16" in done.stderr) == (2, True)


@pytest.mark.parametrize("to", ["html", "onnx", "safetensors"])
def test_what_is_no_file_is_not_replaced(to: str, tmp_path: Path) -> None:
    pipe, folder = tmp_path / "pipe", tmp_path / "folder"
    os.mkfifo(pipe)
    folder.mkdir()
    more = ["--precision", "int8"] if to == "safetensors" else []
    for path in (pipe, folder):
        done = seqcli("export", MODELS / "lm.safetensors", "--to", to, "--unscored", *more, "-o", path, cwd=tmp_path)
        assert done.returncode == 1
        assert f"cannot write {path}: it exists and is not a file" in done.stderr
    assert pipe.is_fifo()
    assert {*tmp_path.iterdir()} == {pipe, folder}
