"""What `seqcli classify` says of mistakes: in the input, of which what precedes them is answered, and in its use."""

from __future__ import annotations

import pytest

import seqcli
from seqcli import artifact
from seqcli.errors import UsageError


@pytest.fixture
def fails(forks, classifiers):
    """`fails(*args, input, model, status=1)`: (stdout, stderr) of a `seqcli classify` that must fail, cleanly."""

    def run(*args: object, input: str = "", model: str = "remarks", status: int = 1):
        done = forks("-q", "classify", "-m", model, *args, cwd=classifiers, input=input)
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr
        assert "this is a bug" not in done.stderr
        assert "error: " in done.stderr
        return done.stdout, done.stderr

    return run


@pytest.mark.parametrize(
    ("args", "text", "place", "message", "before"),
    [
        (["--input", "jsonl"], '{"text": "a"}\n\n{"text": "b"}\n{"text" 1}\n', "4:9", "not a JSON object", 3),
        (["--input", "jsonl"], '{"text": "a"}\n[1]\n', "2:1", "not a JSON object", 1),
        (["--input", "jsonl"], '{"id": 1}\n', "1:1", "the object has no 'text'", 0),
        (["--input", "jsonl"], '{"a": "x", "b": "y"}\n', "1:1", "which of 'a', 'b' is the text?", 0),
        (["--field", "body"], '{"bdy": "a"}\n', "1:1", "has no 'body'\n  hint: did you mean 'bdy'?", 0),
        (["--field", "body"], '{"body": "a"}\n{"body": [1]}\n', "2:10", "'body' holds [1], not a text", 1),
        (["--field", "body"], '{"body": ""}\n{"body": "\\ud800"}\n', "2:10", "half a character", 1),
        (["--input", "csv"], 'text,label\na,x\n"b,y\nc\n', "3:1", "the quote that opens here is never closed", 2),
        (["--input", "csv"], 'text,label\na,x\nb,"y"z\n', "3:6", "text follows the closing quote of a cell", 2),
        (["--input", "csv"], "text,label\na,x\nb,y,z\n", "3:5", "the row has 3 columns, the first one 2", 2),
        (["--input", "csv", "--text", "3"], "1,x,a\n2,y\n", "2:4", "the row has 2 columns, the text is column 3", 1),
        (["--input", "csv", "--text", "3"], "1,x\n", "1:1", "there is no column 3: the row has 2 columns", 0),
        (["--input", "csv"], "1,2,3\n", "1:1", "which column has the text?", 0),
        (["--input", "tsv", "--text", "boddy"], "id\tbody\n", "1:1", "'boddy'\n  hint: did you mean 'body'?", 0),
        (["--input", "trees"], "(1 a)\n(1 b\n", "2:5", "the line ends with 1 parenthesis open", 1),
        (["--input", "trees"], "a b\n", "1:1", "not a tree", 0),
        (["--input", "trees"], "(1 (2 a) (3 b)) x\n", "1:17", "text follows the tree", 0),
    ],
)  # fmt: skip
def test_mistakes_in_the_input(fails, tmp_path, args, text, place, message, before):
    (tmp_path / "in").write_text(text)
    out, err = fails(*args, tmp_path / "in")
    assert err.startswith(f"error: {tmp_path}/in:{place}: ")
    assert message in err
    assert "\n  hint: " in err
    assert out.count("\n") == before
    assert fails(*args, input=text) == (out, err.replace(f"{tmp_path}/in", "<stdin>"))


def test_the_second_file_is_named(fails, tmp_path):
    (tmp_path / "one").write_text("(1 a)\n")
    (tmp_path / "two").write_text("(1 a)\nb\n")
    out, err = fails("--input", "trees", tmp_path / "one", tmp_path / "two")
    assert f"{tmp_path}/two:2:1: not a tree" in err
    assert out.count("\n") == 2
    out, err = fails(tmp_path / "one", tmp_path / "no")
    assert f"no such file: {tmp_path}/no" in err
    assert fails("remarks-tset.tsv")[1].endswith("hint: did you mean 'remarks-test.tsv'?\n")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--input", "txet"], "unknown format 'txet' in --input\n  hint: did you mean 'text'?"),
        (["--field", "x", "--input", "csv"], "--field names a key of JSON objects, but csv is read\n  hint: --text names a column"),
        (["--field", "x", "--input", "trees"], "--field names a key of JSON objects, but trees is read\n  hint: add --input jsonl"),
        (["--field", "x", "--text", "x"], "--field and --text both say where the text is: give one"),
        (["--text", "x"], "--text is for tsv, csv, jsonl, but text is read\n  hint: add --input tsv or csv or jsonl"),
        (["--text", "x", "--input", "trees"], "--text is for tsv, csv, jsonl, but trees is read"),
        (["--delimiter", ","], "--delimiter is for tsv, csv, but text is read"),
        (["--delimiter", "", "--input", "csv"], "delimiter is empty"),
        (["--delimiter", "\n", "--input", "csv"], "cannot separate columns"),
        (["--no-header"], "--header is for tsv, csv, but text is read"),
        (["--no-header", "--text", "x", "--input", "csv"], "there is no column 'x'"),
        (["--text", "0", "--input", "csv"], "text: 0 is no column\n  hint: columns are numbered from 1"),
        (["--jsonl", "--input", "csv"], "--jsonl writes JSON objects, but csv comes back with two more columns"),
        (["--attention"], "--attention needs --jsonl\n  hint: --draw FILE draws it"),
        (["--attention", "--input", "csv"], "--attention needs --jsonl"),
        (["--else", "a\tb"], "--else: a tab or a line break cannot stand for a label"),
        (["--else", "a\nb"], "--else: a tab or a line break cannot stand for a label"),
        (["--min-confidence", "0.5", "--target-precision", "0.9"], "give one"),
        (["--min-confidence", "1.5"], "--min-confidence"),
        (["--min-confidence", "nan"], "--min-confidence"),
        (["--target-precision", "-1"], "--target-precision"),
        (["--top", "0"], "--top"),
        (["--batch-size", "0"], "--batch-size"),
        (["--jobs", "0"], "--jobs"),
        (["--threads", "0"], "--threads"),
        (["--draw", "x.gif"], "x.gif: not the name of a picture\n  hint: end it in one of .png, .svg, .pdf"),
    ],
)  # fmt: skip
def test_wrong_usage(fails, args, message):
    out, err = fails(*args, input="it\n", status=2)
    assert message in err
    assert out == ""


