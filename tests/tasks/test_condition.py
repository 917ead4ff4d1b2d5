"""Language models under a condition: what is read, what is scored and what is not, and every door that writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import inprocess

import seqcli
from seqcli.errors import UsageError
from seqcli.records import Example
from seqcli.tasks.language_model.condition import FIRST, Condition, without_leads
from seqcli.tasks.language_model.score import Counted

CONDITION = Condition("author", ("Ada", "Bo"))
ROWS = [("Ada", "aab"), ("Bo", "bba")] * 30
RECIPE = """\
task: language-model
tokenizer: {kind: char, unk: true}
data: {train: train.tsv, valid: 0.2, condition: author}
model: {cell: gru, embedding: 8, hidden: 16, layers: 1}
train: {steps: 150, batch_size: 4, sequence_length: 12, learning_rate: 1e-2, threads: 1}
"""


def test_a_record_is_a_line_behind_its_labels_symbol_which_no_text_holds() -> None:
    line = CONDITION.line(Example(f"a\n{chr(FIRST)}b", ["Bo"]))
    assert line == f"{chr(FIRST + 1)} a \ufffdb\n"
    assert without_leads(line * 2) == "a \ufffdb\n" * 2
    found = CONDITION.text([Example(str(i), ["Ada"]) for i in range(20)])
    assert sorted(without_leads(found).split()) == sorted(map(str, range(20)))
    assert CONDITION.lead("Ada") == f"{chr(FIRST)} "
    with pytest.raises(UsageError, match="does not know the author 'Bob'"):
        CONDITION.lead("Bob")
    with pytest.raises(UsageError, match="writes under a condition"):
        CONDITION.lead(None)


def test_symbols_and_the_blank_behind_each_are_not_scored() -> None:
    counts = Counted(np.array([False, False, True, True]), blank=0)
    ids = np.array([1, 2, 0, 1, 0, 1, 3, 0, 0])
    assert counts(ids[:-1], ids[1:]).tolist() == [False, False, True, True, True, False, False, True]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("condition")
    (folder / "train.tsv").write_text("author\ttext\n" + "".join(f"{a}\t{t}\n" for a, t in ROWS))
    (folder / "odd.tsv").write_text("author\ttext\nAdda\taab\n")
    (folder / "train.jsonl").write_text("".join(json.dumps({"author": a, "text": t}) + "\n" for a, t in ROWS))
    (folder / "r.yaml").write_text(RECIPE)
    done = inprocess.seqcli("-q", "train", "r.yaml", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def run(place: Path, *args: str, **more: Any) -> Any:
    return inprocess.seqcli("-q", args[0], "-m", "r", *args[1:], cwd=place, **more)


def test_every_door_writes_under_it(place: Path) -> None:
    model = seqcli.load(place / "runs" / "r")
    for author, text in ROWS[:2]:
        said = ("generate", "--condition", author, "--temperature", "0")
        assert model.generate("", condition=author, temperature=0) == text
        assert run(place, *said, "--prompt", "").text.strip() == text
        assert run(place, *said, "--prompt", text[0], "--echo").text.strip() == text
        assert run(place, *said, "--jobs", "2", input="\n\n").text == f"{text}\n{text}\n"
        found = json.loads(run(place, *said, "--jsonl", "--explain", "--prompt", text[:2]).text)
        assert found["seqcli"]["text"] == text[2:]
        best = run(place, "generate", "--condition", author, "--next", "1", "--prompt", "").text.split()
        assert (best[0], model.next("", 1, condition=author)[0][0]) == (text[0], text[0])


def test_scores_are_of_the_texts_alone(place: Path) -> None:
    for args in (("train.tsv",), ("train.jsonl",), ("train.tsv", "--window", "16")):
        found = json.loads(run(place, "eval", "--json", *args).text)
        assert found["counts"]["characters"] == found["counts"]["tokens"] == sum(len(t) + 1 for _, t in ROWS)
        assert (
            found["cross-entropy"] < 0.1 or "--window" in args
        )  # the author tells all; its symbol, as likely as another, would cost 0.17
    own = json.loads(run(place, "eval", "--json", "--split", "valid").text)
    assert own["counts"]["characters"] == 12 * 4
    assert "condition   author: Ada, Bo" in inprocess.seqcli("inspect", "r", cwd=place).text


def test_a_report_shows_what_it_writes_under_each_label(place: Path) -> None:
    done = inprocess.seqcli("report", "runs/r", "-o", "page.html", cwd=place)
    assert done.returncode == 0, done.stderr
    page = (place / "page.html").read_text()
    assert all(f"sample, author {author}, temperature 0.8" in page for author in ("Ada", "Bo"))


def test_it_has_no_page(place: Path) -> None:
    done = inprocess.seqcli("export", "r", "--to", "html", "--unscored", "-o", "x.html", cwd=place)
    assert done.returncode == 2
    assert "a page cannot run a model that writes under a condition" in done.stderr
    assert not (place / "x.html").exists()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("generate", "--prompt", "a"), "this model writes under a condition, author"),
        (("generate", "--prompt", "a", "--condition", "Bi"), "the model does not know the author 'Bi'"),
        (("eval", "--per-line", "train.tsv"), "it scores records with labels, not separate lines"),
        (("eval", "odd.tsv"), "odd.tsv:2:1: the model does not know the label 'Adda'\n  hint: did you mean 'Ada'?"),
        (("eval", "--split", "valid", "--cache", "9"), "it cannot be mixed with others"),
        (("generate", "--prompt", "a", "--condition", "Bo", "--cache", "9"), "it cannot be mixed with others"),
    ],
)
def test_what_lacks_one_is_refused(place: Path, args: tuple[str, ...], message: str) -> None:
    done = run(place, *args)
    assert done.returncode in (1, 2)
    assert message in done.stderr


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("tokenizer={kind: byte}",), "each label needs a symbol of its own, which tokenizer byte"),
        (("data.split_at=line",), "shares are drawn from each label's records"),
        (("data.condition=null", "data.text=text"), "names a column or key of records"),
        (("data.condition=authr",), "authr"),
    ],
)
def test_what_cannot_be_meant_is_refused(place: Path, args: tuple[str, ...], message: str) -> None:
    sets = [part for one in args for part in ("--set", one)]
    done = inprocess.seqcli("train", "r.yaml", "--name", "no", *sets, cwd=place)
    assert done.returncode in (1, 2)
    assert message in done.stderr
