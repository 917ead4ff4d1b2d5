"""Mistakes that are seldom made: each is told in a line, with its exit status, and no other test makes it."""

from __future__ import annotations

import dataclasses
import gzip
import os
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from net import make_models
from support.inprocess import seqcli

from seqcli.artifact import read, read_header
from seqcli.cli import _complete, app
from seqcli.cli.tag import formats
from seqcli.datasets import parts
from seqcli.errors import SeqcliError

MODELS = Path(__file__).resolve().parents[1] / "net/models"
FILES = {
    "a/train.txt": "good text\n",
    "a/neg/1.txt": "no\n",
    "a/pos/1.txt": "yes\n",
    "sets/a-train.txt": "a\n",
    "sets/a-test.txt": "b\n",
    "sets/b-train.txt": "c\n",
    "split/train/pos/1.txt": "yes\n",
    "split/train/neg/1.txt": "no\n",
    "split/test/pos.txt": "yes\n",
    "split/test/neg.txt": "no\n",
    "x-valid.txt": "a\n",
    "x-test.txt": "b\n",
    "one.tree": "(2 (1 the) (1 cat))\n(1 (1 the) (2 dog))\n",
    "b.csv": "text\na\n",
    "two.csv": "source,target\na,b\n",
    "two.jsonl": '{"source": "a", "target": "b"}\n',
    "one.txt": "a",
    "broken.yaml": "task: [\n",
    "is.yaml/x": "",
    "there/lm.yaml/x": "",
    "there/corpus.yaml/x": "",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models, data and FILES."""
    made = tmp_path_factory.mktemp("seldom")
    make_models.furnish(made)
    for path in MODELS.glob("*.safetensors"):
        (made / "runs" / path.stem).mkdir(parents=True)
        shutil.copy(path, made / "runs" / path.stem / "model.safetensors")
    for name, text in FILES.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(text)
    (made / "empty").mkdir()
    os.mkfifo(made / "pipe")
    return made


MISTAKES = [
    ("recipes new -", "standard input can be read only once"),
    ("recipes new a x-test.txt", "files and folders are mixed"),
    ("recipes new x-valid.txt x-test.txt", "none of these files is for training: x-valid.txt, x-test.txt"),
    ("recipes new empty", "empty: the folder has no text files"),
    ("recipes new a/pos empty", "empty: the folder has no files"),
    ("recipes new sets", "sets holds several data sets"),
    ("recipes new split", "split/test is not organised like split/train"),
    ("recipes new pipe", "pipe is not a regular file"),
    ("recipes new corpus.txt -o there", "there/corpus.yaml is a folder"),
    ("recipes new one.tree --label x", "is read as trees: it has no columns"),
    ("recipes copy lm.yaml there", "there/lm.yaml is a folder"),
    ("recipes new corpus.txt -o one.txt/new.yaml", "cannot write one.txt/new.yaml"),
    ("recipes copy lm.yaml pos.txt", "pos.txt is neither a folder nor named .yaml"),
    ("recipes show is.yaml", "is.yaml"),
    ("generate -m lm --input csv -n 2 b.csv", "--samples: csv comes back with"),
    ("generate -m lm --input csv --next 2 b.csv", "--next: csv comes back with"),
    ("generate -m lm --jobs 2 --device cuda x-test.txt", "--jobs needs --device cpu"),
    ("generate -m lm --device tpu x-test.txt", "unknown device 'tpu'"),
    ("generate -m lm-counted --device cuda x-test.txt", "a ngram model runs only on the CPU"),
    ("generate -m lm --device mps x-test.txt", "--device mps: this machine has none that torch can use"),
    ("generate -m digits two.csv two.jsonl", "two.csv and two.jsonl have different formats by their names"),
    ("eval -m remarks --confusion --metric accuracy", "--confusion shows all figures"),
    ("eval -m topics --confusion", "--confusion is for texts with one label each"),
    (
        "eval --compare remarks topics --unknown-label count-wrong",
        "one model gives a text one label, the other may give several",
    ),
    ("eval --compare remarks trees --unknown-label count-wrong", "the models have no label in common"),
    ("eval --compare remarks linear --metric subset-accuracy", "subset-accuracy cannot be measured on these models"),
    ("eval -m pos --input text corpus.txt", "text has no tags to score against"),
    ("eval -m pos --input other corpus.txt", "unknown format 'other' in --input"),
    ("tag -m pos --jsonl --format conll x-test.txt", "--jsonl contradicts --format conll"),
    ("train trees.yaml --name new --set data.phrases=true", "data.phrases: model.kind: recursive"),
    ("train trees.yaml --name new --set data.multi_label=true", "recursive gives every node one label"),
    ("train trees.yaml --name new --set tokenizer=char", "the leaves of trees are words"),
    ("train remarks.yaml --name new --set data.phrases=true", "data.phrases is for trees; remarks-train.tsv is tsv"),
    (
        "train remarks.yaml --name new --set model.linear=true --set data.valid=null",
        "its weight is fitted on a validation split",
    ),
    ("train lm.yaml --name new --set data.valid=one.txt", "the valid split has fewer than two tokens"),
    ("train lm.yaml --name new --set data.train=x-test.txt --set data.valid=0.3", "split is empty"),
]


@pytest.mark.parametrize(("line", "said"), MISTAKES, ids=[line for line, _ in MISTAKES])
def test_a_mistake_is_told(line: str, said: str, folder: Path) -> None:
    done = seqcli("-q", *shlex.split(line), cwd=folder)
    assert done.returncode in (1, 2), done.stderr
    assert said in done.stderr
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert "this is a bug" not in done.stderr


def test_folders_are_labels_and_splits_are_folders(folder: Path) -> None:
    done = seqcli("recipes", "new", "a/pos", "a/neg", "-o", "-", cwd=folder)
    assert "label_from: folder" in done.text
    done = seqcli("recipes", "new", "split/train", "-o", "-", cwd=folder)
    assert "label_from: folder" in done.text
    done = seqcli("recipes", "new", "corpus.txt", "x-test.txt", "-o", "-", cwd=folder)
    assert "the name of corpus.txt tells no split" in done.stderr + done.text


def test_a_file_that_shrinks_is_told(folder: Path) -> None:
    whole = parts.whole([folder / "corpus.txt"], ["corpus.txt"])
    longer = [dataclasses.replace(part, end=part.end + 1) for part in whole]
    for reading in (lambda: parts.digest(longer), lambda: list(parts.chunks(longer, "utf-8"))):
        with pytest.raises(SeqcliError, match=r"corpus\.txt has become shorter since it was opened"):
            reading()


def test_a_threshold_that_cannot_be_kept_is_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *_: object) -> None:
        raise SeqcliError(f"cannot write {path}: Permission denied")

    monkeypatch.setattr("seqcli.artifact.write", refuse)
    done = seqcli("tag", "-m", "pos", "--target-precision", "0.8", cwd=folder, input="a walk\n")
    assert done.returncode == 0, done.stderr
    assert "the threshold for precision 0.8 is not kept: cannot write runs/pos/model.safetensors" in done.stderr
    assert done.text.count("/") == 2


def test_a_precision_that_a_kernel_refuses_is_left(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = pytest.importorskip("seqcli.training.device")
    monkeypatch.setattr(device, "kernel_works", lambda *_: False)
    args = ("train", "lm.yaml", "--name", "refused", "--set", "train.precision=bfloat16", "--set", "train.steps=2")
    done = seqcli(*args, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "precision: float32" in (folder / "runs/refused/recipe.yaml").read_text()
    header = read_header(folder / "runs/refused/model.safetensors")
    assert header["recipe"]["train"]["precision"] == "float32"


def test_what_a_classifier_has_beside_it_is_shown(folder: Path) -> None:
    assert "a text may have several" in seqcli("inspect", "topics", cwd=folder).text
    args = ("--name", "both", "--set", "model.linear=true", "--set", "train.steps=2")
    done = seqcli("-q", "train", "remarks.yaml", *args, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "ngram-linear, its scores added" in seqcli("inspect", "both", cwd=folder).text


def test_a_recipe_that_cannot_be_read_is_listed_so(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "recipes").mkdir()
    shutil.copy(folder / "broken.yaml", tmp_path / "recipes")
    listed = seqcli("recipes", cwd=tmp_path).text
    assert "cannot be read; see: seqcli recipes validate broken" in listed


def test_what_a_shell_is_offered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert ("lm", "") in _complete.runs("l")
    assert {"conll", "conllu"} == set(formats("con"))
    (folder / "runs/gone").mkdir()
    (folder / "runs/gone/model.safetensors").symlink_to("nowhere")
    assert "gone" not in dict(_complete.runs("g"))
    (folder / "recipes").mkdir(exist_ok=True)
    (folder / "recipes/lost.yaml").symlink_to("nowhere")
    assert dict(_complete.recipes("lost")) in ({}, {"lost": ""})


@pytest.mark.parametrize("verb", ["tag", "classify", "tokenize", "generate"])
def test_a_terminal_with_nothing_to_read_prints_help(verb: str, monkeypatch, capsys) -> None:
    monkeypatch.setattr(f"seqcli.cli.{verb}.nothing_to_read", lambda: True)
    assert app.run([verb]) == 2
    assert f"seqcli {verb}" in capsys.readouterr().err


def test_a_record_that_is_too_long_is_refused(folder: Path) -> None:
    done = seqcli("tag", "-m", "pos", "--longest", "9", cwd=folder, input="a walk\nI took a walk\n")
    assert done.returncode == 1
    assert "error: <stdin>:2:1: a record of 13 characters: --longest allows 9" in done.stderr
    assert done.text.count("\n") == 1  # what came before is answered


def test_what_a_prompt_has_and_a_model_lacks_is_said(folder: Path) -> None:
    done = seqcli("generate", "-m", "lm-words", "--prompt", "the zonk", "--seed", "1", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "there is no symbol for 'zonk'" in done.stderr
    done = seqcli("generate", "-m", "lm-words", "--prompt", "the zonk", "--unknown", "strict", cwd=folder)
    assert done.returncode == 1
    assert "error: --prompt:1:5: there is no symbol for 'zonk'" in done.stderr


WORKED = {
    "strict": ("tag -m pos --unknown strict --batch-size 2", "a walk\nI took a walk\nI zonked it\na walk\n"),
    "decoding": ("tokenize --kind byte --decode --ids", "104 105\n" * 9000 + "999\n"),
}


@pytest.mark.parametrize("name", ["strict", pytest.param("decoding", marks=pytest.mark.slow)])
def test_a_mistake_in_a_worker_is_told_as_without(name: str, folder: Path, forks) -> None:
    line, given = WORKED[name]
    one = seqcli("-q", *line.split(), cwd=folder, input=given)
    two = forks("-q", *line.split(), "--jobs", 2, cwd=folder, input=given)
    assert one.returncode == two.returncode == 1
    assert one.stderr == two.stderr
    assert one.stderr.startswith("error: <stdin>:")
    assert one.text == two.stdout != ""


def test_a_packed_corpus_is_trained_on_as_the_plain_one(folder: Path) -> None:
    (folder / "packed.gz").write_bytes(gzip.compress((folder / "corpus.txt").read_bytes()))
    models = []
    for name, path in (("plain", "corpus.txt"), ("packed", "packed.gz"), ("again", "packed.gz")):
        args = ("--name", name, "--set", f"data.train={path}", "--set", "train.steps=2")
        done = seqcli("-q", "train", "lm.yaml", *args, cwd=folder)
        assert done.returncode == 0, done.stderr
        models.append(read(folder / "runs" / name / "model.safetensors"))
    for model in models[1:]:
        assert model.header["data"]["splits"] == models[0].header["data"]["splits"]
        assert all(np.array_equal(array, model.arrays[name]) for name, array in models[0].arrays.items())


def test_sub_words_are_learnt_from_a_sample_of_much_text(folder: Path) -> None:
    keys = ("size=270", "sample=0.003")
    done = seqcli(
        "tokenize",
        "--learn",
        "sampled.safetensors",
        "--kind",
        "sentencepiece",
        *(x for key in keys for x in ("--set", key)),
        "corpus.txt",
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    assert "learning sub-words from one line in " in done.stderr
    assert "than 3,000 characters (tokenizer.sample)" in done.stderr
