"""Recipes: defaults, discovery, and every mistake at its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.examples import examples

from seqcli.errors import UsageError
from seqcli.recipe import discover
from seqcli.recipe.load import EPOCHS, load_recipe, resolve_recipe, task_model, tasks
from seqcli.recipe.schema import TrainConfig

pytestmark = pytest.mark.usefixtures("alone")

GOOD = """\
# seqcli train recipes/x.yaml
# A small model
task: language-model
tokenizer: char
data: {train: corpus.txt, valid: 0.05}
model: {cell: gru, hidden: 64}
train: {learning_rate: 4e-3, steps: 1e3}
"""
COUNTED = "task: language-model\ntokenizer: char\ndata: {train: a.txt}\nmodel: {kind: ngram, order: 3}\n"


def lines_of(call, *arguments, **options) -> list[str]:
    with pytest.raises(UsageError) as caught:
        call(*arguments, **options)
    assert caught.value.status == 2
    return caught.value.message.splitlines()


def test_a_good_recipe(write, tmp_path):
    recipe = load_recipe(write(GOOD))
    assert (recipe.name, recipe.task, recipe.base) == ("x", "language-model", type(tmp_path)())
    assert (recipe.tokenizer.kind, recipe.tokenizer.unk) == ("char", False)
    assert (recipe.data.train, recipe.data.valid, recipe.data.test) == ("corpus.txt", 0.05, None)
    assert (recipe.model.cell, recipe.model.hidden) == ({"kind": "gru"}, 64)
    assert isinstance(recipe.train, TrainConfig)
    assert (recipe.train.learning_rate, recipe.train.steps, recipe.train.epochs) == (0.004, 1000, None)


def test_data_in_place_of_a_recipe():
    for name, said in (
        ("a.csv", "for data, write a recipe first: seqcli recipes new a.csv"),
        ("x.yaml", "1 mistake in x"),
    ):
        Path(name).write_text("1.5\n2.5\n")
        with pytest.raises(UsageError) as caught:
            load_recipe(name)
        assert caught.value.hint.startswith(said)


def test_without_a_budget_there_are_ten_epochs(write):
    text = GOOD.replace(", steps: 1e3", "")
    assert load_recipe(write(text)).train.epochs == EPOCHS
    assert load_recipe(write(text.partition("train: {learning")[0])).train == TrainConfig(epochs=EPOCHS)
    for budget in ("epochs=3", "steps=3", "minutes=0.5"):
        train = load_recipe("x.yaml", [f"train.{budget}"]).train
        assert sum(v is not None for v in (train.epochs, train.steps, train.minutes)) == 1
    assert load_recipe("x.yaml", ["train.steps=5", "train.steps="]).train.epochs == EPOCHS


def test_five_mistakes_at_once(write):
    """A wrong key, a wrong type, an unknown cell, a duplicate key, a negative size: each with its line."""
    write(
        """\
# five mistakes
task: language-model
tokenizer: {kind: char}
data: {train: corpus.txt}
model:
  cell: lstn
  hiden: 512
  embedding: -64
train:
  epochs: 8
  learning_rate: fast
  epochs: 9
