"""Recipes of pairs: a tokenizer for each side or one for both, and every mistake at its line."""

from __future__ import annotations

import json

import pytest

from seqcli.errors import UsageError
from seqcli.recipe.load import load_recipe, resolve_recipe, task_model, tasks

pytestmark = pytest.mark.usefixtures("alone")

PAIRS = """\
task: sequence-to-sequence
tokenizer: {kind: word, min_count: 2}
target_tokenizer: {kind: char}
data: {train: pairs.tsv, longest: 30}
model: {attention: {kind: multihead, heads: 2}, hidden: 8}
train: {batch_tokens: 500, schedule: inverse-sqrt, warmup: 100, watch: bleu}
"""


def lines_of(source: str) -> list[str]:
    with pytest.raises(UsageError) as caught:
        load_recipe(source)
    return caught.value.message.splitlines()


def test_a_recipe_of_pairs_has_a_tokenizer_for_each_side_or_one_for_both(write):
    recipe = load_recipe(write(PAIRS))
    assert (recipe.model.kind, recipe.tokenizer.kind, recipe.tokenizer.min_count) == ("seq2seq", "word", 2)
    assert (recipe.target_tokenizer.kind, recipe.target_tokenizer.unk) == ("char", False)
    assert (recipe.data.longest, recipe.data.ratio, recipe.train.batch_tokens) == (30, None, 500)
    assert (recipe.model.attention, recipe.model.cell) == ({"kind": "multihead", "heads": 2}, {"kind": "gru"})
    stored = json.loads(json.dumps(recipe.to_dict()))
    assert resolve_recipe(stored, name="x") == recipe
    assert stored["target_tokenizer"] == {"kind": "char", "unk": False, "normalize": None}
    for text in (PAIRS.replace("target_tokenizer: {kind: char}\n", ""), PAIRS.replace("{kind: char}", "null")):
        shared = load_recipe(write(text))
        assert shared.target_tokenizer is None
        assert "target_tokenizer" not in shared.to_dict()
    assert load_recipe(write(PAIRS.replace("{kind: char}", "byte"))).target_tokenizer.kind == "byte"
    over = load_recipe(write(PAIRS), ["target_tokenizer.kind=word", "target_tokenizer.size=50"])
    assert (over.target_tokenizer.kind, over.target_tokenizer.size, over.tokenizer.size) == ("word", 50, None)
    assert load_recipe("x.yaml", ["target_tokenizer="]).target_tokenizer is None


def test_the_kinds_of_model_for_pairs(write):
    assert tasks()["sequence-to-sequence"] == ["ctc", "seq2seq", "transducer", "transformer"]
    assert task_model("sequence-to-sequence") == "seq2seq"
    text = PAIRS.partition("model:")[0] + "model: {kind: transformer, heads: 2, size: 16}\n"
    assert load_recipe(write(text)).model.kind == "transformer"


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("{kind: char}", "{unk: true}", "3: target_tokenizer.kind: missing; known: "),
        ("{kind: char}", "{kind: chr}", "3: target_tokenizer.kind: unknown tokenizer 'chr'; did you mean 'char'?"),
        ("{kind: char}", "chr", "3: target_tokenizer.kind: unknown tokenizer 'chr'; did you mean 'char'?"),
        ("{kind: char}", "[char]", "3: target_tokenizer: must be keys with values, not a list of 1"),
        ("{kind: char}", "{kind: char, unkk: 1}", "3: target_tokenizer.unkk: unknown key; did you mean 'unk'?"),
        ("target_tok", "targt_tok", "3: targt_tokenizer: unknown key; did you mean 'target_tokenizer'?"),
        ("tokenizer: {kind: word, min_count: 2}\n", "", "2: tokenizer"),
        ("multihead, heads: 2", "multhead", "5: model.attention: unknown attention 'multhead'; did you mean 'mul"),
        ("{kind: multihead, heads: 2}", "foo", "5: model.attention: unknown attention 'foo'; known: additive, dot, general, multihead, none"),
        ("kind: multihead, heads: 2", "kind: nune", "5: model.attention: unknown attention 'nune'; did you mean 'none'?"),
        ("multihead, heads", "none, heads", "5: model.attention: the attention none has no option 'heads'; it has no options"),
        ("kind: multihead, ", "", "5: model.attention: needs a kind, as in {kind: general}"),
        ("heads: 2", "head: 2", "5: model.attention: the attention multihead has no option 'head'; did you mean"),
        ("longest: 30", "longest: 0", "4: data.longest: must be a whole number greater than 0, not 0"),
        ("longest: 30", "ratio: 0.5", "4: data.ratio: must be "),
        ("longest: 30", "format: xml", "4: data.format: 'xml' is not a format of pairs; known: csv, jsonl, "),
        ("warmup: 100", "sequence_length: 9", "6: train.sequence_length: sequence-to-sequence trains on whole texts; data.longest drops pairs with a side that is too long"),
        ("inverse-sqrt", "inverse", "6: train.schedule: "),
    ],
)  # fmt: skip
def test_one_mistake_of_pairs(write, old, new, line):
    assert old in PAIRS
    found = lines_of(write(PAIRS.replace(old, new, 1)))
    if line == "2: tokenizer":  # there is no place for what is missing but the recipe's own
        assert [f.partition(": ")[2] for f in found] == [
            "tokenizer: missing; known: bins, byte, char, sentencepiece, word"
        ]
    else:
        assert len(found) == 1
        assert found[0].startswith(f"x.yaml:{line}")


@pytest.mark.parametrize("task", ["language-model", "tagging", "classification"])
def test_other_tasks_have_one_side(write, task):
    tokenizer = "" if task == "tagging" else "tokenizer: char\n"
    found = lines_of(write(f"task: {task}\n{tokenizer}target_tokenizer: char\ndata: {{train: a.txt}}\n"))
    line = 3 if tokenizer else 2
    assert found == [f"x.yaml:{line}: target_tokenizer: {task} has no targets to tokenize: remove it"]
