"""What `seqcli classify` reads and can be asked for beside labels, and what it says of mistakes."""

from __future__ import annotations

import csv
import io
import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from seqcli import artifact

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def fails(forks, classifiers):
    """`fails(*args, input, model, status=1)`: (stdout, stderr) of a `seqcli classify` that must fail, cleanly."""

    def run(*args: object, input: str = "", model: str = "remarks", status: int = 1, cwd=classifiers):
        done = forks("-q", "classify", "-m", model, *args, cwd=cwd, input=input)
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr
        assert "this is a bug" not in done.stderr
        assert "error: " in done.stderr
        return done.stdout, done.stderr

    return run


# formats


def test_rows_come_back_with_two_more_columns(classify):
    one, two, three = classify(input='a b\nc "d" e\nf\n').replace("\t", ",").splitlines()
    text = '\ufeffid,"text",label\r\n1,a b,x\r\n2,"c ""d""\ne",y\r\n\r\n3\t,f,\r\n'
    out = classify("--input", "csv", input=text)
    rows = [f"1,a b,x,{one}", f'2,"c ""d""\ne",y,{two}', ",,,-,0.0000", f"3\t,f,,{three}"]
    assert out == "\r\n".join(['\ufeffid,"text",label,predicted,probability', *rows, ""])
    parsed = list(csv.reader(io.StringIO(out.removeprefix("\ufeff"))))
    assert {len(row) for row in parsed} == {5}
    assert classify("--input", "csv", input=text.removesuffix("\r\n")) == out.removesuffix("\r\n") + "\n"
    tsv = 'label\ttext\nx\t"a b\ny\tf\n'  # a quote is a character like others
    first, one, two = classify("--input", "tsv", input=tsv).splitlines()
    assert first == "label\ttext\tpredicted\tprobability"
    assert one == 'x\t"a b\t' + classify(input='"a b\n').strip()
    assert two == "y\tf\t" + classify(input="f\n").strip()


def test_columns_by_name_number_and_delimiter(classify):
    answer = classify(input="a good film\n").strip().replace("\t", ";")
    row = "7;a good film;bad film"
    for args in (["--text", "2"], ["--text", "2", "--no-header"]):
        assert classify("--input", "csv", "--delimiter", ";", *args, input=row + "\n") == f"{row};{answer}\n"
    text = f"id;body;other\n{row}\n"
    for name in ("body", "2", "BODY"):
        out = classify("--input", "csv", "--delimiter", "semicolon", "--text", name, "--header", input=text)
        assert out == f"id;body;other;predicted;probability\n{row};{answer}\n"
    assert classify("--input", "csv", "--text", "text", input="id,text\n") == "id,text,predicted,probability\n"
    assert classify("--input", "csv", input="just one column\n").startswith("just one column,")
    assert classify("--input", "csv", input="") == ""


def test_a_header_comes_once(classify, tmp_path):
    for name, text in (("a", "text,label\na,x\n"), ("b", "label,text\ny,b\n"), ("c", "text,label\n")):
        (tmp_path / f"{name}.csv").write_text(text)
    files = [tmp_path / f"{name}.csv" for name in "abc"]
    for size in (1, 64):
        out = classify("--input", "csv", "--batch-size", size, *files).splitlines()
        assert out[0] == "text,label,predicted,probability"
        assert [row[:4] for row in out[1:]] == ["a,x,", "y,b,"]
    assert classify("--input", "csv", "--batch-size", 64, files[2]) == "text,label,predicted,probability\n"


def test_several_labels_share_their_cell(classify):
    text = "text\nthe drum and the bread\nthe cat sat on\n"
    rows = list(csv.reader(io.StringIO(classify("--input", "csv", "--text", "text", input=text, model="topics"))))
    assert {len(row) for row in rows} == {3}
    assert sorted(rows[1][1].split(",")) == ["food", "music"]
    assert len(rows[1][2].split(",")) == 2
    assert rows[2][1] == "-"
    top = classify("--input", "tsv", "--top", 3, input="text\tlabel\nkamironen\tx\n", model="names")
    assert top.splitlines()[1].split("\t")[2].split(",")[0] == "fi"


