"""`seqcli look`: every way of looking, on the kept models of each task."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from support import inprocess

from seqcli.insight import coloured

MODELS = Path(__file__).parents[1] / "net" / "models"
TEXT = "the cat sat on the mat.\nthe dog sat.\n" * 20
FILES = {
    "pairs.tsv": "spelled\tdigits\nforty two\t42\ntwo hundred and five\t205\n",
    "text.txt": TEXT,
    "tags.txt": "the/DET cat/NOUN sat/VERB on/ADP the/DET mat/NOUN\n" * 9 + "a/DET dog/NOUN\n",
    "remarks.tsv": "what a fine day it was\tgood\nan awful night\tbad\n" * 3,
}


@pytest.fixture
def look(tmp_path: Path) -> Any:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    def run(mode: str, model: str, *args: object, status: int = 0) -> inprocess.Done:
        named = ["-m", MODELS / f"{model}.safetensors"] if model else []
        done = inprocess.seqcli("look", mode, *args, *named, cwd=tmp_path)
        assert done.returncode == status, done.stderr
        return done

    return run


def numbers(done: inprocess.Done) -> Any:
    return json.loads(done.text)


@pytest.mark.parametrize("model", ["lm", "lm-attention", "lm-words"])
def test_surprise_adds_up_to_the_score(look: Any, tmp_path: Path, model: str) -> None:
    found = numbers(look("surprise", model, "text.txt", "--tokens", 100_000, "--json"))
    named = ["-m", MODELS / f"{model}.safetensors"]
    report = inprocess.seqcli("eval", "text.txt", "--json", "--metric", "cross-entropy", *named, cwd=tmp_path)
    assert found["mean"] == pytest.approx(json.loads(report.text)["cross-entropy"], abs=1e-5)
    lines = look("surprise", model, "text.txt").text.splitlines()
    assert [float(line.rpartition("\t")[2]) for line in lines] == [round(t["nats"], 4) for t in found["tokens"]]


def test_a_token_stands_where_it_is_said(look: Any) -> None:
    for token in numbers(look("surprise", "lm", "text.txt", "--tokens", 60, "--json"))["tokens"]:
        shown = {"\n": "\\n", " ": "▁"}.get(TEXT[token["start"] : token["end"]], TEXT[token["start"] : token["end"]])
        assert shown == token["token"]


@pytest.mark.parametrize("model", ["lm", "lm-counted", "lm-attention"])
def test_memory_is_the_loss_of_fresh_windows(look: Any, tmp_path: Path, model: str) -> None:
    found = numbers(look("memory", model, "text.txt", "--longest", 20, "--windows", 5, "--json"))["memory"]
    assert [(row["from"], row["to"]) for row in found] == [(1, 1), (2, 3), (4, 7), (8, 15), (16, 20)]
    total = sum((row["to"] - row["from"] + 1) * row["nats"] for row in found) / 20
    (tmp_path / "head.txt").write_text(TEXT[:101])
    named = ["-m", MODELS / f"{model}.safetensors"]
    report = inprocess.seqcli("eval", "head.txt", "--window", 20, "--json", *named, cwd=tmp_path)
    assert total == pytest.approx(json.loads(report.text)["cross-entropy"], abs=1e-5)


CASES = [("lm", "text.txt"), ("pos", "tags.txt"), ("remarks", "remarks.tsv")]


@pytest.mark.parametrize(("model", "file"), CASES)
def test_flow_and_gates_of_every_task(look: Any, model: str, file: str) -> None:
    pytest.importorskip("torch")
    found = numbers(look("flow", model, file, "--steps", 6, "--rows", 2, "--json"))[model]
    norms = [n for n in found["norms"] if n is not None]
    assert norms
    assert all(n > 0 for n in norms)
    assert all(w["largest"] >= w["radius"] for w in found["weights"])
    text = look("flow", model, file, "--steps", 6, "--rows", 2).text
    assert "tokens between state and loss" in text
    gates = numbers(look("gates", model, file, "--steps", 6, "--rows", 2, "--json"))["gates"]
    assert {"forget", "input", "output"} == {g["name"] for g in gates}
    assert all(0 < g["mean"] < 1 and sum(g["tenths"]) for g in gates)


def test_fresh_cells_vanish_in_the_order_that_theory_says(look: Any, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    args = ("--cells", "rnn,irnn,lstm,gru", "--hidden", 32, "--steps", 40, "--rows", 2)
    found = numbers(look("flow", "", *args, "--json", "--plot", "flow.svg"))
    factors = {name: f["factor"] for name, f in found.items()}
    assert factors["rnn"] < factors["lstm"] < factors["irnn"]
    assert factors["irnn"] == pytest.approx(1, abs=0.05)
    assert (tmp_path / "flow.svg").read_text().startswith("<?xml")


def test_neurons(look: Any, tmp_path: Path) -> None:
    found = numbers(look("neurons", "lm", "text.txt", "--tokens", 300, "--json", "--plot", "units.png"))
    assert found["tokens"] == 300
    assert found["units"] == sorted(found["units"], key=lambda u: -abs(u["correlation"]))
    assert {"after white space", "place in the word"} <= {u["what"] for u in found["units"]}
    assert (tmp_path / "units.png").read_bytes().startswith(b"\x89PNG")
    assert look("neurons", "lm", "text.txt").text.startswith("what")


@pytest.mark.parametrize(("model", "word"), [("lm", "e"), ("pos", "the"), ("remarks", "may"), ("topics", "a")])
def test_neighbors(look: Any, model: str, word: str) -> None:
    found = numbers(look("neighbors", model, word, "-n", 3, "--json"))["neighbors"]
    cosines = [n["cosine"] for n in found]
    assert len(found) == 3
    assert cosines == sorted(cosines, reverse=True)
    assert all(-1.000001 < c < 1.000001 for c in cosines)
    assert word not in {n["word"] for n in found}


@pytest.mark.parametrize(
    ("mode", "model", "args", "said"),
    [
        ("surprise", "pos", ["tags.txt"], "`look surprise` is for language-model"),
        ("attention", "lm", ["text.txt"], "is for classification, sequence-to-sequence"),
        ("flow", "lm", ["text.txt", "--plot", "a.txt"], "not the name of a picture"),
        ("flow", "lm", ["--cells", "lstm"], "--cells makes fresh networks"),
        ("flow", "", ["--cells", "lsttm"], "did you mean 'lstm'?"),
        ("flow", "lm-counted", ["text.txt"], "no recurrent states to look at"),
        ("neurons", "lm-attention", ["text.txt"], "no recurrent states to look at"),
        ("neighbors", "lm", ["Q"], "'Q' is not among the model's 22 words"),
    ],
)
def test_mistakes_of_use(look: Any, mode: str, model: str, args: list[str], said: str) -> None:
    assert said in look(mode, model, *args, status=2).stderr


@pytest.mark.parametrize(
    ("mode", "model", "file", "said"),
    [
        ("surprise", "lm", "one.txt", "at least two tokens"),
        ("gates", "pos", "one-tag.txt", "at least two words"),
        ("surprise", "lm", "odd.txt", "odd.txt:1:2: the character 'Q'"),
    ],
)
def test_what_cannot_be_looked_at(look: Any, tmp_path: Path, mode: str, model: str, file: str, said: str) -> None:
    more = {"one.txt": "t", "one-tag.txt": "the/DET\n", "odd.txt": "tQ\n"}
    if file in more:
        (tmp_path / file).write_text(more[file])
    assert said in look(mode, model, file, status=1).stderr


def test_nats_are_finite(look: Any) -> None:
    tokens = numbers(look("surprise", "lm-counted", "text.txt", "--json"))["tokens"]
    assert all(math.isfinite(t["nats"]) for t in tokens)


def test_colours_reach_a_terminal(look: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coloured, "can_colour", lambda: True)
    shown = look("surprise", "lm", "text.txt", "--tokens", 50).text
    assert "\x1b[30;48;5;202m" in shown  # the most surprising one
    assert re.sub(r"\x1b\[[0-9;]*m", "", shown).rstrip("\n") == TEXT[:50].rstrip("\n")
    assert "\x1b[30;48;5;202m" in look("neurons", "lm", "text.txt", "--tokens", 300).text


def test_attention_is_what_the_filter_says(look: Any, tmp_path: Path) -> None:
    found = numbers(look("attention", "digits", "--text", "forty two", "--json"))["alignments"][0]
    named = ["-m", MODELS / "digits.safetensors", "--jsonl", "--attention", "--beam", "5"]
    done = inprocess.seqcli("generate", *named, cwd=tmp_path, input=b"forty two\n")
    answer = json.loads(done.text)["seqcli"]
    assert answer["attention"] == [[pytest.approx(w, abs=1e-4) for w in row] for row in found["weights"]]
    assert found["source"] == ["forty", "two", "<eos>"]
    lines = look("attention", "digits", "--text", "forty two").text.splitlines()
    assert lines[0] == "forty two <eos>"
    assert len(lines) == len(found["target"]) + 2
    looked = numbers(look("attention", "remarks", "--text", "a fine film", "--json"))["texts"][0]
    assert sum(t["weight"] for t in looked["tokens"]) == pytest.approx(1, abs=1e-4)
    look("attention", "topics", "--text", "a fine film", status=2)
    look("attention", "pos", "--text", "a fine film", status=2)


def test_the_encoder_of_a_translator_is_looked_at(look: Any) -> None:
    (tmp := numbers(look("flow", "digits", "pairs.tsv", "--json")))
    assert tmp["digits"]["norms"][0] > 0
    assert numbers(look("gates", "digits", "pairs.tsv", "--json"))["gates"]
    assert numbers(look("neighbors", "digits", "two", "--json"))["neighbors"]


def test_several_models_are_in_one_picture(look: Any, tmp_path: Path) -> None:
    other = MODELS / "lm-words.safetensors"
    found = numbers(look("flow", "lm", "text.txt", "--json", "--plot", "a.svg", "-m", other))
    assert list(found) == ["lm-words", "lm"]
    assert "lm-words" in (tmp_path / "a.svg").read_text() or (tmp_path / "a.svg").stat().st_size > 1000


def test_gates_are_drawn(look: Any, tmp_path: Path) -> None:
    look("gates", "pos", "tags.txt", "--plot", "gates.png")
    assert (tmp_path / "gates.png").read_bytes()[1:4] == b"PNG"
