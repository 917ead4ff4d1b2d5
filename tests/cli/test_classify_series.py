"""`seqcli classify` of rows of numbers: read as in training whatever their file is called, with their label or not."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.inprocess import Done, seqcli

ROWS = [([0.1, 0.3, 0.2, 0.1, 0.4], "low"), ([5.2, 5.1, 4.9, 5.5, 5.2], "high")] * 10
NAMES = {"low": "1", "high": "2"}


def written(by: str, label: int | None, numbers: bool = False) -> str:
    """Rows with the label in a column of that index, or without."""
    lines = []
    for values, name in ROWS:
        cells = [*map(str, values)]
        if label is not None:
            cells.insert(len(cells) if label < 0 else label, NAMES[name] if numbers else name)
        lines.append(by.join(cells) + "\n")
    return "".join(lines)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs of which rows end with a word, or begin with a number."""
    folder = tmp_path_factory.mktemp("series")
    (folder / "last.csv").write_text(written(",", -1))
    (folder / "first.tsv").write_text(written("\t", 0, numbers=True))
    (folder / "bare.csv").write_text(written(",", None))
    (folder / "bare.tsv").write_text(written("\t", None))
    rows = [f"{i},{x},{name}\n" for i, (values, name) in enumerate(ROWS) for x in values]
    (folder / "long.csv").write_text("id,x,kind\n" + "".join(rows))
    for name, data in (
        ("last", "train: last.csv, format: series"),
        ("first", "train: first.tsv, format: series, label: 1"),
        ("long", "train: long.csv, format: long, label: kind"),
    ):
        recipe = f"task: classification\nframes: values\nmodel: frames-linear\ndata: {{{data}}}\n"
        (folder / f"{name}.yaml").write_text(recipe)
        done = seqcli("train", f"{name}.yaml", cwd=folder)
        assert done.returncode == 0, done.stderr
    return folder


def classified(place: Path, *args: str, input: str = "") -> Done:
    done = seqcli("classify", *args, cwd=place, input=input)
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize("file", ["last.csv", "bare.csv"])
def test_rows_with_a_word_as_their_label_or_none(place, file):
    done = classified(place, file, "-m", "runs/last")
    assert [line.partition("\t")[0] for line in done.text.splitlines()] == [name for _, name in ROWS]
    assert f"{file} is read as series, as in training: --input csv reads its columns\n" in done.stderr
    assert "column" not in done.stderr.replace("its columns", "")
    assert (
        classified(place, "--input", "series", "-m", "runs/last", input=(place / file).read_text()).text == done.text
    )


def test_rows_with_a_number_as_their_label_or_none(place):
    labelled = classified(place, "first.tsv", "-m", "runs/first")
    assert [line[0] for line in labelled.text.splitlines()] == [NAMES[name] for _, name in ROWS]
    said = "first.tsv:1:1: column 1 (1) is a label of the model and is dropped: --input text reads all columns as numbers"
    assert said in labelled.stderr
    bare = classified(place, "bare.tsv", "-m", "runs/first")
    assert bare.text == labelled.text
    said = "bare.tsv:1:1: column 1 (0.1) is not a label of the model: all columns are read as numbers"
    assert said in bare.stderr


def test_each_source_is_told_by_its_own_first_row(place):
    done = classified(place, "first.tsv", "bare.tsv", "-m", "runs/first", "-q")
    assert done.text == 2 * classified(place, "bare.tsv", "-m", "runs/first").text


def test_a_label_that_the_model_does_not_know_is_no_number(place):
    done = seqcli("classify", "--input", "series", "-m", "runs/last", cwd=place, input="1,2,3,4,5,odd\n")
    assert done.returncode == 1
    assert "<stdin>:1:1: 1,2,3,4,5,odd: value 6 is not a number: 'odd'" in done.stderr


def test_a_long_table_and_its_label_are_read_as_in_training(place):
    done = classified(place, "long.csv", "-m", "runs/long")
    assert [line.partition("\t")[0] for line in done.text.splitlines()] == [name for _, name in ROWS]
    assert "long.csv is read as long, as in training" in done.stderr


def test_what_is_said_of_columns_is_followed(place):
    done = seqcli("classify", "bare.csv", "--input", "csv", "--text", "1", "-m", "runs/last", cwd=place)
    assert done.returncode == 0, done.stderr
    assert done.text.startswith("0.1,0.3,")
    assert "as in training" not in done.stderr


def test_files_are_scored_as_in_training(place):
    done = seqcli("eval", "last.csv", "-m", "runs/last", "--metric", "accuracy", cwd=place)
    assert done.returncode == 0, done.stderr
    assert float(done.text) == 1.0