def test_objects_come_back_with_their_fields_untouched(classify):
    body = '  {"n": 1.50, "big": 123456789012345678901234567890, "e": 1E+2, "body": "good \\u00e9", "k":  [1,  2]'
    blank = " \t"
    out = classify("--field", "body", input=f"\ufeff{body} }} \r\n{blank}\r\n{body}}}")
    first, second, third = out.split("\n")
    assert first.startswith(f'\ufeff{body} , "seqcli": {{"label": "')
    assert first.endswith("}}\r")
    assert second == f"{blank}\r"
    assert third.startswith(f'{body}, "seqcli": {{"label": "')
    assert classify("--input", "jsonl", "--text", "body", input=f"{body}}}") == third
    result = json.loads(third)["seqcli"]
    assert list(result) == ["label", "probability"]
    assert classify(input="good é\n") == f"{result['label']}\t{result['probability']:.4f}\n"
    assert json.loads(classify("--input", "jsonl", input='{"sentence": "good é"}\n'))["seqcli"] == result
    assert json.loads(classify("--input", "jsonl", input='{"text": " "}\n'))["seqcli"] == {
        "label": None,
        "probability": None,
    }


def test_an_old_result_is_replaced(classify):
    rest = '"n": 1.50, "e": 1E400, "a": "\\ud800", "text": "good"'
    new = json.loads(classify("--input", "jsonl", input="{" + rest + "}\n"))["seqcli"]
    for old in (
        f'{{"seqcli": {{"x": [1]}}, {rest}}}',
        f'{{{rest}, "seqcli": null}}',
        f'{{"seqcli":1,{rest},"seqcli":2}}',
    ):
        assert classify("--input", "jsonl", input=old) == "{" + rest + f', "seqcli": {json.dumps(new)}}}'


def test_trees_are_read_with_and_without_their_model(classify):
    text = "(2 (1 (1 the) (1 cat)) (2 (1 is) (0 (1 not) (0 bad))))\n\n (1 x)\n"
    for model in ("remarks", "names", "linear", "bag", "octets", "pieces"):  # they read the leaves as a text
        same = classify("--top", 2, input="the cat is not bad\n\nx\n", model=model)
        assert classify("--input", "trees", "--top", 2, input=text, model=model) == same
    out = classify("--input", "trees", "--top", 3, input=text, model="trees")
    assert out.splitlines()[0].startswith("2\t")
    assert out.splitlines()[1] == "-\t0.0000"
    shape = "(2 (2 (2 (2 (1 the) (1 cat)) (1 is)) (1 not)) (0 bad))\n"  # the tree matters, its labels do not
    assert classify("--input", "trees", "--top", 3, input=shape, model="trees") != out.splitlines()[0] + "\n"
    assert classify("--input", "trees", "--top", 3, input=text.replace("(2 ", "(0 "), model="trees") == out


def test_text_without_a_tree_is_remarked_once(forks, classifiers):
    done = forks.start("classify", "-m", "trees", cwd=classifiers, input="the cat\nis bad\n").wait()
    assert done.stderr == "text without a tree is read as a balanced one (model.fallback)\n"
    assert done.stdout.count("\n") == 2


# confidence


def test_what_is_less_probable_is_not_given(classify):
    lines = "".join(f"{text}\n" for text in ("a superb film", "a bore", "it", "the kettle is badly built"))
    sure = [line.split("\t") for line in classify(input=lines).splitlines()]
    least = sorted(float(p) for _, p in sure)[2] - 0.00005
    expected = "".join(f"{label if float(p) >= least else 'UNSURE'}\t{p}\n" for label, p in sure)
    assert expected.count("UNSURE") == 2
    assert classify("--min-confidence", least, "--else", "UNSURE", input=lines) == expected
    assert classify("--min-confidence", least, input=lines) == expected.replace("UNSURE", "-")
    assert classify("--min-confidence", 0, input=lines) == classify(input=lines)
    out = classify("--jsonl", "--min-confidence", least, input=lines).splitlines()
    found = [json.loads(o)["seqcli"] for o in out]
    assert [o["label"] or "-" for o in found] == [
        row.split("\t")[0].replace("UNSURE", "-") for row in expected.splitlines()
    ]
    assert [f"{o['probability']:.4f}" for o in found] == [p for _, p in sure]
    named = json.loads(classify("--jsonl", "--min-confidence", 1, "--else", "UNSURE", input="it\n"))["seqcli"]
    assert named["label"] == "UNSURE"
    rows = classify(
        "--input", "tsv", "--text", "text", "--min-confidence", 1, "--else", "no idea", input="text\nit\n\n"
    )
    assert [row.split("\t")[1] for row in rows.splitlines()[1:]] == ["no idea", "no idea"]


def test_less_probable_labels_of_several_are_not_given(classify):
    text = "the drum and the bread\n"
    for args in ([], ["--top", 3]):
        pairs = classify(*args, input=text, model="topics").rstrip("\n").split("\t")
        least = float(pairs[1]) - 0.0001
        assert classify(*args, "--min-confidence", least, input=text, model="topics") == "\t".join(pairs[:2]) + "\n"
    assert classify("--else", "", input="\n") == "_\t0.0000\n"  # no cell is empty