@pytest.mark.parametrize("model", ["topics", "names", "bag", "linear", "trees"])
def test_models_that_do_not_weigh_their_tokens(fails, tmp_path, model):
    for args in (["--attention", "--jsonl"], ["--draw", tmp_path / "x.png"]):
        out, err = fails(*args, input="it\n", model=model, status=2)
        assert "error: this model does not weigh its tokens\n  hint: train one with model.pooling: attention" in err
        assert out == ""
    assert not (tmp_path / "x.png").exists()


def test_a_picture_that_cannot_be_written(fails, tmp_path):
    pytest.importorskip("matplotlib")
    out, err = fails("--draw", tmp_path / "no" / "x.png", input="it\n")
    assert f"cannot write {tmp_path}/no/x.png: the folder {tmp_path}/no does not exist, or is not writable" in err
    assert out == ""  # told before anything is answered


def test_wrong_models(forks, classifiers, taggers, home, tmp_path):
    done = forks("classify", "-m", taggers / "runs" / "pos", cwd=home, input="a\n")
    assert done.returncode == 2
    assert "is a model of the kind tagger: `classify` cannot use it\n  hint: use: seqcli tag" in done.stderr
    done = forks("classify", "-m", "tiny", cwd=home, input="a\n")
    assert done.returncode == 2
    assert "use: seqcli generate or seqcli eval" in done.stderr
    for verb, *more in (["tag"], ["generate", "--prompt", "a"]):
        for model, kind in (("remarks", "classifier"), ("linear", "ngram-linear"), ("trees", "recursive")):
            done = forks(verb, "-m", model, *more, cwd=classifiers, input="a\n")
            assert done.returncode == 2
            assert f"is a model of the kind {kind}: `{verb}` cannot use it" in done.stderr
            assert "hint: use: seqcli classify or seqcli eval" in done.stderr
    for folder, message in ((tmp_path, "there is no model in ./runs for `classify`"), (home, "fits `classify`")):
        done = forks("classify", cwd=folder, input="a\n")
        assert done.returncode == 2
        assert message in done.stderr
        assert "seqcli train sentiment" in done.stderr
        assert done.stdout == ""
    assert "no such model: rmarks" in forks("classify", "-m", "rmarks", cwd=classifiers, input="a\n").stderr


@pytest.mark.parametrize("model", ["remarks", "linear", "trees"])
def test_damaged_models(fails, classifiers, tmp_path, model):
    whole = (classifiers / "runs" / model / "model.safetensors").read_bytes()
    cases = {
        "half": (whole[: len(whole) // 2], "not a readable model file; it may be truncated"),
        "tiny": (whole[:5], "not a readable model file"),
        "empty": (b"", "not a readable model file"),
        "flipped": (whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:], "do not match their checksum"),
    }
    for name, (data, message) in cases.items():
        (tmp_path / name).write_bytes(data)
        out, err = fails(input="it\n", model=str(tmp_path / name))
        assert f"error: {tmp_path}/{name}: " in err
        assert message in err
        assert out == ""


def test_weights_that_do_not_fit_their_recipe(fails, classifiers, tmp_path):
    """A file that is whole, but whose parts contradict each other."""
    for model in ("remarks", "bag", "linear", "trees"):
        stored = artifact.read(classifiers / "runs" / model / "model.safetensors")
        arrays = dict(stored.arrays)
        del arrays[min(n for n in arrays if n.startswith("model."))]
        artifact.write(tmp_path / model, stored.header, arrays)
        assert "fit" in fails(input="it\n", model=str(tmp_path / model))[1]


def test_labels_that_are_read_as_text(forks, classifiers):
    """Files in the training data's format whose labels nobody asked to skip."""
    lines = (classifiers / "names-test.txt").read_text().splitlines(keepends=True)[:4]
    said = "<stdin>:3:1: the label before it is read as text: --input label-text skips it\n"
    for text, warned in ((lines, True), (lines[:2], False), ([*lines[:2], "karo\n", *lines[2:]], False)):
        done = forks.ok("classify", "-m", "names", cwd=classifiers, input="".join(text))
        assert (said in done.stderr) == warned
    done = forks.ok("classify", "-m", "names", "--input", "label-text", cwd=classifiers, input="".join(lines))
    assert "read as text" not in done.stderr


def test_a_list_is_no_text(classifiers):
    with pytest.raises(UsageError, match="reads one text at a time, not a list"):
        seqcli.load(classifiers / "runs/names").classify(["karo", "lumi"])
