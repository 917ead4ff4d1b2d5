"""`seqcli eval` on models for tagging: figures, tables, unknown tags, and what it says of mistakes."""

from __future__ import annotations

import json
import shutil
from collections import Counter

import pytest

from seqcli import metrics

SPANS = {"span-f1", "span-precision", "span-recall", "span-f1-strict", "span-f1-macro"}
TOKENS = {"accuracy", "accuracy-known", "sentence-accuracy", "calibration-error", "brier", "cross-entropy"}
TOKENS |= {"risk-coverage-area", "risk-at-80"}


@pytest.fixture
def scored(forks, taggers):
    """`scored(*args, model="ner")`: stdout of a `seqcli eval` that must succeed."""

    def run(*args: object, model: str = "ner", input: str = "") -> str:
        return forks.ok("-q", "eval", "-m", model, *args, cwd=taggers, input=input).stdout

    return run


@pytest.fixture
def report(scored):
    """`report(*args, model="ner")`: its JSON."""
    return lambda *args, **more: json.loads(scored("--json", *args, **more))


def columns(text: str) -> list[list[str]]:
    return [row.split() for row in text.split("\n") if row]


# what is measured


def test_the_test_split_by_default(scored, report, taggers):
    whole = report()
    assert whole["text"] == "ner-test.conll"
    assert report("--split", "test") == whole
    for what, args in (("ner-test.conll", ["ner-test.conll"]), ("<stdin>", ["-"])):
        same = report(*args, input=(taggers / "ner-test.conll").read_text())
        assert same == {**whole, "text": what}
    other = report("--split", "valid")
    assert other["signature"] != whole["signature"]
    assert other["counts"]["sentences"] == 30
    assert scored().splitlines()[0] == "ner-test.conll"
    assert scored().splitlines()[-1] == whole["signature"]


@pytest.mark.parametrize(("model", "known"), [("ner", TOKENS | SPANS), ("pos", TOKENS | {"accuracy-unknown"})])
def test_every_figure_by_name(scored, report, model, known):
    whole = report(model=model)
    found = {name for name in metrics.offers() if name in whole}
    assert found == known
    names = sorted(found)
    values = scored(*(a for name in names for a in ("--metric", name)), model=model).split()
    assert [float(v) for v in values] == pytest.approx([whole[name] for name in names], rel=1e-5)
    table = scored(model=model)
    assert all(f"  {name} " in table for name in names)
    one = report("--metric", names[0], model=model)
    assert {name for name in metrics.offers() if name in one} == {names[0]}


def test_figures_agree_with_what_tag_says(report, tag, taggers):
    whole = report()
    rows = columns(tag("--format", "conll", "ner-test.conll", model="ner"))
    pairs = Counter((gold, given) for *_, gold, given in rows)
    assert whole["counts"]["tokens"] == len(rows)
    assert whole["accuracy"] == pytest.approx(sum(n for (g, p), n in pairs.items() if g == p) / len(rows))
    labels = whole["confusion"]["labels"]
    for i, gold in enumerate(labels):
        for j, given in enumerate(labels):
            assert whole["confusion"]["counts"][i][j] == pairs[gold, given]
    assert sum(bin["count"] for bin in whole["reliability"]) == len(rows)
    support = sum(gold.startswith("B-") for _, _, gold, _ in rows)
    assert sum(score["support"] for score in whole["labels"].values()) == support


def test_perfect_answers_score_one(report, tag, tmp_path):
    text = tag("--format", "conll", "--replace", "ner-test.conll", model="ner")
    (tmp_path / "own.conll").write_text(text)
    found = report(tmp_path / "own.conll")
    assert {found[name] for name in ("accuracy", "span-f1", "span-f1-strict", "sentence-accuracy")} == {1.0}


def test_mistakes_are_listed(scored, report):
    table = scored("--confusion").split("mistakes (gold -> given)\n")[1].splitlines()[:-1]
    whole = report()["confusion"]
    wrong = [
        (n, whole["labels"][i], whole["labels"][j])
        for i, row in enumerate(whole["counts"])
        for j, n in enumerate(row)
        if n and i != j
    ]
    wrong.sort(key=lambda row: (-row[0], row[1], row[2]))
    assert [row.split() for row in table] == [[str(n), gold, "->", given] for n, gold, given in wrong[:30]]


