"""The reader of docs/export.md, as it stands there: it answers as seqcli does, with onnxruntime and NumPy alone."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from support.translators import codec, model, write

from seqcli import artifact, predictor
from seqcli.export import graphs
from seqcli.export.graphs import Options

ROOT = Path(__file__).parents[2]
READER = (ROOT / "docs/export.md").read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0]
USE = """
lm, tags, labels = Model("lm.onnx"), Model("pos.onnx"), Model("remarks.onnx")
pair = Model("made.encoder.onnx"), Model("made.decoder.onnx")
print(json.dumps({
    "text": generate(lm, "the ", 20),
    "tags": [[tags.about["labels"][k] for k in tags(**tags.words(words))["best"][0]] for words in json.loads(sys.argv[1])],
    "labels": [labels(**labels.words(words))["probabilities"][0].tolist() for words in json.loads(sys.argv[1])],
    "answers": [translate(*pair, text) for text in json.loads(sys.argv[2])],
    "modules": sorted({m.partition(".")[0] for m in sys.modules} & {"seqcli", "torch", "onnx"}),
}))
"""
WORDS = [["the", "cat", "sat"], ["a", "dog", "ran", "home", "."], ["unheard-of"]]
SOURCES = ["the cat sat", "a dog", "no"]


def test_it_is_of_sixty_lines() -> None:
    assert len(READER.splitlines()) <= 60


@pytest.fixture
def files(tmp_path: Path) -> Path:
    write(
        tmp_path / "made.safetensors", of := codec("char"), model(of, attention="additive"), {"attention": "additive"}
    )
    for name in ("lm", "pos", "remarks", "made"):
        folder = tmp_path if name == "made" else ROOT / "tests/net/models"
        stored = artifact.read(folder / f"{name}.safetensors")
        graphs.write(stored, tmp_path / f"{name}.onnx", Options(viterbi=name == "pos", scored=False))
    (tmp_path / "use.py").write_text(READER + USE, encoding="utf-8")
    return tmp_path


def test_it_answers_as_seqcli_does(files: Path) -> None:
    given = [json.dumps(WORDS), json.dumps(SOURCES)]
    done = subprocess.run([sys.executable, "use.py", *given], cwd=files, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["modules"] == []
    assert found["text"].startswith("the ")
    assert len(found["text"]) == 24
    own = {n: predictor.load(artifact.read(ROOT / f"tests/net/models/{n}.safetensors")) for n in ("pos", "remarks")}
    assert found["tags"] == [[tag for _, tag, _ in own["pos"].tag(words)] for words in WORDS]
    for words, probabilities in zip(WORDS, found["labels"], strict=True):
        wanted = own["remarks"].classify(" ".join(words))
        assert probabilities == pytest.approx([wanted[label] for label in own["remarks"].labels], abs=1e-5)
    for found_one, wanted in zip(found["answers"], greedy(files / "made.safetensors"), strict=True):
        shorter = min(len(found_one), len(wanted))  # they end an answer without an end at other lengths
        assert shorter > 1
        assert found_one[:shorter] == wanted[:shorter]


def greedy(path: Path) -> list[str]:
    made = predictor.load(artifact.read(path))
    return list(made.filter(SOURCES, search=replace(made.search, beam=1)))
