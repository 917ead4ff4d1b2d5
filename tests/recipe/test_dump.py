"""A dumped recipe reads back equal, and any other YAML reader reads the same text and numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples

from seqcli.recipe.dump import _Dumper, dump_yaml
from seqcli.recipe.load import resolve_recipe
from seqcli.recipe.positions import parse

TEXT = st.text(max_size=20) | st.sampled_from(
    ["no", "1e-3", "1E5", "12:30", "0o17", "1_000", "null", "~", "", " x ", "a: b", "#x", "- x", "<<", "=", "\ufeff",
     "\t", "a\n b\n", "x" * 300, "!x", "&x", "*x", "%x", "'", '"', "\x85", "\u2028", "[1]", "true", "1-1-1", ".inf"]
)  # fmt: skip
WORDS = TEXT.filter(lambda s: not any("\ud800" <= c <= "\udfff" for c in s))
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=examples(300))
@given(VALUES)
def test_any_value_comes_back(value):
    text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    read = parse(text, "x")
    assert read.problems == []
    assert json.dumps(read.value) == json.dumps(value)
    assert json.dumps(yaml.safe_load(text)) == json.dumps(value)  # YAML 1.1 reads it the same


def positive(limit: float = 1e9):
    return st.floats(0, limit, exclude_min=True)


SHARES = st.floats(0, 1, exclude_max=True)
HELD = (
    st.none() | st.floats(0, 1, exclude_min=True, exclude_max=True) | WORDS | st.lists(WORDS, min_size=1, max_size=3)
)
MODELS = st.fixed_dictionaries(
    {},
    optional={
        "cell": st.sampled_from(["lstm", {"kind": "rnn", "nonlinearity": "relu"}, {"kind": "gru"}]),
        "hidden": st.integers(1, 10**12),
        "dropout": SHARES,
        "variational": st.booleans(),
        "uniform_init": st.none() | positive(),
    },
)
TRAIN = st.fixed_dictionaries(
    {},
    optional={
        "epochs": st.none() | positive(),
        "steps": st.none() | st.integers(1, 10**9),
        "minutes": st.none() | positive(),
        "betas": st.tuples(SHARES, SHARES).map(list),
        "learning_rate": positive(),
        "schedule": st.sampled_from(["constant", "plateau"]),
        "clip_norm": st.none() | positive(),
        "seed": st.integers(0, 2**63 - 1),
    },
)


@given(
    st.fixed_dictionaries(
        {"train": WORDS | st.lists(WORDS, min_size=1, max_size=3)},
        optional={"valid": HELD, "encoding": st.sampled_from(["utf-8", "latin-1", "cp1252"])},
    ),
    MODELS,
    TRAIN,
    st.booleans(),
)
def test_any_recipe_comes_back(data, model, train, unk):
    tokenizer = {"kind": "char", "unk": unk}
    given = {"task": "language-model", "tokenizer": tokenizer, "data": data, "model": model, "train": train}
    recipe = resolve_recipe(given, name="x")
    text = dump_yaml(recipe)
    again = parse(text, "x")
    assert again.problems == []
    assert resolve_recipe(again.value, name="x") == recipe
    assert dump_yaml(resolve_recipe(again.value)) == text


def test_it_reads_well():
    recipe = resolve_recipe(
        {
            "task": "language-model",
            "tokenizer": "char",
            "data": {"train": ["a.txt", "b.txt"], "valid": 0.05},
            "model": {"kind": "ngram", "order": 3},
        },
        base=Path("/somewhere"),
    )
    begins = "task: language-model\ntokenizer:\n  kind: char\n  unk: false\n  normalize: null\ndata:\n  train: [a.txt, b.txt]\n"
    assert dump_yaml(recipe).startswith(begins)
    assert "somewhere" not in dump_yaml(recipe)
    assert dump_yaml(recipe).endswith("model:\n  kind: ngram\n  order: 3\n  discount: null\n")


@pytest.mark.parametrize(("rate", "text"), [(4e-3, "0.004"), (1e-5, "1.0e-05"), (2, "2.0"), (1e-3, "0.001")])
def test_numbers(rate, text):
    given = {"task": "language-model", "tokenizer": "char", "data": {"train": "a"}, "train": {"learning_rate": rate}}
    assert f"  learning_rate: {text}\n" in dump_yaml(resolve_recipe(given))
