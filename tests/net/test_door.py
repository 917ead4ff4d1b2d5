"""The Python door gives what the command line writes: answers to lines, and scores of files and splits."""

from __future__ import annotations

import json
import pickle
import shlex
from typing import Any

import pytest
from support.inprocess import seqcli as command

import seqcli
from seqcli.decoding.sampling import Sampling
from seqcli.errors import SeqcliError

LINES = ["the cat sat", "", "a dog ran"]
FILTERS: dict[str, tuple[str, dict[str, Any]]] = {
    "lm": ("generate -m lm --temperature 0 --max-tokens 4", {"sampling": Sampling(0.0), "max_tokens": 4}),
    "pos": ("tag -m pos", {}),
    "spaces": ("tag -m spaces", {}),
    "remarks": ("classify -m remarks", {}),
    "topics": ("classify -m topics", {}),
    "back": ("generate -m back", {}),
}
SCORES: dict[str, tuple[str, list[str], dict[str, Any]]] = {
    "a split": ("eval -m remarks --split valid", [], {"split": "valid"}),
    "a tagger": ("eval -m ner ner-test.conll", ["ner-test.conll"], {}),
    "a language model": ("eval -m lm corpus.txt --window 8", ["corpus.txt"], {"window": 8}),
    "pairs": ("eval -m back back.tsv", ["back.tsv"], {}),
}


@pytest.mark.parametrize("model", FILTERS)
def test_lines_are_answered_as_by_the_verb(model, folder, monkeypatch):
    monkeypatch.chdir(folder)
    line, options = FILTERS[model]
    written = command(*shlex.split(line), cwd=folder, input="".join(f"{text}\n" for text in LINES)).text
    assert list(seqcli.load(model).filter(LINES, **options)) == written.splitlines()
    assert list(seqcli.load(model).filter(iter(f"{text}\n" for text in LINES), **options)) == written.splitlines()
    assert list(seqcli.load(model).filter([])) == []


@pytest.mark.parametrize("case", SCORES)
def test_scores_are_those_of_eval(case, folder, monkeypatch):
    monkeypatch.chdir(folder)
    line, files, options = SCORES[case]
    done = command(*shlex.split(line), "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    model = seqcli.load(shlex.split(line)[2])
    report = model.evaluate(files=files, **options)
    shown = json.loads(done.text)
    assert shown["signature"] == report.signature
    assert {name: shown[name] for name in report.metrics} == pytest.approx(report.metrics)


def test_mistakes_are_errors(folder, monkeypatch):
    monkeypatch.chdir(folder)
    with pytest.raises(seqcli.SeqcliError, match="the run has no dev split"):
        seqcli.load("remarks").evaluate(split="dev")
    with pytest.raises(seqcli.SeqcliError, match="no such setting: confidnce") as caught:
        list(seqcli.load("pos").filter(["a"], confidnce=True))
    assert "confidence" in caught.value.hint


@pytest.mark.parametrize("model", FILTERS)
def test_a_model_is_sent_as_its_file(model, folder, monkeypatch):
    monkeypatch.chdir(folder)
    own, options = seqcli.load(model), FILTERS[model][1]
    assert len(sent := pickle.dumps(own)) < 2000
    assert list(pickle.loads(sent).filter(LINES, **options)) == list(own.filter(LINES, **options))
    assert repr(own).endswith(f"{own.path}>")
    assert len(repr(own)) < 200


def test_lines_are_answered_one_by_one(folder, monkeypatch):
    monkeypatch.chdir(folder)
    model, read = seqcli.load("pos"), []
    lines = (read.append(line) or line for line in LINES * 200)
    answers = model.filter(lines, ahead=1)
    assert [(next(answers), len(read)) for _ in range(3)] == [(a, i + 1) for i, a in enumerate(model.filter(LINES))]


def test_each_filter_numbers_its_own_records(folder, monkeypatch):
    """What is drawn hangs on the seed and the record's place in its input, not on what was answered before."""
    monkeypatch.chdir(folder)
    written = command(
        "generate", "-m", "lm", "--seed", "5", "--max-tokens", "9", cwd=folder, input="the\na dog\n"
    ).text
    model = seqcli.load("lm")
    for _ in range(2):
        assert list(model.filter(["the", "a dog"], seed=5, max_tokens=9)) == written.splitlines()


def test_a_line_end_within_a_line_is_refused(folder, monkeypatch) -> None:
    """It would make two records of one, and answers would no longer go with lines."""
    monkeypatch.chdir(folder)
    answered = seqcli.load("remarks").filter(["a fine film\n", "two\nlines"] * 400)
    with pytest.raises(SeqcliError, match="<lines>:2: the line contains a line end"):
        next(answered)
    assert len(list(seqcli.load("remarks").filter(["a fine film\n", "a fine film"]))) == 2
