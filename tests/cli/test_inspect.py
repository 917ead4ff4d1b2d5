"""`seqcli inspect`: all that a file says of itself, without loading a weight."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from safetensors import safe_open

from seqcli import artifact
from seqcli.tokenizers import char, save


@pytest.fixture
def inspect(forks, home):
    """`inspect(*args)`: stdout of an inspection that must succeed."""

    def run(*args: object, cwd=home) -> str:
        return forks.ok("-q", "inspect", *args, cwd=cwd).stdout

    return run


def facts(text: str) -> dict[str, str]:
    """The lines above the recipe as {name: value}."""
    head = text.partition("\nrecipe\n")[0]
    return {line[:12].strip(): line[12:] for line in head.splitlines() if line[:12].strip()}


@pytest.mark.parametrize("name", ["tiny", "bytes", "counted"])
def test_models(inspect, home, name):
    path = home / "runs" / name / "model.safetensors"
    header = artifact.read_header(path)
    found = facts(inspect(name))
    assert found["file"].startswith(f"model, {path.stat().st_size:,} bytes, format 1, seqcli ")
    with safe_open(path, framework="numpy") as file:
        sizes = [file.get_tensor(n).size for n in file.keys() if n.startswith("model.")]  # noqa: SIM118
    if name == "counted":
        assert found["model"].startswith("ngram")
    else:
        assert found["model"] == f"language-model, cell lstm, {sum(sizes):,} parameters"
    assert found["tokenizer"] == f"{header['tokenizer']['kind']}, vocabulary of {header['vocabulary']:,}"
    for split, about in header["data"]["splits"].items():
        assert f"{about['bytes']:,} bytes, sha256 {about['sha256'][:12]}" in found[split]
    assert f"{header['scores']['test']['cross-entropy']:.4f} nats/token" in found["test score"]
    assert header["scores"]["test"]["signature"] in inspect(name)
    assert found["created"] == header["created"]
    order = [line.split()[0] for line in inspect(name).splitlines() if line[:1].isalpha()]
    assert [w for w in order if w in header["data"]["splits"]][:3] == ["train", "valid", "test"]


def test_the_recipe_shown_is_the_recipe(inspect, home):
    text = inspect("tiny").partition("\nrecipe\n")[2]
    shown = yaml.safe_load(text)
    assert shown == artifact.read_header(home / "runs/tiny/model.safetensors")["recipe"]
    assert list(shown) == ["task", "tokenizer", "data", "model", "train"]


def test_json_is_the_header_and_the_shapes(inspect, home):
    found = json.loads(inspect("tiny", "--json"))
    shapes = found.pop("arrays")
    assert found == artifact.read_header(home / "runs/tiny/model.safetensors")
    assert shapes["model.stack.cells.0.0.weight_hh"] == {"shape": [64, 16], "type": "F32"}


def test_arrays(inspect):
    text = inspect("tiny", "--arrays")
    assert re.search(r"^  model.output_weight +\(22, 16\) +F32$", text, re.MULTILINE)
    assert "output_weight" not in inspect("tiny")


def test_checkpoints_and_tokenizers(inspect, home, tmp_path):
    found = facts(inspect(home / "runs" / "tiny" / "last.safetensors"))
    assert found["file"].startswith("checkpoint, ")
    assert found["progress"].startswith("step 150, ")
    assert found["progress"].endswith("finished: True")
    save(char.Tokenizer("abc"), tmp_path / "t.safetensors")
    found = facts(inspect(tmp_path / "t.safetensors"))
    assert found["file"].startswith("tokenizer, ")
    assert found["tokenizer"].startswith("char")


def test_without_an_argument_the_newest(forks, home):
    done = forks.ok("inspect", cwd=home)
    assert done.stderr.startswith("using runs/")
    assert "tokenizer" in done.stdout


def test_a_model_with_torn_weights_can_still_be_looked_into(inspect, home, tmp_path):
    """The header is all that is read: damage in the weights is for those who use them."""
    data = (home / "runs/tiny/model.safetensors").read_bytes()
    (tmp_path / "m.safetensors").write_bytes(data[:-8] + bytes(8))
    assert facts(inspect(tmp_path / "m.safetensors"))["model"].startswith("language-model")
