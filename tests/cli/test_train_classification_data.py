"""`seqcli train` and what follows it on what it is given: standard input, folders, encodings, vectors, another model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from seqcli import artifact

FEW = ["--set", "train.steps=2"]


@pytest.fixture
def place(classifiers, tmp_path) -> Path:
    """A folder of one's own with the recipes and data of `classifiers`, and no runs."""
    folder = tmp_path / "place"
    shutil.copytree(classifiers, folder, ignore=shutil.ignore_patterns("runs"))
    return folder


def sets(*changes: str) -> list[str]:
    """`--set` before each."""
    return [part for change in changes for part in ("--set", change)]


def test_texts_from_standard_input(forks, place):
    text = (place / "remarks-train.tsv").read_text()
    changes = sets("data.train=-", "data.valid=0.1", "data.test=null")
    done = forks.ok("train", "remarks.yaml", *FEW, *changes, cwd=place, input=text)
    assert "train 270, valid 30 texts" in done.stderr
    out = forks.ok("-q", "eval", "--metric", "accuracy", "--split", "train", cwd=place).stdout
    assert 0 <= float(out) <= 1
    again = forks("train", "remarks.yaml", "--resume", *sets("train.steps=3"), *changes, cwd=place, input=text)
    assert again.returncode == 0, again.stderr


def test_a_folder_or_a_file_a_label(forks, place):
    """The label is where the text lies; eval reads further files alike."""
    rows = [line.split("\t") for line in (place / "remarks-train.tsv").read_text().splitlines()[1:]]
    for number, (label, text) in enumerate(rows[:80]):
        folder = place / "by-folder" / label
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.txt").write_text(text.replace(" ", "\n"))
    for label in ("negative", "positive"):
        (place / f"{label}.txt").write_text("".join(f"{t}\n" for own, t in rows if own == label))
    cut = sets("data.valid=0.2", "data.test=null")
    kinds = {"folder": ("by-folder/*/*.txt", "by-folder/negative/*.txt"), "file": ("{a,b}", "negative.txt")}
    for kind, (train, one) in kinds.items():
        train = train if kind == "folder" else "[negative.txt, positive.txt]"
        changes = sets(f"data.train={train}", f"data.label_from={kind}")
        forks.ok("train", "remarks.yaml", "--name", kind, *FEW, *cut, *changes, cwd=place)
        header = artifact.read_header(place / "runs" / kind / "model.safetensors")
        assert header["vocabulary"]["labels"] == ["negative", "positive"]
        found = json.loads(forks.ok("-q", "eval", "-m", kind, "--json", one, cwd=place).stdout)
        assert found["labels"]["negative"]["support"] == found["counts"]["texts"] > 30
        assert found["counts"]["unknown labels"] == 0
    shutil.copy(place / "negative.txt", place / "negatve.txt")
    done = forks("eval", "-m", "file", "negatve.txt", cwd=place)
    assert done.returncode == 1
    assert "the model does not know the label 'negatve'\n  hint: did you mean 'negative'?" in done.stderr


def test_another_encoding_is_converted(forks, place):
    lines = "".join(f"{'ja' if i % 2 else 'nein'}\t{'schön' if i % 2 else 'müßig'} {i}\n" for i in range(40))
    for name, encoding in (("latin.tsv", "latin-1"), ("utf.tsv", "utf-8")):
        (place / name).write_bytes(lines.encode(encoding))
        changes = sets(f"data.train={name}", "data.valid=0.2", "data.test=null", f"data.encoding={encoding}")
        forks.ok("train", "remarks.yaml", "--name", encoding, *FEW, *changes, cwd=place)
    one, other = (artifact.read(place / "runs" / e / "model.safetensors") for e in ("latin-1", "utf-8"))
    assert one.header["data"]["splits"]["train"]["sha256"] == other.header["data"]["splits"]["train"]["sha256"]
    assert all(np.array_equal(a, other.arrays[n]) for n, a in one.arrays.items())
    found = [
        json.loads(forks.ok("-q", "eval", "-m", e, "--json", f, cwd=place).stdout)["signature"]
        for e, f in (("latin-1", "latin.tsv"), ("utf-8", "utf.tsv"))
    ]
    assert found[0] == found[1]


def test_labels_are_renamed_and_left_out(forks, place):
    changes = sets("data.labels={fi: north, sv: north, ru: east}", *("train.steps=2",))
    forks.ok("train", "names.yaml", "--name", "merged", *changes, cwd=place)
    header = artifact.read_header(place / "runs/merged/model.safetensors")
    assert header["vocabulary"]["labels"] == ["east", "north"]
    found = json.loads(forks.ok("-q", "eval", "-m", "merged", "--json", "names-test.txt", cwd=place).stdout)
    assert set(found["labels"]) == {"east", "north"}
    assert found == {
        **json.loads(forks.ok("-q", "eval", "-m", "merged", "--json", cwd=place).stdout),
        "text": "names-test.txt",
    }
    forks.ok("train", "names.yaml", "--name", "fewer", *FEW, *sets("data.labels={fi: null}"), cwd=place)
    fewer = artifact.read_header(place / "runs/fewer/model.safetensors")
    assert fewer["vocabulary"]["labels"] == ["ru", "sv"]
    assert fewer["data"]["splits"]["train"]["records"] < header["data"]["splits"]["train"]["records"]


