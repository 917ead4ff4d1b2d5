"""`seqcli eval` on classifiers: figures, tables, files in every format, unknown labels."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter

import pytest

from seqcli import metrics

SURE = {"risk-coverage-area", "risk-at-80"}
SINGLE = {"accuracy", "cross-entropy", "micro-f1", "calibration-error", "brier", *SURE}
SINGLE |= {f"{mean}-{what}" for mean in ("macro", "weighted") for what in ("f1", "precision", "recall")}
SEVERAL = SINGLE - {"accuracy", *SURE} | {
    "subset-accuracy",
    "hamming-loss",
    "samples-f1",
    "micro-precision",
    "micro-recall",
}


@pytest.fixture
def scored(forks, classifiers):
    """`scored(*args, model="remarks")`: stdout of a `seqcli eval` that must succeed."""

    def run(*args: object, model: str = "remarks", input: str = "") -> str:
        return forks.ok("-q", "eval", "-m", model, *args, cwd=classifiers, input=input).stdout

    return run


@pytest.fixture
def report(scored):
    """`report(*args, model="remarks")`: its JSON."""
    return lambda *args, **more: json.loads(scored("--json", *args, **more))


@pytest.fixture
def rows(classifiers) -> list[tuple[str, str]]:
    """(label, text) of the test split of remarks."""
    lines = (classifiers / "remarks-test.tsv").read_text().splitlines()[1:]
    return [tuple(line.split("\t")) for line in lines]  # type: ignore[misc]


# what is measured


def test_the_test_split_by_default(scored, report, classifiers):
    whole = report()
    assert whole["text"] == "remarks-test.tsv"
    assert report("--split", "test") == whole
    text = (classifiers / "remarks-test.tsv").read_text()
    assert report("-", input=text) == {**whole, "text": "<stdin>"}
    assert report("remarks-test.tsv") == whole
    other = report("--split", "valid")
    assert other["signature"] != whole["signature"]
    assert whole["counts"] == {"texts": 80, "labels": 2, "unknown labels": 0}
    assert scored().splitlines()[0] == "remarks-test.tsv"
    assert scored().splitlines()[-1] == whole["signature"]
    assert re.fullmatch(r"seqcli:\S+\|data:[0-9a-f]{12}\|texts:80", whole["signature"])
    assert report("remarks-test.tsv", "remarks-valid.tsv")["counts"]["texts"] == 160


@pytest.mark.parametrize(
    ("model", "known"),
    [("remarks", SINGLE | {"roc-auc"}), ("names", SINGLE), ("linear", SINGLE | {"roc-auc"}), ("topics", SEVERAL)],
)
def test_every_figure_by_name(scored, report, model, known):
    whole = report(model=model)
    found = {name for name in metrics.offers() if name in whole}
    assert found == known
    names = sorted(found)
    values = scored(*(a for name in names for a in ("--metric", name)), model=model).split()
    assert [float(v) for v in values] == pytest.approx([whole[name] for name in names], rel=1e-5)
    table = scored(model=model)
    assert all(f"  {name} " in table for name in names)
    assert "nats per text" in table
    one = report("--metric", names[0], model=model)
    assert {name for name in metrics.offers() if name in one} == {names[0]}
    assert "labels" not in one


@pytest.mark.parametrize("model", ["remarks", "linear", "bag", "pieces"])
def test_figures_agree_with_what_classify_says(report, classify, rows, model):
    whole = report(model=model)
    out = classify("--jsonl", "--top", 2, input="".join(text + "\n" for _, text in rows), model=model)
    answers = [json.loads(line)["seqcli"] for line in out.splitlines()]
    given = [(gold, a["label"]) for (gold, _), a in zip(rows, answers, strict=True)]
    assert whole["accuracy"] == pytest.approx(sum(g == p for g, p in given) / len(given))
    pairs, labels = Counter(given), whole["confusion"]["labels"]
    for i, gold in enumerate(labels):
        for j, label in enumerate(labels):
            assert whole["confusion"]["counts"][i][j] == pairs[gold, label]
    for label in labels:
        right, found = pairs[label, label], sum(p == label for _, p in given)
        support = sum(g == label for g, _ in given)
        assert whole["labels"][label] == pytest.approx(
            {
                "precision": right / found if found else 0,
                "recall": right / support,
                "f1": 2 * right / (found + support),
                "support": support,
            }
        )
    assert whole["macro-f1"] == pytest.approx(sum(s["f1"] for s in whole["labels"].values()) / len(labels))
    positive = [{r["label"]: r["probability"] for r in a["labels"]}["positive"] for a in answers]
    yes, no = (
        [p for p, (g, _) in zip(positive, rows, strict=True) if (g == "positive") == own] for own in (True, False)
    )
    auc = sum((a > b) + (a == b) / 2 for a in yes for b in no) / (len(yes) * len(no))
    assert whole["roc-auc"] == pytest.approx(auc, abs=2e-3)  # six digits are shown: some are equal
    assert sum(bin["count"] for bin in whole["reliability"]) == len(rows)


def test_several_labels_agree_with_what_classify_says(report, classify, classifiers):
    gold = [json.loads(line) for line in (classifiers / "topics-test.jsonl").read_text().splitlines()]
    out = classify("--jsonl", input="".join(g["text"] + "\n" for g in gold), model="topics").splitlines()
    given = [{r["label"] for r in json.loads(line)["seqcli"]["labels"]} for line in out]
    own = [set(g["labels"]) for g in gold]
    whole = report(model="topics")
    assert whole["subset-accuracy"] == pytest.approx(sum(a == b for a, b in zip(own, given, strict=True)) / len(own))
    right = sum(len(a & b) for a, b in zip(own, given, strict=True))
    assert whole["micro-f1"] == pytest.approx(2 * right / (sum(map(len, own)) + sum(map(len, given))))
    assert "confusion" not in whole
    assert set(whole["labels"]) == {"food", "music", "sport"}


def test_perfect_answers_score_one(report, classify, rows, tmp_path):
    out = classify(input="".join(text + "\n" for _, text in rows)).splitlines()
    (tmp_path / "own.tsv").write_text(
        "label\ttext\n" + "".join(f"{o.split(chr(9))[0]}\t{t}\n" for o, (_, t) in zip(out, rows, strict=True))
    )
    found = report(tmp_path / "own.tsv")
    assert {found[name] for name in ("accuracy", "macro-f1", "weighted-f1", "roc-auc")} == {1.0}


def test_the_matrix_and_mistakes(scored, report):
    lines = scored("--confusion", model="pieces").splitlines()
    whole = report(model="pieces")["confusion"]
    at = next(i for i, line in enumerate(lines) if line.split()[:1] == ["gold"])
    assert lines[at].split() == ["gold", *whole["labels"]]
    for line, label, counts in zip(lines[at + 1 :], whole["labels"], whole["counts"], strict=False):
        assert line.split() == [label, *map(str, counts)]
    wrong = [
        (n, g, p)
        for g, row in zip(whole["labels"], whole["counts"], strict=True)
        for p, n in zip(whole["labels"], row, strict=True)
        if n and g != p
    ]
    table = lines[lines.index("  mistakes (gold -> given)") + 1 : -1]
    assert [row.split() for row in table] == [[str(n), g, "->", p] for n, g, p in sorted(wrong, reverse=True)]
    assert "mistakes" not in scored(model="pieces")


# files in every format


@pytest.mark.parametrize("name", ["x.csv", "x.tsv", "x.jsonl", "x.ft", "x.lt", "x.numbers", "x.plain"])
def test_the_same_texts_in_another_format(report, rows, tmp_path, name):
    file, args = tmp_path / name, []
    with file.open("w", newline="") as out:
        if name == "x.csv":
            csv.writer(out).writerows([("id", "label", "text"), *((i, a, b) for i, (a, b) in enumerate(rows))])
        elif name == "x.numbers":
            csv.writer(out, delimiter=";").writerows((b, "x", a) for a, b in rows)
            args = ["--input", "csv", "--text", "1", "--label", "3", "--delimiter", ";"]
        elif name == "x.jsonl":
            out.writelines(json.dumps({"n": 1, "body": b, "gold": a}) + "\n" for a, b in rows)
            args = ["--text", "body", "--label", "gold"]
        elif name == "x.ft":
            out.writelines(f"__label__{a} {b}\n" for a, b in rows)
            args = ["--input", "fasttext"]
        elif name == "x.lt":
            out.writelines(f"{a} {b}\n" for a, b in rows)
            args = ["--input", "label-text"]
        else:
            out.writelines(f"{a}\t{b}\n" for a, b in rows)
    found, whole = report(*args, file), report()
    assert found["signature"] == whole["signature"]
    assert {**found, "text": ""} == {**whole, "text": ""}
    if "--input" in args:
        assert report(*args, "-", input=file.read_text())["signature"] == whole["signature"]


def test_trees_and_their_own_model(report, scored, classifiers):
    assert report("trees-test.txt", model="trees") == report(model="trees")
    assert float(scored("--metric", "accuracy", "trees-test.txt", model="trees")) > 0.9
    assert (
        scored("--input", "trees", "--metric", "accuracy", "-", model="trees", input="(2 (1 a) (2 good))\n") == "1\n"
    )


# labels that the model does not know


@pytest.fixture
def odd(tmp_path):
    """Three texts; one has a label that the model does not know."""
    path = tmp_path / "odd.tsv"
    path.write_text("label\ttext\npositive\ta superb film\npositve\tit is fine\nnegative\ta bore\n")
    return path


def test_an_unknown_label_is_named(forks, classifiers, odd):
    for args in ([], ["--unknown-label", "error"]):
        done = forks("eval", "-m", "remarks", *args, odd, cwd=classifiers)
        assert done.returncode == 1
        place = f"error: {odd}:3:1: the model does not know the label 'positve'\n  hint: did you mean 'positive'?"
        assert place in done.stderr
        assert "--unknown-label skip or count-wrong" in done.stderr
        assert done.stdout == ""


def test_an_unknown_label_counts_as_wrong(report, odd):
    found = report("--unknown-label", "count-wrong", odd)
    assert found["counts"] == {"texts": 3, "labels": 2, "unknown labels": 1}
    assert found["accuracy"] <= 2 / 3 + 1e-9
    assert found["labels"]["positve"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1}
    row = found["confusion"]["labels"].index("positve")
    assert sum(found["confusion"]["counts"][row]) == 1


def test_its_text_may_be_left_out(report, forks, classifiers, odd, tmp_path):
    found = report("--unknown-label", "skip", odd)
    assert found["counts"] == {"texts": 2, "labels": 2, "unknown labels": 0, "texts left out": 1}
    (tmp_path / "all.tsv").write_text("label\ttext\nx\tit is fine\n")
    done = forks("eval", "-m", "remarks", "--unknown-label", "skip", tmp_path / "all.tsv", cwd=classifiers)
    assert done.returncode == 1
    assert "nothing to score\n  hint: --unknown-label skip left out every text" in done.stderr
    alone = report("--unknown-label", "count-wrong", tmp_path / "all.tsv")
    assert alone["accuracy"] == 0
    assert "cross-entropy" not in alone  # no label of it has a probability
    several = report(
        "--unknown-label", "count-wrong", "-", model="topics", input='{"text": "a drum", "labels": ["music", "x"]}\n'
    )
    assert several["counts"]["unknown labels"] == 1
    assert several["subset-accuracy"] == 0


# mistakes


@pytest.mark.parametrize(
    ("args", "status", "message"),
    [
        (["--metric", "macro-f2"], 2, "unknown metric 'macro-f2'\n  hint: did you mean 'macro-f1'?"),
        (["--metric", "span-f1"], 1, "span-f1 cannot be measured on remarks-test.tsv with this model\n  hint: available: accuracy"),
        (["--metric", "subset-accuracy"], 1, "subset-accuracy cannot be measured on remarks-test.tsv"),
        (["--unknown-label", "ignore"], 2, "'ignore' is not a known value\n  hint: known: error, skip, count-wrong"),
        (["--split", "dev"], 2, "the run has no dev split\n  hint: it has: train, valid, test"),
        (["--split", "test", "remarks-test.tsv"], 2, "--split names a part of the run's own data"),
        (["--window", "3"], 2, "--window does not apply to runs/remarks/model.safetensors, a model of the kind classifier"),
        (["--columns", "a,b"], 2, "--columns does not apply to"),
        (["--tag", "x"], 2, "--tag does not apply to"),
        (["--per-line", "-"], 2, "--per-line does not apply to"),
        (["--threads", "2"], 2, "--threads does not apply to"),
        (["--input", "tsvv", "remarks-test.tsv"], 2, "--input tsvv: not a format with labels\n  hint: did you mean 'tsv'?"),
        (["--input", "text", "remarks-test.tsv"], 2, "--input text: not a format with labels\n  hint: did you mean 'fasttext'?"),
        (["--text", "3", "remarks-test.tsv"], 1, "remarks-test.tsv:1:1: there is no column 3"),
        (["--label", "lable", "remarks-test.tsv"], 1, "no column is named 'lable'\n  hint: did you mean 'label'?"),
        (["--delimiter", ",", "remarks-test.tsv"], 1, "remarks-test.tsv:1:1: the row has one column"),
        (["remarks-tset.tsv"], 1, "no such file: remarks-tset.tsv\n  hint: did you mean 'remarks-test.tsv'?"),
        (["names-test.txt"], 1, "names-test.txt:1:1: the model does not know the label"),
        (["--input", "jsonl", "topics-test.jsonl"], 1, "data.multi_label: true"),
        (["--compare", "remarks", "linear"], 2, "--compare names both models: leave out --model"),
    ],
)  # fmt: skip
def test_mistakes(forks, classifiers, args, status, message):
    done = forks("eval", "-m", "remarks", *args, cwd=classifiers)
    assert done.returncode == status, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_nothing_to_score(forks, classifiers, tmp_path):
    for text in ("", "\n\n", "label\ttext\n"):
        (tmp_path / "x.tsv").write_text(text)
        done = forks("eval", "-m", "remarks", tmp_path / "x.tsv", cwd=classifiers)
        assert done.returncode == 1, done.stderr
        assert f"{tmp_path}/x.tsv: nothing to score" in done.stderr


def test_flags_for_classifiers_do_not_serve_other_models(forks, home, taggers):
    for folder, model in ((home, "tiny"), (taggers, "pos")):
        for args in (["--text", "a"], ["--label", "x"], ["--delimiter", ","]):
            done = forks("eval", "-m", model, *args, cwd=folder)
            assert done.returncode == 2
            of_lines = model == "tiny" and args[0] != "--label"  # which --per-line reads
            said = "is for records" if of_lines else f"does not apply to runs/{model}/model.safetensors"
            assert f"{args[0]} {said}" in done.stderr
