"""`seqcli recipes new` of series and recordings: how they are read, that every recipe trains, what stays text."""

from __future__ import annotations

import json
import math
import random
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from net import make_models
from support.new_recipes import new_fixture  # noqa: F401

from seqcli.cli import app
from seqcli.recipe.load import load_recipe

ARCHIVE = "@problemName toy\n@timeStamps false\n@classLabel true slow fast\n@data\n"
TAB = "\t"
RATES = {"slow": 0.3, "fast": 0.9}


def series(count: int = 40, steps: int = 20) -> list[tuple[str, list[float]]]:
    """Labels, and series that swing so fast."""
    draw, found = random.Random(count), []
    for i in range(count):
        label, phase = ("slow", "fast")[i % 2], draw.uniform(0, 6)
        found.append((label, [round(math.sin(RATES[label] * t + phase) + 5, 3) for t in range(steps)]))
    return found


def joined(values: list[Any], by: str = ",") -> str:
    return by.join(map(str, values))


def recordings(folder: Path, count: int = 20) -> list[tuple[str, str]]:
    """Labels, and names of recordings of a high or a low tone, in a folder of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for i in range(count):
        label = ("slow", "fast")[i % 2]
        sound = 8000 * np.sin(np.arange(3200) * 2 * np.pi * RATES[label] * 1000 / 8000)
        with wave.open(str(folder / f"{i}.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes((sound + 100 * np.random.default_rng(i).standard_normal(3200)).astype("<i2").tobytes())
        found.append((label, f"{folder.name}/{i}.wav"))
    return found


@pytest.fixture
def trained(new, capfdbinary) -> Callable[..., tuple[Any, str, str]]:
    """`trained(*ARGS)`: the recipe as it loads, its text and stderr; an epoch of it is trained."""

    def call(*arguments: object) -> tuple[Any, str, str]:
        status, out, err = new(*arguments, "--force")
        assert status == 0, err
        path = out.removesuffix("\n")
        sets = ["--set", "train.epochs=1", "--set", "train.threads=1"]
        status = app.run(["train", path, "--overwrite", *sets])
        captured = capfdbinary.readouterr()
        assert status == 0, captured.err.decode()
        assert captured.out.endswith(b"model.safetensors\n")
        return load_recipe(path), Path(path).read_text(encoding="utf-8"), err

    return call


# formats of numbers alone


def test_an_archive_and_its_test_split(trained):
    for name, count in (("toy_TRAIN.ts", 40), ("toy_TEST.ts", 10)):
        Path(name).write_text(ARCHIVE + "".join(f"{joined(x)}:{joined(x)}:{label}\n" for label, x in series(count)))
    recipe, text, err = trained("toy_TRAIN.ts", "toy_TEST.ts")
    data = recipe.data
    assert (recipe.task, data.format, data.test, data.valid) == ("classification", "ts", "../toy_TEST.ts", 0.2)
    assert (recipe.tokenizer, recipe.frames.kind, recipe.frames.normalize) == (None, "values", "training")
    assert (recipe.model.kind, recipe.train.batch_size, recipe.train.watch) == ("classifier", 8, "loss")
    assert "toy_TRAIN.ts: series with labels, ts; 44 lines" in err
    assert "40 series, 2 different labels" in err
    assert "20 frames each (the median), the longest 20; 2 numbers a frame\n" in err
    assert "for 32 series" in text


@pytest.mark.parametrize(("name", "by"), [("a.csv", ","), ("a.tsv", TAB), ("a.txt", "  ")])
def test_a_series_a_row(trained, name, by):
    Path(name).write_text("".join(f"{joined([*x, label], by)}\n" for label, x in series()))
    recipe, _, err = trained(name)
    assert (recipe.data.format, recipe.data.label, recipe.frames.kind) == ("series", None, "values")
    assert "warning" not in err
    assert "each row is a series of 20 numbers, the label is the last column: --label COLUMN names another" in err
    Path(name).write_text("".join(f"{joined([label, *x], by)}\n" for label, x in series()))
    recipe, _, err = trained(name)
    assert (recipe.data.format, recipe.data.label) == ("series", 1)


def test_labels_that_are_numbers_are_guessed(trained):
    both = [[i % 2, *x, i % 3] for i, (_, x) in enumerate(series())]
    for name, by, column in (("a.csv", ",", None), ("a.tsv", TAB, 1)):
        Path(name).write_text("".join(f"{joined(row, by)}\n" for row in both))
        recipe, _, err = trained(name)
        assert (recipe.data.format, recipe.data.label) == ("series", column)
        assert "warning: each row is a series of 21 numbers, the label is guessed: " in err
    recipe, _, err = trained("a.tsv", "--label", "1")
    assert recipe.data.label == 1
    assert "is guessed" not in err
    Path("a.tsv").write_text("".join(f"{joined(row[:-1], TAB)}\n" for row in both))
    recipe, _, err = trained("a.tsv")
    assert recipe.data.label == 1
    assert "warning: each row is a series of 20 numbers, the label is guessed: column 1: --label COLUMN names" in err


def test_a_long_table(trained):
    rows = [f"s{i},{t},{x},{x * x},{kind}\n" for i, (kind, own) in enumerate(series()) for t, x in enumerate(own)]
    Path("long.csv").write_text("id,time,x,y,activity\n" + "".join(rows))
    recipe, _, err = trained("long.csv")
    assert (recipe.data.format, recipe.data.label, recipe.model.front_end["kind"]) == ("long", "activity", "linear")
    assert (
        "rows with the same 'id' are a series of x, y in the order of 'time', with the label 'activity': --label"
        in err
    )
    assert "40 series" in err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ARCHIVE.replace("true", "false") + "1,2,3\n", "its series have no class (@classLabel false)"),
        (f"id,time,x,label\n{''.join(f'{i},{t},{t},{t % 2}{chr(10)}' for i in range(9) for t in range(9))}",
         "column 'label' varies inside a series"),
        ("".join(f"{joined(row)}\n" for row in [[*"abcdefghij"], *([*range(9), k] for k in "abababab")]),
         "the first row names columns, and every row below is numbers and a label"),
        ("".join(f"{joined(row)}\n" for row in [[*range(9), "kind"], *([*range(1, 10), k] for k in "abababab")]),
         "the first row names columns, and every row below is numbers and a label"),
    ],
)  # fmt: skip
def test_what_no_recipe_can_read_is_refused(new, text, said):
    name = "x.ts" if text.startswith("@") else "x.csv"
    Path(name).write_text(text)
    status, out, err = new(name)
    assert (status, out) == (1, "")
    assert said in err
    assert "hint: " in err


# arrays and files


def test_arrays_in_json_lines(trained):
    Path("a.jsonl").write_text("".join(json.dumps({"text": x, "label": y}) + "\n" for y, x in series()))
    recipe, _, err = trained("a.jsonl")
    assert (recipe.data.format, recipe.data.text, recipe.frames.kind) == ("jsonl", "text", "values")
    assert "'text' holds arrays, which are read as frames: choose another column with --text COLUMN" in err
    Path("b.jsonl").write_text(make_models.waves(40))
    recipe, _, _ = trained("b.jsonl")
    assert (recipe.task, recipe.data.text, recipe.data.label) == ("classification", "wave", "label")


def test_arrays_and_what_they_say_are_pairs(trained):
    Path("beeps.jsonl").write_text(make_models.beeps(60))
    recipe, _, err = trained("beeps.jsonl")
    assert (recipe.task, recipe.data.source, recipe.data.target) == ("sequence-to-sequence", "source", "target")
    assert recipe.tokenizer.kind == "word"
    assert "beeps.jsonl: pairs of series and texts, jsonl" in err


def test_a_table_of_arrays_is_read_from_its_folder(trained):
    Path("data/own").mkdir(parents=True)
    for i, (_, x) in enumerate(series()):
        np.save(f"data/own/{i}.npy", np.array(x, np.float32))
    np.savez("data/all.npz", **{str(i): np.array(x) for i, (_, x) in enumerate(series())})
    np.save("data/all.npy", np.array([x for _, x in series()]))
    for text in ("own/{}.npy", "all.npz#{}", "all.npy#{}"):
        rows = [f"{label},{text.format(i)}\n" for i, (label, _) in enumerate(series())]
        Path("data/table.csv").write_text("speaker,what\n" + "".join(rows))
        recipe, _, err = trained("data/table.csv")
        assert (recipe.data.text, recipe.data.label, recipe.data.header) == ("what", "speaker", True)
        assert "column 'what' names arrays, which are read as frames: choose another column with --text COLUMN" in err


def test_recordings(trained):
    pytest.importorskip("soundfile", reason="the extra audio reads recordings")
    pytest.importorskip("kaldi_native_fbank", reason="the extra audio makes frames of them")
    names = recordings(Path("data/own"))
    Path("data/labels.tsv").write_text("".join(f"{name}\t{label}\n" for label, name in names))
    recipe, _, err = trained("data/labels.tsv")
    assert (recipe.task, recipe.frames.kind, recipe.model.pooling) == ("classification", "mel", "max")
    assert (recipe.data.text, recipe.data.header, recipe.data.longest) == (1, False, 1000)
    assert "data/" not in err.split("next:")[0]
    said = {"slow": "one two", "fast": "two one one"}
    Path("data/said.csv").write_text("path,transcript\n" + "".join(f"{n},{said[y]}\n" for y, n in names))
    recipe, _, err = trained("data/said.csv")
    assert (recipe.task, recipe.model.kind, recipe.tokenizer.kind) == ("sequence-to-sequence", "ctc", "word")
    assert recipe.train.watch == "phoneme-error-rate"
    assert "column 'transcript' is taken for their transcripts: --label COLUMN names a label instead" in err
    recipe, _, _ = trained("data/said.csv", "--label", "transcript")
    assert recipe.task == "classification"


def test_a_folder_of_recordings_a_label(trained, new):
    pytest.importorskip("soundfile", reason="the extra audio reads recordings")
    pytest.importorskip("kaldi_native_fbank", reason="the extra audio makes frames of them")
    for label, name in recordings(Path("own")):
        Path("sounds", label).mkdir(parents=True, exist_ok=True)
        Path(name).rename(Path("sounds", label, Path(name).name))
    recipe, _, err = trained("sounds")
    assert (recipe.data.label_from, recipe.frames.kind) == ("folder", "mel")
    assert "20 recordings, 2 different labels" in err
    status, _, err = new("sounds/slow")
    assert status == 2
    assert "has neither a label nor a transcript" in err


# what stays text


@pytest.mark.parametrize(
    ("name", "text", "task", "tokenizer"),
    [
        ("a.csv", "text,price,label\n" + "a film of this kind,1.5,good\nanother one of them,2.5,bad\n" * 20,
         "classification", "word"),
        ("a.csv", "".join(f"0{i}73{i:08},{'ab'[i % 2]}\n" for i in range(40)), "classification", "char"),
        ("a.txt", "".join(f"0{i}73{i:08}\n" for i in range(40)), "language-model", "char"),
        ("a.csv", "".join(f"{i % 7},{i * 37 % 101},{'ab'[i % 2]}\n" for i in range(40)), "classification", "char"),
        ("a.csv", "file,label\n" + "".join(f"gone/{i}.wav,{'ab'[i % 2]}\n" for i in range(40)), "classification",
         "char"),
        ("a.jsonl", "".join(json.dumps({"text": f"some words of number {i}", "of": [0.5 * i] * 20, "label": "ab"[i % 2]})
                            + "\n" for i in range(40)), "classification", "word"),
        ("a.jsonl", "".join(json.dumps({"text": f"some words of number {i}", "labels": [i % 3, 3]}) + "\n"
                            for i in range(40)), "classification", "word"),
        ("a.ts", "import {A} from './a';\n@Component({})\nexport class B { run(): void {} }\n" * 20, "language-model",
         "char"),
    ],
)  # fmt: skip
def test_what_may_be_text_stays_text(new, name, text, task, tokenizer):
    Path(name).write_text(text)
    status, out, err = new(name)
    assert status == 0, err
    recipe = load_recipe(out.strip())
    assert (recipe.task, recipe.frames, recipe.tokenizer.kind) == (task, None, tokenizer)
    assert ("names files that do not exist, such as gone/0.wav: read as text" in err) == ("gone" in text)


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.tsv"])
def test_nothing_but_numbers_is_forecast(new, name):
    by = TAB if name == "a.tsv" else ","
    Path(name).write_text("".join(f"{joined(x, by)}\n" for _, x in series()))
    status, out, err = new(name)
    assert status == 0, err
    recipe = load_recipe(out.strip())
    assert (recipe.task, recipe.tokenizer.kind) == ("language-model", "bins")


def test_a_series_with_a_value_that_is_none_is_told(new):
    for odd, said in (("NaN\n", "1 of 101 values is not a number (a.txt:51: 'NaN')"), ("x y\nz\n" * 9, "")):
        Path("a.txt").write_text("".join(f"{i}.5\n" for i in range(50)) + odd + "".join(f"{i}\n" for i in range(50)))
        status, out, err = new("a.txt", "--force")
        assert status == 0, err
        assert load_recipe(out.strip()).tokenizer.kind == "char"
        assert said in err
        assert ("series to forecast" in err) == bool(said)