def test_a_threshold_for_a_precision_is_kept_in_the_model(forks, classifiers, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(classifiers, home)
    file = home / "runs" / "remarks" / "model.safetensors"
    before, text = artifact.read(file), "a superb film\nit\na bore\n"
    args = ("classify", "-m", "remarks", "--target-precision", "0.9")
    first = forks.ok(*args, cwd=home, input=text)
    assert "threshold for precision 0.9 written into runs/remarks/model.safetensors" in first.stderr
    after = artifact.read(file)
    least, reached, kept = after.header["decoding"]["thresholds"]["0.9"]
    assert reached >= 0.9
    assert 0 < kept < 1
    assert f"{least:.4f}: precision {reached:.4f} on valid, {kept:.1%} kept" in first.stderr
    valid = [line.split("\t") for line in (home / "remarks-valid.tsv").read_text().splitlines()[1:]]
    lines = forks.ok("-q", *args, cwd=home, input="".join(t + "\n" for _, t in valid)).stdout.splitlines()
    given = [(gold, line.split("\t")[0]) for (gold, _), line in zip(valid, lines, strict=True) if line[0] != "-"]
    assert len(given) / len(valid) == pytest.approx(kept, abs=1e-5)  # six digits are kept
    assert sum(a == b for a, b in given) / len(given) == pytest.approx(reached, abs=1e-5)
    unchanged = [{k: v for k, v in a.header.items() if k not in ("decoding", "checksum")} for a in (before, after)]
    assert unchanged[0] == unchanged[1]
    assert (
        forks.ok("classify", "-m", "remarks", "--min-confidence", least, cwd=home, input=text).stdout == first.stdout
    )
    for split in ("train", "valid", "test"):
        (home / f"remarks-{split}.tsv").unlink()
    again = forks.ok(*args, cwd=home, input=text)  # the data is not asked for again
    assert again.stdout == first.stdout
    assert "written" not in again.stderr
    assert "threshold" in forks.ok("inspect", "remarks", cwd=home).stdout
    gone = forks("classify", "-m", "remarks", "--target-precision", "0.5", cwd=home, input=text)
    assert gone.returncode == 1
    assert "no such file" in gone.stderr


def test_a_model_that_cannot_be_written_is_used_all_the_same(spawn, classifiers, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")  # Python 3.11 keeps what was cut off of its own files
    home = tmp_path / "home"
    shutil.copytree(classifiers, home)
    whole = (home / "runs/bag/model.safetensors").read_bytes()

    def limited() -> None:  # no file may grow: a disk that takes nothing, for every user
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    process = spawn("classify", "-m", "bag", "--target-precision", 0.7, cwd=home, preexec_fn=limited)
    out, err = process.communicate(b"a superb film\n", timeout=60)
    assert process.returncode == 0, err
    assert b"warning: the threshold for precision 0.7 is not kept: cannot write runs/bag/model.safetensors" in err
    assert out.count(b"\n") == 1
    assert (home / "runs/bag/model.safetensors").read_bytes() == whole
    assert [p.name for p in (home / "runs/bag").iterdir() if p.name.startswith(".")] == []


def test_a_precision_that_is_out_of_reach(fails, classifiers, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(classifiers, home)
    valid = (home / "remarks-valid.tsv").read_text().splitlines()
    turned = {"negative": "positive", "positive": "negative", "label": "label"}
    (home / "remarks-valid.tsv").write_text(
        "".join(f"{turned[a]}\t{b}\n" for a, _, b in (line.partition("\t") for line in valid))
    )
    out, err = fails("--target-precision", "0.99", input="it\n", cwd=home)
    assert "no confidence threshold reaches precision 0.99 on the validation split" in err
    assert "hint: ask for a lower precision" in err
    assert out == ""


# what a model looks at


def test_what_each_token_weighs(classify):
    lines = ["A superb, superbly built film.", "", "日本 👩‍👩‍👧‍👦 e\u0301 x", "\u200b"]
    objects = [json.loads(o) for o in classify("--jsonl", "--attention", input="\n".join(lines) + "\n").splitlines()]
    assert [t["text"] for t in objects[0]["seqcli"]["tokens"]] == [
        "A",
        "superb",
        ",",
        "superbly",
        "built",
        "film",
        ".",
    ]
    assert objects[1]["seqcli"]["tokens"] == []
    for o in objects:
        tokens, end = o["seqcli"]["tokens"], 0
        for t in tokens:
            assert o["text"][t["start"] : t["end"]] == t["text"]
            assert t["start"] >= end
            end = t["end"]
        if tokens:
            assert sum(t["weight"] for t in tokens) == pytest.approx(1, abs=1e-5)
    read = classify("--field", "x", "--attention", input='{"x": "a good film"}\n')
    assert [t["text"] for t in json.loads(read)["seqcli"]["tokens"]] == ["a", "good", "film"]
    plain = classify("--jsonl", input=lines[0] + "\n")
    del objects[0]["seqcli"]["tokens"]
    assert json.loads(plain) == objects[0]


def test_the_leaves_of_a_tree_weigh_too(classify):
    tree = "(2 (1 A) (2 (2 (0 superb) (1 ,)) (1 ca) (1 n't)))\n"
    tokens = json.loads(classify("--input", "trees", "--jsonl", "--attention", input=tree))["seqcli"]["tokens"]
    assert [t["text"] for t in tokens] == ["A", "superb", ",", "ca", "n't"]
    assert [t["start"] for t in tokens] == [0, 2, 9, 11, 14]


@pytest.mark.parametrize("ending", ["png", "svg", "PDF"])
def test_it_can_be_drawn(classify, tmp_path, ending):
    pytest.importorskip("matplotlib")
    file, lines = tmp_path / f"look.{ending}", "A superb film, $5!\n\n" + "very " * 200 + "dull\n日本\n" + "x\n" * 30
    assert classify("--draw", file, input=lines) == classify(input=lines)
    beginning = {"png": b"\x89PNG", "svg": b"<?xml", "PDF": b"%PDF"}[ending]
    assert file.read_bytes().startswith(beginning)
    assert classify("--draw", tmp_path / "none.svg", input="\n") == "-\t0.0000\n"  # nothing to draw
    assert (tmp_path / "none.svg").is_file()


def test_without_matplotlib_the_command_that_installs_it_is_named(classifiers, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['matplotlib'] = None\n")
    path = os.pathsep.join(filter(None, [str(tmp_path), str(ROOT), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "seqcli", "-q", "classify", "-m", "remarks", "--draw", str(tmp_path / "x.png")]
    done = subprocess.run(
        command,
        cwd=classifiers,
        env={**os.environ, "PYTHONPATH": path},
        input=b"a\n",
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == b""
    assert done.stderr == b"error: drawing needs matplotlib\n  hint: pip install 'seqcli[report]'\n"


def test_nodes_are_of_trees_and_of_json(classify):
    tree = "(1 (1 not) (2 good))\n"
    found = json.loads(classify("--input", "trees", "--jsonl", "--nodes", input=tree, model="trees"))
    nodes = found["seqcli"]["nodes"]
    assert [found["text"][n["start"] : n["end"]] for n in nodes] == ["not", "good", "not good"]
    assert (nodes[-1]["label"], nodes[-1]["probability"]) == (
        found["seqcli"]["label"],
        found["seqcli"]["probability"],
    )


# --explain


@pytest.mark.parametrize("model", ["remarks", "linear", "bag"])
def test_explanations_are_what_the_filter_says_without_each_token(classify, model):
    text = "what a good film, but dull"
    found = json.loads(classify("--jsonl", "--explain", input=text + "\n", model=model))["seqcli"]
    label, whole = found["label"], found["probability"]
    assert [t["text"] for t in found["explanation"]][:3] == ["what", "a", "good"]

    def of(texts: list[str]) -> list[float]:
        out = classify("--jsonl", "--top", 2, input="".join(f"{t}\n" for t in texts), model=model).splitlines()
        every = [{p["label"]: p["probability"] for p in json.loads(line)["seqcli"]["labels"]} for line in out]
        return [p[label] for p in every]

    spans = [(t["start"], t["end"]) for t in found["explanation"]]
    assert [t["without"] for t in found["explanation"]] == pytest.approx(
        of([text[:a] + text[b:] for a, b in spans]), abs=2e-6
    )
    assert [t["read"] for t in found["explanation"]] == pytest.approx(of([text[:b] for _, b in spans]), abs=2e-6)
    assert found["explanation"][-1]["read"] == pytest.approx(whole, abs=2e-6)
    for token in found["explanation"]:
        weight = np.log(whole / (1 - whole)) - np.log(token["without"] / (1 - token["without"]))
        assert token["weight"] == pytest.approx(weight, abs=1e-3)


def test_what_cannot_be_explained(classify, fails):
    assert json.loads(classify("--jsonl", "--explain", input="\n"))["seqcli"]["explanation"] == []
    assert "--explain needs --jsonl" in fails("--explain", input="a\n", status=2)[1]
    tree = "(2 (2 the) (2 cat))\n"
    assert (
        "which a tree does not allow"
        in fails("--input", "trees", "--jsonl", "--explain", input=tree, model="trees", status=2)[1]
    )
