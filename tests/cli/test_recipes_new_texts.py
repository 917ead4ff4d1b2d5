"""`recipes new` of two texts beside a label: by names that go together, as `--text` says, and what suits them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import inprocess

WORDS = ["the", "a", "cat", "dog", "sat", "ran", "home", "tree", "green", "blue", "fast", "slow"]


def words(number: int, of: int) -> str:
    return " ".join(WORDS[(number * 7 + i * (number % 5 + 1)) % len(WORDS)] for i in range(of))


def rows(lengths: tuple[int, int], labels: tuple[str, ...]) -> list[tuple[str, str, str]]:
    return [(words(i, lengths[0]), words(i + 3, lengths[1]), labels[i % len(labels)]) for i in range(60)]


def made(folder: Path, names: tuple[str, str, str], lengths: tuple[int, int], *args: str) -> tuple[Any, str]:
    found = rows(lengths, ("yes", "no", "perhaps"))
    (folder / "t.tsv").write_text("".join("\t".join(row) + "\n" for row in (names, *found)))
    (folder / "t.jsonl").write_text("".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in found))
    recipes = []
    for name in ("t.tsv", "t.jsonl"):
        done = inprocess.seqcli("recipes", "new", name, "-o", "r.yaml", "-f", *args, cwd=folder)
        assert done.returncode == 0, done.stderr
        assert inprocess.seqcli("recipes", "validate", "r.yaml", cwd=folder).returncode == 0
        recipes.append(yaml.safe_load((folder / "r.yaml").read_text()))
    assert recipes[0]["data"]["text"] == recipes[1]["data"]["text"]
    assert recipes[0]["model"] == recipes[1]["model"]
    return recipes[0], done.stderr


@pytest.mark.parametrize(
    ("names", "lengths", "texts", "pair"),
    [
        (("premise", "hypothesis", "gold_label"), (12, 6), ["premise", "hypothesis"], "compare"),
        (("question1", "question2", "is_duplicate"), (8, 8), ["question1", "question2"], "compare"),
        (("Passage", "Question", "answer"), (30, 5), ["Question", "Passage"], "attend"),
        (("title", "body", "category"), (5, 40), ["title", "body"], "joined"),
    ],
)
def test_names_that_go_together_are_two_texts(
    tmp_path: Path, names: tuple[str, str, str], lengths: tuple[int, int], texts: list[str], pair: str
) -> None:
    recipe, said = made(tmp_path, names, lengths)
    assert (recipe["data"]["text"], recipe["data"]["label"]) == (texts, names[2])
    assert (recipe["model"]["pair"], recipe["model"].get("hops")) == (pair, 2 if pair == "attend" else None)
    assert "they belong together by their names" in said
    assert "is long too" not in said


def test_a_text_that_repeats_as_labels_do_is_no_label(tmp_path: Path) -> None:
    asked = [(("where", "who")[i % 2], words(i, 20), ("attic", "barn", "mill")[i % 3]) for i in range(60)]
    (tmp_path / "t.tsv").write_text("".join("\t".join(r) + "\n" for r in (("question", "story", "answer"), *asked)))
    done = inprocess.seqcli("recipes", "new", "t.tsv", "-o", "r.yaml", cwd=tmp_path)
    data = yaml.safe_load((tmp_path / "r.yaml").read_text())["data"]
    assert (data["text"], data["label"]) == (["question", "story"], "answer"), done.stderr


def test_what_is_said_decides(tmp_path: Path) -> None:
    recipe, _ = made(tmp_path, ("a", "b", "label"), (8, 9))
    assert recipe["data"]["text"] == "b"
    assert "pair" not in recipe["model"]
    assert made(tmp_path, ("a", "b", "label"), (8, 9), "--text", "a,b")[0]["model"]["pair"] == "compare"
    recipe, _ = made(tmp_path, ("a", "b", "label"), (5, 30), "--text", "a,b")
    assert (recipe["data"]["text"], recipe["model"]["pair"]) == (["a", "b"], "attend")
    recipe, _ = made(tmp_path, ("title", "body", "label"), (5, 30), "--text", "body")
    assert recipe["data"]["text"] == "body"
    done = inprocess.seqcli("recipes", "new", "t.tsv", "--text", "title,bdy", cwd=tmp_path)
    assert (done.returncode, "there is no column 'bdy'" in done.stderr) == (2, True)


def test_such_a_recipe_trains(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    made(tmp_path, ("passage", "question", "label"), (9, 4))
    done = inprocess.seqcli(
        "-q", "train", "r.yaml", "--set", "train.steps=2", "--set", "model.hidden=4", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