""",
        "recipes/five.yaml",
    )
    with pytest.raises(UsageError) as caught:
        load_recipe("five")
    assert caught.value.status == 2
    assert caught.value.message.splitlines() == [
        "recipes/five.yaml:6: model.cell: unknown cell 'lstn'; did you mean 'lstm'?",
        "recipes/five.yaml:7: model.hiden: unknown key; did you mean 'hidden'?",
        "recipes/five.yaml:8: model.embedding: must be a whole number greater than 0, not -64",
        "recipes/five.yaml:11: train.learning_rate: must be a number greater than 0, not 'fast'",
        "recipes/five.yaml:12: train.epochs: duplicate key (first on line 10)",
    ]
    assert caught.value.hint.startswith("5 mistakes in recipes/five.yaml; ")


def test_the_hint_names_an_example_of_the_task(write, tmp_path):
    (tmp_path / "packaged").mkdir()
    (tmp_path / "packaged" / "abc.yaml").write_text("task: tagging\n")
    (tmp_path / "packaged" / "charlm.yaml").write_text(GOOD)
    write(GOOD + "foo: 1\n")
    with pytest.raises(UsageError) as caught:
        load_recipe("x.yaml")
    assert caught.value.hint == "1 mistake in x.yaml; compare it with: seqcli recipes show charlm"


@pytest.mark.parametrize(
    ("task", "names", "shown"),
    [
        ("tagging", ["char-tagger", "pos-tagger", "zzz"], "pos-tagger"),
        ("classification", ["name-language", "sentiment", "trec"], "sentiment"),
        ("classification", ["trec", "name-language"], "name-language"),
    ],
)
def test_the_example_is_the_plainest(write, tmp_path, task, names, shown):
    (tmp_path / "packaged").mkdir()
    for name in names:
        (tmp_path / "packaged" / f"{name}.yaml").write_text(f"task: {task}\n")
    write(f"task: {task}\nfoo: 1\n")
    with pytest.raises(UsageError) as caught:
        load_recipe("x.yaml")
    assert caught.value.hint.endswith(f"compare it with: seqcli recipes show {shown}")


def test_a_mistake_inside_a_mapping_of_names_has_its_line(write):
    text = "task: classification\ntokenizer: char\ndata:\n  train: x.tsv\n  labels:\n    a: ok\n    b: ''\n"
    found = lines_of(load_recipe, write(text + '    c: "x\\ty"\n    d: 3\n    e: null\n'))
    assert found == [
        "x.yaml:7: data.labels.b: a label cannot be empty; null drops its records",
        "x.yaml:8: data.labels.c: the label 'x\\ty' holds a tab or a line break; labels are printed on a line",
        "x.yaml:9: data.labels.d: must be text, not 3",
    ]


DATA, MODEL = "data: {train: corpus.txt, valid: 0.05}\n", "model: {cell: gru, hidden: 64}"


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("task: language-model\n", "", "3: task: missing; known: "),
        ("e-model", "e_modle", "3: task: unknown task 'language_modle'; did you mean 'language-model'?"),
        ("task: language-model", "task: [1]", "3: task: unknown task a list of 1; known: "),
        ("tokenizer: char\n", "", "3: tokenizer: missing; known: "),
        ("char", "chr", "4: tokenizer.kind: unknown tokenizer 'chr'; did you mean 'char'?"),
        ("char", "{kind: chr}", "4: tokenizer.kind: unknown tokenizer 'chr'; did you mean 'char'?"),
        ("char", "{unk: true}", "4: tokenizer.kind: missing; known: "),
        ("char", "5", "4: tokenizer: must be keys with values, not 5"),
        ("char", "{kind: true}", "4: tokenizer.kind: unknown tokenizer true; known: "),
        ("char", "{kind: [a]}", "4: tokenizer.kind: unknown tokenizer a list of 1; "),
        (DATA, "", "3: data.train: missing; it must be text or a list of texts"),
        ("train: corpus.txt, ", "", "5: data.train: missing; "),
        (DATA, "data: x.txt\n", "5: data: must be keys with values, as in "),
        (MODEL, "model: [1]", "6: model: must be keys with values, not a list of 1"),
        (MODEL, "model: ngrams", "6: model.kind: unknown model 'ngrams'; did you mean 'ngram'?"),
        ("cell: gru", "kind: ngrams", "6: model.kind: unknown model 'ngrams'; did you mean 'ngram'?"),
        ("cell: gru", "cell: {kind: gruu}", "6: model.cell: unknown cell 'gruu'; did you mean 'gru'?"),
        ("cell: gru", "cell: {kind: rnn, nonlinearity: rely}", "6: model.cell: "),
        ("cell: gru", "cell: [gru, 3]", "6: model.cell[1]: must be text or keys with values, not 3"),
        ("cell: gru", "cell: [gru, gruu]", "6: model.cell: unknown cell 'gruu'; did you mean 'gru'?"),
        ("cell: gru", "epochs: 3", "6: model.epochs: unknown key; did you mean 'train.epochs'?"),
        ("cell: gru", "cell: gru, tied: true", "6: model.tied: "),
        ("learning_rate", "learnin_rate", "7: train.learnin_rate: unknown key; did you mean 'learning_rate'?"),
        ("learning_rate", "zzz", "7: train.zzz: unknown key; see: seqcli recipes keys train"),
        ("learning_rate: 4e-3", "seed: .inf", "7: train.seed: must be a finite number, not .inf"),
        ("train: {l", "hidden: 3\ntrain: {l", "7: hidden: unknown key; did you mean 'model.hidden'?"),
        ("train: {l", "trian: {}\ntrain: {l", "7: trian: unknown key; did you mean 'train'?"),
    ],
)
def test_one_mistake(write, old, new, line):
    assert GOOD.count(old) == 1
    found = lines_of(load_recipe, write(GOOD.replace(old, new)))
    assert found[0].startswith(f"x.yaml:{line}")
    # a misspelt kind is taken for the nearest one, whose keys may be others
    assert len(found) == 1 or "ngrams" in new


def test_a_model_of_another_task(write):
    found = lines_of(load_recipe, write(COUNTED.replace("language-model", "tagging")))
    assert found == [
        "x.yaml:4: model.kind: ngram is a model for the task language-model, not for tagging; models for that: "
        "frequency-tagger, tagger, transformer-tagging"
    ]
    assert task_model("tagging") == "tagger"  # its own
    assert lines_of(load_recipe, write(COUNTED.partition("\n")[2])) == [
        "x.yaml:1: task: missing; for this model it is language-model"
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "x.yaml:1: the recipe is empty"),
        ("# only a comment\n", "x.yaml:1: the recipe is empty"),
        ("- a\n- b\n", "x.yaml:1: a recipe is keys with values, as in `task: language-model`, not a list of 2"),
        (
            "To be, or not",
            "x.yaml:1: a recipe is keys with values, as in `task: language-model`, not 'To be, or not'",
        ),
        ("a: [1", "x.yaml:1:4: a bracket that is opened here is not closed, or a comma is missing after it"),
    ],
)
def test_what_is_no_recipe(write, text, line):
    assert lines_of(load_recipe, write(text)) == [line]


def test_what_is_no_text(tmp_path):
    path = tmp_path / "here" / "model.safetensors"
    path.write_bytes(b"task: x\n\xff\xfe")
    assert lines_of(load_recipe, path) == ["model.safetensors:2: byte 0xff is not valid UTF-8"]
    path.write_bytes(b"x" * (1 << 22))
    (line,) = lines_of(load_recipe, path)
    assert "too long to be a recipe" in line


# counted models


def test_a_counted_model_has_no_training(write):
    recipe = load_recipe(write(COUNTED))
    assert (recipe.model.kind, recipe.model.order, recipe.train) == ("ngram", 3, None)
    assert load_recipe("x.yaml", ["train.seed=3", "train.threads=2"]).train is None
    found = lines_of(load_recipe, write(COUNTED + "train:\n  seed: -1\n  epochs: 3\n  foo: 1\n"))
    assert [f.partition(": ")[0] for f in found] == ["x.yaml:6", "x.yaml:7", "x.yaml:8"]
    why = "ngram is counted, not trained step by step: of `train` it accepts only seed and threads"
    assert found[1] == f"x.yaml:7: train.epochs: {why}"


# discovery


def test_names_are_found_here_then_in_the_package(write, tmp_path):
    (tmp_path / "packaged").mkdir()
    (tmp_path / "packaged" / "both.yaml").write_text(GOOD.replace("64", "1"))
    (tmp_path / "packaged" / "theirs.yaml").write_text(GOOD.replace("64", "2"))
    write(GOOD.replace("64", "3"), "recipes/both.yaml")
    write(GOOD.replace("64", "4"), "theirs")  # a file named so wins over a name
    both = load_recipe("both")
    assert (both.model.hidden, both.name, str(both.base)) == (3, "both", "recipes")
    assert load_recipe("theirs").model.hidden == 4
    (tmp_path / "here" / "theirs").unlink()
    (tmp_path / "here" / "theirs").mkdir()  # a folder does not
    theirs = load_recipe("theirs")
    assert (theirs.model.hidden, theirs.base) == (2, tmp_path / "packaged")


@pytest.mark.parametrize(
    ("source", "message", "hint"),
    [
        ("goood", "no recipe is named 'goood', neither in ./recipes nor in seqcli", "did you mean 'good'?"),
        ("./recipes/goodd.yaml", "no such recipe: ./recipes/goodd.yaml", "did you mean 'recipes/good.yaml'?"),
        ("nowhere/x.yaml", "no such recipe: nowhere/x.yaml", "recipes are listed by: seqcli recipes"),
        ("recipes", "recipes is a folder, not a recipe", "name the YAML file in it"),
        ("run", "run is a folder, not a recipe", "its recipe is run/recipe.yaml"),
    ],
)
def test_no_such_recipe(write, source, message, hint):
    write(GOOD, "recipes/good.yaml")
    write(GOOD, "run/recipe.yaml")
    with pytest.raises(UsageError) as caught:
        load_recipe(source)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_summary():
    assert discover.summary(GOOD) == "A small model"
    assert discover.summary("# What it is\ntask: x # no\n# later") == "What it is"
    assert discover.summary("task: x") == ""
    assert discover.summary("# DATA=... seqcli train x.yaml\n# What it is\ntask: x") == "What it is"


# stored recipes, and whatever may come


def test_a_stored_recipe_comes_back(write):
    for text in (GOOD, COUNTED):
        recipe = load_recipe(write(text))
        stored = json.loads(json.dumps(recipe.to_dict()))
        assert resolve_recipe(stored, name="x") == recipe
        assert "base" not in stored
        before = json.dumps(stored)
        resolve_recipe(stored, ["data.train=other.txt"])
        assert json.dumps(stored) == before  # overrides leave the given mapping alone
    assert lines_of(resolve_recipe, {**stored, "future": 1}) == [
        "the stored recipe: future: unknown key; known: data, frames, model, target_tokenizer, task, tokenizer, train"
    ]


def test_tasks():
    assert tasks()["language-model"] == ["language-model", "ngram", "transformer-language-model"]
    assert task_model("language-model") == "language-model"
    assert task_model("nothing") is None


WORDS = st.sampled_from(
    ["task", "kind", "cell", "train", "valid", "hidden", "epochs", "betas", "unk", "order", "seed", "lstm", "char",
     "language-model", "ngram", "x", ""]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=8,
)
SECTIONS = dict.fromkeys(("tokenizer", "data", "model", "train"), VALUES)


@settings(max_examples=examples(300), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.fixed_dictionaries({"task": st.just("language-model") | VALUES}, optional=SECTIONS),
    st.lists(WORDS, max_size=2),
)
def test_any_values_give_a_recipe_or_a_usage_error(value, overrides):
    kinds = [f"{w}.kind={w}" for w in overrides]
    try:
        recipe = resolve_recipe(value, kinds)
    except UsageError:
        found = lines_of(resolve_recipe, value, kinds)
        assert all(line.startswith(("the stored recipe: ", "--set ")) for line in found)
    else:
        assert resolve_recipe(recipe.to_dict()) == recipe
