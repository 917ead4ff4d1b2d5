"""torch is for training alone: everything else works without it, and does not import it where it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.fresh import fresh

ROOT = Path(__file__).resolve().parents[2]
BLOCK = """\
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "matplotlib"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
"""
USES = [
    ["--help"],
    ["recipes"],
    ["train", "--help"],
    ["generate", "-m", "tiny", "--prompt", "the", "--seed", "1"],
    ["generate", "-m", "counted", "--next", "3", "--prompt", "the"],
    ["eval", "-m", "tiny"],
    ["eval", "-m", "bytes", "--window", "16", "--json"],
    ["inspect", "tiny"],
    ["tokenize", "-m", "tiny", "corpus.txt"],
]

Run = Callable[..., subprocess.CompletedProcess[bytes]]


def run(
    *args: str, cwd: Path, before: Path | None = None, python: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """`python -m seqcli ARGS` with a folder first on the module path."""
    path = os.pathsep.join(filter(None, [str(before or ""), str(ROOT), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, *python, "-m", "seqcli", *args],
        cwd=cwd,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
        text=True,
    )


@pytest.fixture(scope="module")
def missing(tmp_path_factory) -> Path:
    """A folder that, first on the module path, makes torch look as if it were not installed."""
    folder = tmp_path_factory.mktemp("missing")
    (folder / "sitecustomize.py").write_text(BLOCK)
    return folder


@pytest.fixture(scope="module")
def broken(tmp_path_factory) -> Path:
    """A folder with a torch that cannot be imported, as after a half-finished installation."""
    folder = tmp_path_factory.mktemp("broken")
    (folder / "torch").mkdir()
    (folder / "torch" / "__init__.py").write_text(
        "raise ImportError('libtorch.so: cannot open shared object file')\n"
    )
    return folder


def test_without_torch_the_same_text(home, missing):
    args = ["generate", "-m", "tiny", "--prompt", "the", "--seed", "1"]
    assert run(*args, cwd=home, before=missing).stdout == run(*args, cwd=home).stdout


def test_training_names_the_command_that_installs_it(place, missing, broken):
    done = run("train", "tiny.yaml", cwd=place, before=missing)
    assert done.returncode == 2
    assert "error: training needs torch, which is not installed" in done.stderr
    assert "hint: pip install 'seqcli[train]'" in done.stderr
    half = run("train", "tiny.yaml", cwd=place, before=broken)
    assert half.returncode == 2
    assert "training needs torch, which fails: libtorch.so: cannot open shared object file" in half.stderr
    assert not (place / "runs").exists()


def test_a_device_needs_torch(home, missing):
    done = run("generate", "-m", "tiny", "--prompt", "the", "--device", "cuda", cwd=home, before=missing)
    assert done.returncode == 2
    assert "--device cuda needs torch, which is not installed" in done.stderr
    assert "pip install 'seqcli[train]'" in done.stderr


def test_counting_needs_no_torch(place, missing):
    recipe = (place / "tiny.yaml").read_text().partition("\nmodel:")[0]
    (place / "counted.yaml").write_text(f"{recipe}\nmodel: {{kind: ngram, order: 4}}\n")
    done = run("train", "counted.yaml", cwd=place, before=missing)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "runs/counted/model.safetensors\n"
    assert float(run("eval", "--metric", "perplexity", cwd=place, before=missing).stdout) > 1


CLASSIFIED = [
    ["classify", "-m", "remarks", "--top", "2", "--attention", "--jsonl", "--input", "text", "remarks-test.tsv"],
    ["classify", "-m", "topics", "--field", "text", "topics-test.jsonl"],
    ["classify", "-m", "names", "--jobs", "2", "names-test.txt"],
    ["classify", "-m", "octets", "names-test.txt"],
    ["classify", "-m", "pieces", "--input", "tsv", "remarks-test.tsv"],
    ["classify", "-m", "bag", "--min-confidence", "0.7", "remarks-test.tsv"],
    ["classify", "-m", "linear", "remarks-test.tsv"],
    ["classify", "-m", "trees", "--input", "trees", "trees-test.txt"],
    ["embed", "-m", "remarks", "--similar", "names-test.txt", "names-test.txt"],
    ["embed", "-m", "pieces", "--words"],
    ["eval", "-m", "remarks", "--confusion"],
    ["eval", "--compare", "remarks", "linear"],
    ["inspect", "topics"],
]


def test_classifiers_do_not_import_it(classifiers):
    assert_light(CLASSIFIED, classifiers)


def test_a_linear_model_of_texts_needs_no_torch(classifiers, missing, tmp_path):
    for name in ("linear.yaml", "remarks-train.tsv", "remarks-valid.tsv", "remarks-test.tsv"):
        (tmp_path / name).write_bytes((classifiers / name).read_bytes())
    done = run("train", "linear.yaml", cwd=tmp_path, before=missing)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "runs/linear/model.safetensors\n"
    assert "\t" in run("classify", "remarks-test.tsv", cwd=tmp_path, before=missing).stdout
    network = classifiers / "remarks.yaml"
    (tmp_path / "remarks.yaml").write_bytes(network.read_bytes())
    asked = run("train", "remarks.yaml", cwd=tmp_path, before=missing)
    assert asked.returncode == 2
    assert "error: training needs torch, which is not installed" in asked.stderr
    assert "hint: pip install 'seqcli[train]'" in asked.stderr


def assert_light(commands: list[list[str]], cwd: Path) -> None:
    """Commands, one after the other in a fresh process, succeed, write something, and import nothing heavy."""
    for args, done in zip(commands, fresh(commands, cwd), strict=True):
        assert (done.returncode, done.heavy) == (0, []), (args, done.stderr)
        assert done.stdout


def test_where_torch_is_it_is_not_imported(home):
    assert_light(USES, home)


def test_help_does_not_wait_for_arrays(home):
    done = run("--help", cwd=home, python=("-X", "importtime"))
    assert done.returncode == 0
    assert " numpy" not in done.stderr


def test_the_library_does_not_import_it_either(home):
    code = (
        "import json, sys, seqcli; m = seqcli.load('runs/tiny'); m.generate('the'); m.evaluate('the cat');"
        "print(json.dumps(['torch' in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=home,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert json.loads(done.stdout) == [False]
