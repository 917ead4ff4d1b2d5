"""`--set`: values, sections made on the way, kinds replaced, and mistakes that name the option."""

from __future__ import annotations

import pytest

from seqcli import registry
from seqcli.errors import UsageError
from seqcli.recipe.load import load_recipe

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
PAIRS = "task: sequence-to-sequence\ntokenizer: char\ndata: {train: a.tsv}\nmodel: {kind: seq2seq, sources: apart}\n"


def lines_of(source: str, overrides: list[str]) -> list[str]:
    with pytest.raises(UsageError) as caught:
        load_recipe(source, overrides)
    return caught.value.message.splitlines()


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("model.hidden=512", ("model", "hidden", 512)),
        ("model.cell=lstm", ("model", "cell", {"kind": "lstm"})),
        ("model.cell={kind: rnn, nonlinearity: relu}", ("model", "cell", {"kind": "rnn", "nonlinearity": "relu"})),
        ("model.cell.kind=rnn", ("model", "cell", {"kind": "rnn"})),
        ("tokenizer.unk=true", ("tokenizer", "unk", True)),
        ("tokenizer={kind: char, unk: true}", ("tokenizer", "unk", True)),
        ("train.learning_rate=1e-5", ("train", "learning_rate", 1e-5)),
        ("train.clip_norm=", ("train", "clip_norm", None)),
        ("train.clip_norm=null", ("train", "clip_norm", None)),
        ("train.betas=[0.8, 0.95]", ("train", "betas", (0.8, 0.95))),
        ("data.train=[a.txt, b/*.txt]", ("data", "train", ["a.txt", "b/*.txt"])),
        ("data.train=a=b.txt", ("data", "train", "a=b.txt")),
        ("data.valid=no", ("data", "valid", "no")),
        (" train.seed = 7", ("train", "seed", 7)),
    ],
)
def test_overrides(write, override, expected):
    section, key, value = expected
    assert getattr(getattr(load_recipe(write(GOOD), [override]), section), key) == value


def test_overrides_create_sections_and_the_last_wins(write):
    write("task: language-model\n")
    recipe = load_recipe("x.yaml", ["data.train=a", "tokenizer.kind=char", "model.hidden=3", "model.hidden=5"])
    assert (recipe.data.train, recipe.tokenizer.kind, recipe.model.hidden) == ("a", "char", 5)


def test_an_override_repairs_a_value(write):
    write(GOOD.replace("hidden: 64", "hidden: many"))
    assert load_recipe("x.yaml", ["model.hidden=5"]).model.hidden == 5


def test_mistakes_in_overrides_come_last_and_name_the_option(write):
    write(GOOD.replace("hidden: 64", "hidden: -1"))
    broken = "column 2 of the value: a value is missing here, or a bracket or sign is out of place"
    overrides = [
        "model.hiden=3", "train.epochs=fast", "foo", "=3", "a..b=1", "train.seed=[", "zzz=1", "data.valid.x=1",
        "train={seed: x}",
    ]  # fmt: skip
    assert lines_of("x.yaml", overrides) == [
        "x.yaml:6: model.hidden: must be a whole number greater than 0, not -1",
        "--set model.hiden=3: model.hiden: unknown key; did you mean 'hidden'?",
        "--set foo: must be KEY=VALUE, as in --set model.hidden=512",
        "--set =3: must be KEY=VALUE, as in --set model.hidden=512",
        "--set a..b=1: must be KEY=VALUE, as in --set model.hidden=512",
        f"--set train.seed=[: train.seed: {broken}",
        "--set zzz=1: zzz: unknown key; known: data, frames, model, target_tokenizer, task, tokenizer, train",
        "--set data.valid.x=1: data.valid: is 0.05, which has no keys; set it as a whole: --set data.valid=VALUE",
        "--set train={seed: x}: train.seed: must be a whole number of at least 0 and less than 9223372036854775808, not 'x'",
    ]


def test_a_replaced_kind_and_the_old_ones_keys(write):
    write(GOOD)
    (line,) = lines_of("x.yaml", ["model.kind=ngram", "model.hidden=2", "train={}"])[:1]
    assert line == (
        "x.yaml:6: model.cell: ngram has no such key, and --set model.kind=ngram replaced the default; "
        "replace the whole section: --set 'model={kind: ngram}'"
    )
    assert load_recipe("x.yaml", ["model={kind: ngram}", "train="]).model.kind == "ngram"
    write(COUNTED)
    (line,) = lines_of("x.yaml", ["model.kind=language-model"])
    assert line.startswith(
        "x.yaml:4: model.order: language-model has no such key, and --set model.kind=language-model"
    )
    assert "replaced ngram" in line
    write(PAIRS)
    (line,) = lines_of("x.yaml", ["model.kind=transformer"])  # which has a copy_source
    assert line.startswith("x.yaml:4: model.sources: transformer has no such key, and --set model.kind=transformer")


@pytest.mark.skipif("byte" not in registry.names("tokenizers"), reason="there is one kind of tokenizer")
def test_a_replaced_kind_of_tokenizer(write):
    write(GOOD)
    assert load_recipe("x.yaml", ["tokenizer.kind=byte"]).tokenizer.kind == "byte"
    write(GOOD.replace("tokenizer: char", "tokenizer: {kind: char, unk: true}"))
    (line,) = lines_of("x.yaml", ["tokenizer.kind=byte"])
    assert line.startswith("x.yaml:4: tokenizer.unk: byte has no such key, and --set tokenizer.kind=byte replaced ")
