"""`seqcli eval --compare`: two classifiers on the same texts, and how sure their difference is."""

from __future__ import annotations

import json
import random

import pytest


@pytest.fixture
def scored(forks, classifiers):
    """`scored(*args)`: stdout of a `seqcli eval` that must succeed."""
    return lambda *args: forks.ok("-q", "eval", *args, cwd=classifiers).stdout


@pytest.fixture
def report(scored):
    """`report(*args)`: its JSON."""
    return lambda *args: json.loads(scored("--json", *args))


@pytest.fixture
def compared(report):
    """`compared(first, second, *args)`: the JSON of two models."""
    return lambda *args: report("--compare", *args)


@pytest.fixture
def rows(classifiers) -> list[tuple[str, str]]:
    """(label, text) of the test split of remarks."""
    lines = (classifiers / "remarks-test.tsv").read_text().splitlines()[1:]
    return [tuple(line.split("\t")) for line in lines]  # type: ignore[misc]


@pytest.fixture
def odd(tmp_path):
    """Two texts; one has a label that neither model knows."""
    path = tmp_path / "odd.tsv"
    path.write_text("label\ttext\npositive\ta superb film\npositve\tit is fine\n")
    return path


def test_a_model_is_no_better_than_itself(report, compared, scored):
    for model, metric in (("remarks", "accuracy"), ("topics", "micro-f1")):
        found = compared(model, model)
        own = found["metrics"][metric]
        assert own["first"] == own["second"] == report("-m", model)[metric]
        assert (own["difference"], own["low"], own["high"], own["p_value"]) == (0, 0, 0, 1)
        assert found["signature"] == report("-m", model)["signature"]
    lines = scored("--compare", "remarks", "remarks").splitlines()
    assert lines[0] == "remarks-test.tsv"
    assert lines[3].startswith("  difference +0.0000, 95 % interval +0.0000 to +0.0000, p 1.0000 (paired bootstrap")


def test_two_models_side_by_side(report, compared, scored, classify, rows):
    names = ("accuracy", "macro-f1", "weighted-recall")
    args = ["remarks", "linear", *(a for n in names for a in ("--metric", n))]
    found = compared(*args)
    assert compared(*args) == found  # the same resamples every time
    for name in names:
        own = found["metrics"][name]
        assert own["first"] == pytest.approx(report("-m", "remarks")[name])
        assert own["second"] == pytest.approx(report("-m", "linear")[name])
        assert own["difference"] == pytest.approx(own["first"] - own["second"])
        assert own["low"] <= own["difference"] <= own["high"]
    texts = "".join(text + "\n" for _, text in rows)
    right = [
        [
            line.split("\t")[0] == gold
            for line, (gold, _) in zip(classify(input=texts, model=m).splitlines(), rows, strict=True)
        ]
        for m in ("remarks", "linear")
    ]
    differences, draw = [a - b for a, b in zip(*right, strict=True)], random.Random(1)
    drawn = sorted(sum(draw.choices(differences, k=len(rows))) / len(rows) for _ in range(4000))
    interval = found["metrics"]["accuracy"]
    assert interval["low"] == pytest.approx(drawn[100], abs=0.03)
    assert interval["high"] == pytest.approx(drawn[-100], abs=0.03)
    turned = compared("linear", "remarks")["metrics"]["accuracy"]
    assert turned["difference"] == -interval["difference"]
    assert (turned["low"], turned["high"]) == pytest.approx((-interval["high"], -interval["low"]), abs=0.02)
    assert compared("remarks", "linear", "remarks-train.tsv")["text"] == "remarks-train.tsv"
    text = scored("--compare", *args)
    for model in ("remarks", "linear"):
        assert f"runs/{model}/model.safetensors " in text
    assert text.count("difference ") == 3
    assert text.splitlines()[-1] == report("-m", "remarks")["signature"]


def test_models_without_a_common_label_are_not_compared(forks, classifiers, odd):
    both = ("eval", "--compare", "remarks", "names", odd)
    done = forks(*both, cwd=classifiers)
    assert done.returncode == 1
    assert "does not know the label" in done.stderr
    done = forks(*both, "--unknown-label", "count-wrong", cwd=classifiers)
    assert done.returncode == 2
    assert "the models have no label in common (negative, positive and fi, ru, sv)" in done.stderr
    assert "nothing to score" in forks(*both, "--unknown-label", "skip", cwd=classifiers).stderr


@pytest.mark.parametrize(
    ("args", "status", "message"),
    [
        (["remarks", "rmarks"], 2, "no such model: rmarks"),
        (["remarks", "linear", "--metric", "brier"], 2, "brier cannot be compared\n  hint: use accuracy"),
        (["remarks", "linear", "--metric", "roc-auc"], 2, "roc-auc cannot be compared"),
        (["remarks", "linear", "--confusion"], 2, "--confusion is for a single model: leave out --compare"),
        (["remarks", "topics", "--unknown-label", "count-wrong"], 2, "one model gives a text one label, the other may give several"),
        (["remarks", "{tagger}"], 2, "is a model for tagging\n  hint: --compare takes two models for classification"),
        (["{tagger}", "remarks"], 2, "--compare does not apply to"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared(forks, classifiers, taggers, args, status, message):
    args = [a.format(tagger=taggers / "runs" / "pos") for a in args]
    done = forks("eval", "--compare", *args, cwd=classifiers)
    assert done.returncode == status, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_nothing_to_compare(forks, classifiers, tmp_path):
    (tmp_path / "x.tsv").write_text("label\ttext\n")
    done = forks("eval", "--compare", "remarks", "linear", tmp_path / "x.tsv", cwd=classifiers)
    assert done.returncode == 1, done.stderr
    assert f"{tmp_path}/x.tsv: nothing to score" in done.stderr
