"""What a recipe needs of every tokenizer, data set and model: the addition of a file is tested by this."""

from __future__ import annotations

import re

import pytest
from pydantic import BaseModel, ValidationError

from seqcli import registry
from seqcli.errors import UsageError
from seqcli.recipe.dump import dump_yaml
from seqcli.recipe.keys import keys_of, reference
from seqcli.recipe.load import load_recipe, resolve_recipe, task_model
from seqcli.recipe.positions import parse
from seqcli.recipe.schema import TrainConfig

ALL = [(folder, name) for folder in ("tokenizers", "models") for name in registry.names(folder)]
ALL += [(f"tasks/{task}", "data") for task in registry.names("tasks")]


def config_of(folder: str, name: str) -> type[BaseModel]:
    return registry.load(folder, name).Config


@pytest.mark.parametrize(("folder", "name"), ALL)
def test_a_config_is_strict_and_says_its_kind(folder, name):
    config = config_of(folder, name)
    assert issubclass(config, BaseModel)
    with pytest.raises(ValidationError, match="no_such_key"):
        config.model_validate({"no_such_key": 1})
    if name != "data":
        assert config.model_fields["kind"].default == name


@pytest.mark.parametrize("name", registry.names("models"))
def test_a_model_names_its_task_and_its_data(name):
    module = registry.load("models", name)
    assert task_model(module.TASK)
    assert module.TRAINED in ("gradient", "counted")


@pytest.mark.parametrize("model", registry.names("models"))
@pytest.mark.parametrize("tokenizer", registry.names("tokenizers"))
def test_defaults_make_a_recipe_that_comes_back(model, tokenizer):
    module = registry.load("models", model)
    parts = {
        "model": (config_of("models", model), model),
        "tokenizer": (config_of("tokenizers", tokenizer), tokenizer),
    }
    given = {
        s: {"kind": k} for s, (c, k) in parts.items() if not any(f.is_required() for f in c.model_fields.values())
    }
    if len(given) < len(parts):
        pytest.skip("has keys that must be given")
    tokenized = registry.load(f"tasks/{module.TASK}", "data").TOKENIZED
    if not getattr(module, "TOKENIZED", tokenized):  # a kind of model may read texts by itself
        reason = "needs no tokenizer for .*" if tokenized else "reads words as the data has them"
        with pytest.raises(UsageError, match=f"tokenizer: .*{reason}: remove it"):
            resolve_recipe({"task": module.TASK, "data": {"train": "a.txt"}, **given})
        del given["tokenizer"]
    if not getattr(module, "TEXT", True):
        with pytest.raises(UsageError, match="reads frames, but this recipe reads text"):
            resolve_recipe({"task": module.TASK, "data": {"train": "a.txt"}, **given})
        given["frames"] = {"kind": "values"}
    recipe = resolve_recipe({"task": module.TASK, "data": {"train": "a.txt"}, **given})
    read = parse(dump_yaml(recipe), "x")
    assert read.problems == []
    assert resolve_recipe(read.value) == recipe


@pytest.mark.parametrize(("folder", "name"), [*ALL, ("", "train")])
def test_every_key_is_explained(folder, name):
    config = config_of(folder, name) if folder else TrainConfig
    for key in keys_of(config):
        assert key.type
        assert "Annotated" not in key.type + (key.default or "")
        assert "FieldInfo" not in key.type


def test_the_reference_is_of_everything(tmp_path):
    lines = list(reference())
    for folder, name in ALL:
        for key in keys_of(config_of(folder, name)):
            assert any(line.startswith(f"  {key.name}: ") or line.startswith(f"  {key.name}:  #") for line in lines)
    assert any(re.fullmatch("  learning_rate: 0.002 +# a number greater than 0", line) for line in lines)
    assert any(line.startswith("  warmup: 0 ") and "steps of linear growth" in line for line in lines)
    # what it shows is itself YAML with the real defaults
    block = "\n".join(reference("train"))
    (tmp_path / "x.yaml").write_text(f"task: language-model\ntokenizer: char\ndata: {{train: a}}\n{block}\n")
    assert load_recipe(tmp_path / "x.yaml").train == TrainConfig(epochs=10)
