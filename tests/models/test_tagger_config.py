"""The recipe keys of a recurrent tagger: what is wrong is named."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from seqcli import models
from seqcli.models import tagger
from seqcli.models.tagger import Config, Model


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"cell": "lstmm"}, "did you mean 'lstm'"),
        ({"characters": "cnm"}, "did you mean 'cnn'"),
        ({"head": "crv"}, "head"),
        ({"dropout": 1.0}, "dropout"),
        ({"hidden": 0}, "hidden"),
        ({"scheme": "iob1"}, "scheme"),
        ({"features": ["pos", "pos"]}, "'pos' is named twice"),
        ({"hiden": 3}, "hiden"),
    ],
)
def test_mistakes_are_named(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Config(**keys)
    assert said in str(caught.value)


def test_it_keeps_the_contract_of_tagging_models() -> None:
    assert (tagger.TASK, tagger.TRAINED, Model.kind) == ("tagging", "gradient", "tagger")
    for name in vars(models.TaggingModel):
        if not name.startswith("_"):
            assert hasattr(Model, name), name
