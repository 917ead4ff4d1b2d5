"""`seqcli rescore`: lists in, best answers out; what is added, what is fitted, what is refused."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.inprocess import Done, seqcli

MODELS = Path(__file__).resolve().parents[1] / "net/models"
LISTS = "a\tthe cat sat on a mat.\t-3\na\tmat taa cts eht no ca.\t-2.5\nb\tit ran.\t-1\nb\ttran i.\t-1\nc\t\t0\n"


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rescore")
    for name in ("lm", "lm-counted", "lm-attention", "lm-words", "digits", "tides"):
        (folder / "runs" / name).mkdir(parents=True)
        shutil.copy(MODELS / f"{name}.safetensors", folder / "runs" / name / "model.safetensors")
    return folder


@pytest.fixture
def rescore(there: Path) -> Callable[..., Done]:
    def run(*args: Any, input: str = LISTS, model: str = "lm", status: int = 0) -> Done:
        done = seqcli("rescore", "-m", model, *args, cwd=there, input=input)
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


def rows(done: Done) -> list[list[str]]:
    return [line.split("\t") for line in done.text.splitlines()]


def test_the_best_answer_of_each_list_a_line(rescore) -> None:
    assert rescore("--weight", "score=1").text == "mat taa cts eht no ca.\nit ran.\n\n"
    assert rescore("--weight", "lm=1").text == "the cat sat on a mat.\nit ran.\n\n"
    assert rescore("--weight", "length=1").text == "mat taa cts eht no ca.\nit ran.\n\n"
    assert rescore("--weight", "lm=1", input="").text == ""


@pytest.mark.parametrize("model", ["lm", "lm-counted", "lm-attention", "lm-words"])
def test_what_is_added_is_what_eval_says_a_line_costs(rescore, there, model) -> None:
    """The log-probability, its tokens, the weighted sum; rows as they were."""
    texts = [line.split("\t")[1] for line in LISTS.splitlines()]
    costs = seqcli("eval", "-m", model, "--per-line", cwd=there, input="".join(t + "\n" for t in texts)).text
    nats = dict(zip(texts, (line.split("\t") for line in costs.splitlines()), strict=True))
    found = rows(rescore("--weight", "lm=0.5", "--weight", "score=2", "--weight", "length=0.1", "-n", 9, model=model))
    assert {"\t".join(row[:3]) for row in found} == set(LISTS.splitlines())
    for _, text, score, lm, length, total in found:
        assert float(lm) == pytest.approx(-float(nats[text][0]), abs=2e-4)
        assert length == nats[text][1]
        assert float(total) == pytest.approx(2 * float(score) + 0.5 * float(lm) + 0.1 * int(length), abs=2e-3)
    assert [float(row[5]) for row in found[:2]] == sorted((float(row[5]) for row in found[:2]), reverse=True)


@pytest.mark.parametrize("model", ["lm", "lm-counted", "lm-attention"])
def test_the_same_bytes_whatever_the_batch_the_processes_and_the_neighbours(rescore, there, model) -> None:
    many = "".join(
        f"{i}\t{'the cat ' * (1 + (i * 7 + k) % 9)}{'sat.' * k}\t-{k}\n" for i in range(30) for k in range(1 + i % 5)
    )
    (there / "many.tsv").write_text(many)
    asked = ("--weight", "lm=0.3", "--weight", "score=1", "-n", 5)
    first = rescore(*asked, "many.tsv", model=model)
    for more in (("--batch-size", 1), ("--batch-size", 7), ("--jobs", 2)):
        assert rescore(*asked, *more, "many.tsv", model=model).stdout == first.stdout
    alone = "".join(f"{i}\t{line.split(chr(9), 1)[1]}\n" for i, line in enumerate(many.splitlines()))
    assert sorted(row[1:] for row in rows(rescore(*asked, input=alone, model=model))) == sorted(
        row[1:] for row in rows(first)
    )


def test_a_header_is_longer_and_moses_stays_moses(rescore) -> None:
    done = rescore("--weight", "am=1", "-n", 1, input="id\ttext\tam\n" + LISTS)
    assert rows(done)[0] == ["id", "text", "am", "lm", "length", "total"]
    assert len(rows(done)) == 4
    moses = "0 ||| it ran. ||| tm= -1 -2 ||| -3\n0 ||| the cat. ||| tm= -2 -3 ||| -1\n"
    assert rescore("--weight", "total=1", input=moses).text == "the cat.\n"
    assert rescore("--weight", "tm2=1", input=moses).text == "it ran.\n"
    written = rescore("--weight", "tm1=1", "-n", 1, input=moses).text
    assert written.startswith("0 ||| it ran. ||| tm= -1 -2 ||| -3 ||| lm= -")
    assert written.endswith("length= 8 ||| -1.0000\n")


def test_objects_of_generate_come_back(rescore, there) -> None:
    given = seqcli(
        "generate", "-m", "digits", "--beam", 4, "--n-best", 3, "--jsonl", cwd=there, input="forty two\n\nsix\n"
    ).text
    kept = [json.loads(line) for line in rescore("--weight", "logprob=1", input=given).text.splitlines()]
    for line, own in zip(given.splitlines(), kept, strict=True):
        before = json.loads(line)
        assert own["source"] == before["source"]
        best = max(before["seqcli"]["answers"], key=lambda answer: answer["logprob"])
        assert {k: own["seqcli"][k] for k in best} == best
        assert own["seqcli"]["total"] == pytest.approx(best["logprob"], abs=1e-5)
        assert "answers" not in own["seqcli"]
    listed = [json.loads(line) for line in rescore("--weight", "lm=1", "-n", 2, input=given).text.splitlines()]
    for own in listed:
        answers = own["seqcli"].pop("answers")
        assert own["seqcli"] == answers[0]
        assert len(answers) == 2
        assert answers[0]["lm"] >= answers[1]["lm"]
    assert rescore("--weight", "lm=1", input="\n" + given).text.startswith("\n{")


def test_what_the_model_lacks_costs_and_is_told(rescore) -> None:
    given = "a\tit ran.\t0\na\tit ran日.\t0\n"
    done = rescore("--weight", "lm=1", "-n", 2, input=given)
    costs = [float(row[3]) for row in rows(done)]
    assert all(map(math.isfinite, costs))
    assert "there is no symbol for '日'" in done.stderr
    strict = rescore("--weight", "lm=1", "--unknown", "strict", input=given, status=1)
    assert "<stdin>:2:3: there is no symbol for '日'" in strict.stderr


# weights


def test_weights_are_fitted_kept_and_read(rescore, there) -> None:
    (there / "right.txt").write_text("the cat sat on a mat.\nit ran.\n\n")
    lists = LISTS.replace("tran i.\t-1", "tran i.\t-0.5").splitlines(keepends=True)
    (there / "lists.tsv").write_text("".join(lists[i] for i in (1, 0, 2, 3, 4)))
    asked = ("--dev", "lists.tsv", "--reference", "right.txt", "--weights", "w.json")
    done = rescore(*asked, input="")
    assert done.text == ""
    assert "exact-match of 3 lists: 0.6667 for first answers, 1.0000 with --weight score=" in done.stderr
    kept = json.loads((there / "w.json").read_text())
    assert list(kept["weights"]) == ["score", "lm", "length"]
    assert (kept["metric"], kept["fitted"], kept["lists"], kept["seed"]) == ("exact-match", 1.0, 3, 1)
    assert rescore("--weights", "w.json", "lists.tsv").text == (there / "right.txt").read_text()
    assert rescore(*asked, "lists.tsv").text == (there / "right.txt").read_text()
    again = json.loads((there / "w.json").read_text())
    assert again == kept  # the same for the same seed
    other = rescore("--weights", "w.json", "lists.tsv", model="lm-counted")
    assert "fitted with another language model" in other.stderr


@pytest.mark.parametrize("metric", ["bleu", "chrf", "ter", "phoneme-error-rate", "word-error-rate", "edit-distance"])
def test_every_metric_of_answers_can_be_fitted_for(rescore, there, metric) -> None:
    """With several references too; what is told is what the metric says of the answers that are then written."""
    pytest.importorskip("sacrebleu")
    from seqcli import metrics, registry

    (there / "right.txt").write_text("the cat sat on a mat.\nit ran.\nx\n")
    (there / "too.txt").write_text("a cat sat on the mat.\ntran i.\ny\n")
    (there / "lists.tsv").write_text(LISTS)
    asked = ("--dev", "lists.tsv", "--reference", "right.txt", "--reference", "too.txt", "--metric", metric)
    written = rescore(*asked, "--weights", "w.json", "lists.tsv").text.splitlines()
    kept = json.loads((there / "w.json").read_text())
    family = next(f for f in ("translation", "sequences") if metric in metrics.offers([f]))
    own = registry.load("metrics", family).Metric.of(wanted=[metric], alone=True)
    for answer, *right in zip(
        written, *(p.read_text().splitlines() for p in (there / "right.txt", there / "too.txt")), strict=True
    ):
        own.update(answer, right)
    assert kept["fitted"] == pytest.approx(own.result()[metric])
    more = metrics.offers([family])[metric].more_is_better
    assert kept["fitted"] >= kept["first"] if more else kept["fitted"] <= kept["first"]


@pytest.mark.parametrize(
    ("args", "said", "status"),
    [
        ((), "no weights are given", 2),
        (("--weight", "lm"), "--weight lm: expected NAME=NUMBER", 2),
        (("--weight", "lm=inf"), "--weight lm=inf: expected NAME=NUMBER", 2),
        (("--weight", "lm=1", "--weights", "w"), "--weight gives the weights", 2),
        (("--dev", "lists.tsv"), "--dev needs --reference", 2),
        (("--weight", "lm=1", "--score", "score"), "--score needs --dev", 2),
        (
            ("--dev", "lists.tsv", "--reference", "right.txt", "--score", "s"),
            "lists.tsv:1:3: the answers have no score 's'",
            1,
        ),
        (("--weight", "lm=1", "--reference", "r"), "--reference needs --dev", 2),
        (("--weight", "lm=1", "--input", "mosse"), "unknown form 'mosse'", 2),
        (("--weight", "scor=1"), "<stdin>:1:3: the answers have no score 'scor'", 1),
        (("--weights", "none.json"), "cannot read none.json", 1),
        (("--weights", "lists.tsv"), "lists.tsv: not a file of weights", 1),
        (("--dev", "lists.tsv", "--reference", "short.txt"), "lists.tsv has 3 lists, short.txt has 1 lines", 1),
        (("--dev", "lists.tsv", "--reference", "no.txt"), "no such file: no.txt", 1),
        (
            ("--dev", "lists.tsv", "--reference", "right.txt", "--metric", "f1"),
            "f1 is not a sum over records",
            2,
        ),
        (("--dev", "empty.tsv", "--reference", "empty.tsv"), "empty.tsv: no lists to fit the weights on", 1),
        (("--dev", "bad.tsv", "--reference", "right.txt"), "bad.tsv:2:5: 'x' is not a score", 1),
    ],
)
def test_mistakes(rescore, there, args, said, status) -> None:
    for name, text in {
        "lists.tsv": LISTS, "right.txt": "a\nb\nc\n", "short.txt": "a\n", "empty.tsv": "", "bad.tsv": "a\tb\t1\na\tb\tx\n"
    }.items():  # fmt: skip
        (there / name).write_text(text)
    assert said in rescore(*args, status=status).stderr


def test_lists_before_a_mistake_are_answered(rescore) -> None:
    done = rescore("--weight", "lm=1", input=LISTS + "d\tx\n", status=1)
    assert done.text == "the cat sat on a mat.\nit ran.\n"
    assert "<stdin>:6:1: a row needs an id, an answer and a score" in done.stderr


def test_other_models_are_refused_by_name(rescore) -> None:
    done = rescore("--weight", "lm=1", model="digits", status=2)
    assert "`rescore` cannot use it" in done.stderr


def test_a_pipe_is_answered_list_by_list(there) -> None:
    """A list is written when the next one begins, while the pipe is open; torch is never imported."""
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "seqcli", "rescore", "-m", "lm", "--weight", "lm=1"],
        cwd=there, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ,
    )  # fmt: skip
    assert process.stdin
    assert process.stdout
    process.stdin.write("a\tthe cat.\t0\na\tcat the.\t0\nb\tit ran.\t0\n")
    process.stdin.flush()
    assert process.stdout.readline() == "the cat.\n"
    out, err = process.communicate()
    assert (out, process.returncode) == ("it ran.\n", 0)
    assert "torch" not in err.split()


def test_weights_of_some_scores_alone(rescore, there) -> None:
    (there / "right.txt").write_text("it ran.\nthe cat.\n")
    given = "0 ||| the cat. ||| tm= -3 am= -1 ||| -3\n0 ||| it ran. ||| tm= -1 am= -1 ||| -4\n1 ||| the cat. ||| tm= 0 am= 0 ||| 0\n"
    (there / "lists.txt").write_text(given)
    asked = ("--dev", "lists.txt", "--reference", "right.txt", "--weights", "m.json", "--score", "tm")
    assert rescore(*asked, "lists.txt").text == "it ran.\nthe cat.\n"
    assert list(json.loads((there / "m.json").read_text())["weights"]) == ["tm", "lm", "length"]