def test_every_phrase_of_a_tree_is_learnt_from(forks, place):
    for name, kind in (("trees", "recursive"), ("words", "classifier")):
        changes = sets(
            *(["data.phrases=true"] if name == "words" else []), "train.steps=2", f"model={{kind: {kind}, hidden: 8}}"
        )
        done = forks.ok("train", "trees.yaml", "--name", name, *changes, cwd=place)
        if name == "words":
            assert "phrases to train on" in done.stderr
            assert artifact.read_header(place / "runs/words/model.safetensors")["vocabulary"]["labels"] == [
                "0",
                "1",
                "2",
            ]


def test_vectors_are_kept_in_the_model(forks, place, tmp_path):
    (place / "v.txt").write_text("film 1 0 2\nbore 0 1 0\nunheard 1 1 1\n")
    done = forks.ok("train", "remarks.yaml", *FEW, *sets("data.vectors=v.txt"), cwd=place)
    assert "vectors: " in done.stderr
    stored = artifact.read(place / "runs/remarks/model.safetensors")
    assert stored.part("vocabulary")["vectors"].shape[1] == 3
    before = forks.ok("-q", "classify", "-m", "remarks", cwd=place, input="a film\n").stdout
    (place / "v.txt").unlink()
    assert forks.ok("-q", "classify", "-m", "remarks", cwd=place, input="a film\n").stdout == before


def test_weights_of_classes_change_what_is_learnt(forks, place):
    outs = {}
    for name, weights in (("none", "none"), ("even", "{positive: 1, negative: 1}"), ("much", "{negative: 50}")):
        changes = sets(f"model.class_weights={weights}", "train.steps=20")
        forks.ok("train", "remarks.yaml", "--name", name, *changes, cwd=place)
        outs[name] = forks.ok("-q", "classify", "-m", name, "remarks-test.tsv", cwd=place).stdout
    assert outs["none"] == outs["even"]
    assert outs["much"].count("negative\t") > outs["none"].count("negative\t")


def test_a_linear_model_beside_the_network(forks, place):
    """`model.linear`: its scores are kept in the one file, and are part of the answer however it is run."""
    forks.ok("train", "remarks.yaml", *FEW, *sets("model.linear=true"), cwd=place)
    header = artifact.read_header(place / "runs/remarks/model.safetensors")
    assert header["linear"]["kind"] == "ngram-linear"
    outs = {forks.ok("-q", "classify", "--batch-size", n, "remarks-test.tsv", cwd=place).stdout for n in (1, 7, 64)}
    assert len(outs) == 1
    seen = forks.ok("-q", "classify", "--jsonl", "--attention", cwd=place, input="a superb film\n").stdout
    assert sum(t["weight"] for t in json.loads(seen)["seqcli"]["tokens"]) == pytest.approx(1, abs=1e-5)
    assert float(forks.ok("-q", "eval", "--metric", "accuracy", cwd=place).stdout) == pytest.approx(
        header["scores"]["test"]["accuracy"]
    )


def test_the_shipped_recipe_trains_from_anywhere(forks, tmp_path):
    done = forks.ok("train", "sentiment", *FEW, *sets("train.threads=1"), cwd=tmp_path)
    assert done.stdout == "runs/sentiment/model.safetensors\n"
    assert "sentiment-train.tsv: train 1,200, valid 150, test 150 texts; 2 labels" in done.stderr
    assert "\t" in forks.ok("-q", "classify", cwd=tmp_path, input="a gripping, beautifully shot film\n").stdout


# another model


@pytest.mark.parametrize("recipe", ["remarks", "topics", "bag", "trees"])
def test_fine_tuning_begins_with_the_weights_and_the_vocabulary(forks, place, classifiers, recipe):
    start = artifact.read(classifiers / "runs" / recipe / "model.safetensors")
    changes = (
        "train.steps=1",
        "train.learning_rate=1e-12",
        "model.embedding=99",
        "data.valid=null",
        "data.test=null",
    )
    args = ("--init-from", classifiers / "runs" / recipe, *sets(*changes))
    done = forks.ok("train", f"{recipe}.yaml", *args, cwd=place)
    assert "instead of the recipe: model.embedding, and the vocabulary" in done.stderr
    own = artifact.read(place / "runs" / recipe / "model.safetensors")
    assert own.header["vocabulary"] == start.header["vocabulary"]
    for name, array in start.arrays.items():
        np.testing.assert_allclose(own.arrays[name], array, atol=1e-9, err_msg=name)


@pytest.mark.parametrize(
    ("recipe", "start", "message"),
    [
        ("remarks", "bag", "is of the kind bag; the recipe asks for classifier"),
        ("remarks", "names", "remarks-train.tsv:2:1: the model does not know the label 'negative'\n  hint: a model keeps its labels"),
        ("linear", "linear", "counted in one pass: there is nothing to resume or start from"),
    ],
)  # fmt: skip
def test_what_cannot_be_fine_tuned(forks, place, classifiers, recipe, start, message):
    done = forks("train", f"{recipe}.yaml", "--init-from", classifiers / "runs" / start, cwd=place)
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert not [*place.glob("runs/*/*.safetensors")]