# tags that the model does not know


@pytest.fixture
def odd(tmp_path):
    """Two sentences; one has a tag that the model does not know."""
    path = tmp_path / "odd.conll"
    path.write_text("Ada NNP B-PER\nsaw VBD O\nOslo NNP B-GPE\n\nBob NNP B-PER\nleft VBD O\n\n")
    return path


def test_an_unknown_tag_is_named(forks, taggers, odd):
    for args in ([], ["--unknown-label", "error"]):
        done = forks("eval", "-m", "ner", *args, odd, cwd=taggers)
        assert done.returncode == 1
        assert (
            f"error: {odd}:3:10: the model does not know the tag 'B-GPE'\n  hint: did you mean 'B-PER'?"
            in done.stderr
        )
        assert "--unknown-label skip or count-wrong" in done.stderr
        assert done.stdout == ""


def test_an_unknown_tag_of_the_runs_own_split_counts_as_wrong_as_when_it_was_trained(forks, taggers, odd, tmp_path):
    shutil.copytree(taggers / "runs/ner", tmp_path / "runs/ner")
    for split in ("train", "valid"):
        shutil.copy(taggers / f"ner-{split}.conll", tmp_path)
    odd.rename(tmp_path / "ner-test.conll")
    own = json.loads(forks.ok("eval", "-m", "ner", "--json", cwd=tmp_path).stdout)
    assert own["counts"]["tokens of unknown tags"] == 1
    done = forks("eval", "-m", "ner", "--unknown-label", "error", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")


def test_an_unknown_tag_counts_as_wrong(report, odd):
    found = report("--unknown-label", "count-wrong", odd)
    assert found["counts"]["tokens"] == 5
    assert found["counts"]["tokens of unknown tags"] == 1
    assert found["labels"]["GPE"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1}
    assert found["accuracy"] <= 0.8
    row = found["confusion"]["labels"].index("B-GPE")
    assert sum(found["confusion"]["counts"][row]) == 1


def test_its_sentence_may_be_left_out(report, forks, taggers, odd, tmp_path):
    found = report("--unknown-label", "skip", odd)
    assert found["counts"]["sentences"] == 1
    assert found["counts"]["sentences left out"] == 1
    assert found["counts"]["tokens"] == 2
    (tmp_path / "all.conll").write_text("Oslo NNP B-GPE\n\n")
    done = forks("eval", "-m", "ner", "--unknown-label", "skip", tmp_path / "all.conll", cwd=taggers)
    assert done.returncode == 1
    assert "nothing to score\n  hint: --unknown-label skip left out every sentence" in done.stderr
    alone = report("--unknown-label", "count-wrong", tmp_path / "all.conll")
    assert alone["accuracy"] == 0
    assert "cross-entropy" not in alone  # no tag of it has a probability


# how files are read


def test_columns_and_their_tags_by_name(report, taggers, tmp_path):
    whole = report()
    rows = [row.split() for row in (taggers / "ner-test.conll").read_text().split("\n")]
    moved = "".join(f"{row[2]},{row[0]},x\n" if row else "\n" for row in rows)
    (tmp_path / "moved.conll").write_text(moved)
    args = ("--columns", "ner,word,_", "--separator", ",", tmp_path / "moved.conll")
    assert report(*args)["signature"] == whole["signature"]
    assert report("--tag", "ner", *args)["span-f1"] == whole["span-f1"]
    renamed = ("--columns", "gold,word,_", "--tag", "gold", "--separator", ",", tmp_path / "moved.conll")
    assert report(*renamed)["span-f1"] == whole["span-f1"]


@pytest.mark.parametrize("format", ["jsonl", "word-tag", "conllu"])
def test_the_same_sentences_in_another_format(report, taggers, tmp_path, format):
    sentences = [
        [row.split() for row in block.split("\n")]
        for block in (taggers / "ner-test.conll").read_text().rstrip("\n").split("\n\n")
    ]
    text, more = "", []
    for rows in sentences:
        words, _, tags = zip(*rows, strict=True)
        if format == "jsonl":
            text += json.dumps({"tokens": words, "tags": tags}) + "\n"
        elif format == "word-tag":
            text += " ".join(f"{w}/{t}" for w, t in zip(words, tags, strict=True)) + "\n"
        else:
            more = ["--tag", "misc.NER"]
            lines = (
                f"{i}\t{w}" + "\t_" * 7 + f"\tNER={t}\n" for i, (w, t) in enumerate(zip(words, tags, strict=True), 1)
            )
            text += "".join(lines) + "\n"
    (tmp_path / "same").write_text(text)
    found = report("--input", format, *more, tmp_path / "same")
    whole = report()
    assert found["signature"] == whole["signature"]
    assert found["span-f1"] == whole["span-f1"]


def test_a_text_for_a_model_that_restores(report, tmp_path):
    (tmp_path / "x.txt").write_text("the cat sat on a mat.\n\nthe dog\n")
    found = report(tmp_path / "x.txt", model="spaces")
    assert found["counts"]["tokens"] == len("thecatsatonamat.thedog")
    assert report(model="spaces")["counts"]["sentences"] == 20


def test_a_counted_model(report):
    assert report(model="counted")["accuracy"] > 0.8


# mistakes


@pytest.mark.parametrize(
    ("model", "args", "status", "message"),
    [
        ("ner", ["--metric", "span-f2"], 2, "unknown metric 'span-f2'\n  hint: did you mean 'span-f1'?"),
        ("ner", ["--metric", "perplexity"], 1, "perplexity cannot be measured on ner-test.conll"),
        ("pos", ["--metric", "span-f1"], 1, "hint: available: accuracy, "),
        ("ner", ["--unknown-label", "ignore"], 2, "'ignore' is not a known value\n  hint: known: error, skip, count-wrong"),
        ("ner", ["--split", "dev"], 2, "the run has no dev split\n  hint: it has: train, valid, test"),
        ("ner", ["--split", "test", "ner-test.conll"], 2, "--split names a part of the run's own data"),
        ("ner", ["--window", "3"], 2, "--window does not apply to runs/ner/model.safetensors, a model of the kind tagger"),
        ("ner", ["--per-line", "ner-test.conll"], 2, "--per-line does not apply to"),
        ("ner", ["--input", "cnll", "ner-test.conll"], 2, "unknown format 'cnll' in --input"),
        ("ner", ["--input", "jsonl", "--columns", "word,ner", "ner-test.conll"], 2, "--columns is for conll"),
        ("ner", ["--columns", "word,ner", "ner-test.conll"], 1, "ner-test.conll:1:1: 3 columns, expected 2 (word, ner)"),
        ("ner", ["--tag", "nre", "ner-test.conll"], 2, "no column is named 'nre'\n  hint: did you mean 'ner'?"),
        ("ner", ["--input", "text", "plain.txt"], 2, "text has no tags to score against\n  hint: name the format"),
        ("ner", ["ner-tset.conll"], 1, "no such file: ner-tset.conll\n  hint: did you mean 'ner-test.conll'?"),
        ("fed", ["--columns", "word,_,ner", "ner-test.conll"], 1, "ner-test.conll:1:1: no column 'pos', which the model"),
        ("pos", ["ner-test.conll"], 1, "ner-test.conll:1:"),
    ],
)  # fmt: skip
def test_mistakes(forks, taggers, model, args, status, message):
    done = forks("eval", "-m", model, *args, cwd=taggers)
    assert done.returncode == status, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_nothing_to_score(forks, taggers, tmp_path):
    for text in ("", "\n\n", "-DOCSTART- -X- O\n\n"):
        (tmp_path / "x.conll").write_text(text)
        done = forks("eval", "-m", "ner", tmp_path / "x.conll", cwd=taggers)
        assert done.returncode == 1
        assert f"{tmp_path}/x.conll: nothing to score" in done.stderr


def test_flags_for_taggers_do_not_serve_other_models(forks, home):
    for args in (["--confusion"], ["--tag", "x"], ["--columns", "a,b"]):
        done = forks("eval", "-m", "tiny", *args, cwd=home)
        assert done.returncode == 2
        assert (
            f"{args[0]} does not apply to runs/tiny/model.safetensors, a model of the kind language-model"
            in done.stderr
        )
