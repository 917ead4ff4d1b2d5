"""`seqcli recipes new` of inflection tables: features as symbols of their own, then the lemma's characters."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.new_recipes import made_fixture, new_fixture, words  # noqa: F401

from seqcli.propose import inflections
from seqcli.propose.columns import Column
from seqcli.recipe.load import load_recipe
from seqcli.resources import share

TAGS = [("N;SG", ""), ("N;PL", "s"), ("V;PST", "ed"), ("V;PRS;3", "es")]
SOURCE = {"column": 3, "tokenizer": {"kind": "word", "size": None, "min_count": 1, "lowercase": False, "split": ";"}}


def table(count: int) -> list[tuple[str, str, str]]:
    rows = zip(words(count), TAGS * count, strict=False)
    return [(lemma, lemma + ending, tags) for lemma, (tags, ending) in rows]


def plain(source: list) -> list:
    return [c if isinstance(c, str | int) else c.model_dump() for c in source]


def test_rows_without_names(made):
    Path("verbs.tsv").write_text("".join("\t".join(row) + "\n" for row in table(200)))
    recipe, text, err = made("verbs.tsv")
    assert (recipe.task, plain(recipe.data.source), recipe.data.target) == ("sequence-to-sequence", [SOURCE, 1], 2)
    assert (recipe.tokenizer.kind, recipe.target_tokenizer, recipe.train.watch) == ("char", None, "exact-match")
    assert (recipe.model.kind, recipe.model.hidden, recipe.train.epochs) == ("transducer", 100, 100)
    assert recipe.data.header is False
    assert '  source: [{column: 3, tokenizer: {kind: word, split: ";"}}, 1]  # features, each a symbol, ' in text
    assert (
        "an inflection table: lemmas in column 1, forms in 2, features in 3: choose others with --source and --target"
        in err
    )
    assert "warning" not in err


def test_columns_with_names_in_another_order(made):
    rows = [("lemma", "features", "form"), *((a, t, b) for a, b, t in table(80))]
    Path("verbs.csv").write_text("".join(",".join(row) + "\n" for row in rows))
    recipe, _, _ = made("verbs.csv")
    assert plain(recipe.data.source) == [SOURCE | {"column": "features"}, "lemma"]
    assert (recipe.data.target, recipe.data.header) == ("form", True)


def test_objects(made):
    Path("verbs.jsonl").write_text(
        "".join(json.dumps({"lemma": a, "form": b, "tags": t}) + "\n" for a, b, t in table(60))
    )
    recipe, _, _ = made("verbs.jsonl")
    assert plain(recipe.data.source) == [SOURCE | {"column": "tags"}, "lemma"]
    assert recipe.data.target == "form"


def test_columns_that_are_said_are_taken(made):
    Path("verbs.tsv").write_text("".join("\t".join(row) + "\n" for row in table(60)))
    recipe, _, _ = made("verbs.tsv", "--source", "2", "--target", "1")
    assert (recipe.data.source, recipe.data.target) == (2, 1)


def columns(*values: list[str]) -> list[Column]:
    return [Column(n, None, own) for n, own in enumerate(values, 1)]


def test_what_is_no_inflection_table():
    lemmas, forms, tags = (list(own) for own in zip(*table(60), strict=True))
    assert [c.number for c in inflections.recognise(columns(lemmas, forms, tags)) or ()] == [1, 2, 3]
    assert [c.number for c in inflections.recognise(columns(tags, lemmas, forms)) or ()] == [2, 3, 1]
    others = [
        columns(lemmas, tags),
        columns(lemmas, forms, tags, tags),
        columns(lemmas, forms, [t.replace(";", ",") for t in tags]),
        columns(lemmas, forms, [f"{w};{w[::-1]}" for w in lemmas]),  # each another one
        columns(lemmas, [w.upper() for w in lemmas], tags),  # no letter in common
        columns([str(i) for i in range(60)], forms, tags),
        columns(lemmas, tags, tags),
        columns(lemmas, forms, [""] * 60),
    ]
    assert not any(map(inflections.recognise, others))


@pytest.mark.parametrize("language", ["german", "spanish", "turkish"])
def test_the_tables_of_the_shared_task(made, data_folder, language):
    folder = data_folder / "inflection-2017"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    files = [folder / f"{language}.{part}.tsv" for part in ("train-medium", "dev", "test")]
    recipe, _, err = made(*files)
    assert (plain(recipe.data.source), recipe.data.target) == ([SOURCE, 1], 2)
    assert "warning" not in err
    shipped = load_recipe(share("recipes") / "inflection.yaml")
    assert recipe.model == shipped.model  # what was measured
