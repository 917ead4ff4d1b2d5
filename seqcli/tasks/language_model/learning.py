"""Learn from the training text what a language model needs besides itself: a tokenizer, the labels of a condition."""

from __future__ import annotations

from typing import Any

from seqcli import registry, tokenizers
from seqcli.artifact import Artifact
from seqcli.errors import UsageError
from seqcli.former import Former
from seqcli.recipe.schema import Recipe
from seqcli.tasks.language_model.condition import TOKENIZERS, Condition
from seqcli.tasks.language_model.data import Corpus
from seqcli.tokenizers import BaseTokenizer


def learnt(recipe: Recipe, corpus: Corpus, kept: BaseTokenizer | None, former: Former | None) -> BaseTokenizer:
    """Return a tokenizer learnt from the training split alone; if a `former` model is to grow, the `kept` one
    extended by what is new in that split."""
    if kept is None or former is None:
        return tokenizers.learn(recipe.tokenizer, corpus.texts("train", "learning the vocabulary"), recipe.base)
    if kept.kind == "bins":
        raise UsageError(
            "--grow: a model of numbers cannot grow: its bins divide the values that it was trained on",
            hint="omit --grow, or train a new model",
        )
    new = tokenizers.learn(recipe.tokenizer, corpus.texts("train", "learning the vocabulary"), recipe.base)
    return kept.grown(new, lambda: corpus.texts("train", ""), former.texts(lambda old: old.texts("train", "")))


def strange(recipe: Recipe, corpus: Corpus, kept: BaseTokenizer) -> list[str]:
    """Return the symbols of the training split that a kept tokenizer of characters or words lacks."""
    if kept.kind not in TOKENIZERS:
        return []
    known = set(kept.vocabulary())
    return [symbol for symbol in learnt(recipe, corpus, None, None).vocabulary() if symbol not in known]


def known_values(saved: Artifact | None, start: Artifact | None, *, grow: bool) -> tuple[str, ...]:
    """Return the labels of a condition that keep their places: those of a resumed run or of a growing model."""
    stored = saved or (start if grow else None)
    condition = Condition.of(stored.header) if stored else None
    return condition.values if condition else ()


def check_condition(
    corpus: Corpus, tokenizer: BaseTokenizer, stored: Artifact | None, growing: Former | None
) -> None:
    """Raise UsageError if a tokenizer has no symbols for a condition, or if its labels differ from a stored model's;
    a growing model may get further labels."""
    own = Condition(corpus.condition["name"], tuple(corpus.condition["values"])) if corpus.condition else None
    if own is not None and tokenizer.kind not in TOKENIZERS:
        raise UsageError(
            f"data.condition: each label needs a symbol of its own, which tokenizer {tokenizer.kind} cannot give",
            hint=f"use tokenizer: {' or '.join(TOKENIZERS)}",
        )
    theirs = Condition.of(stored.header) if stored else own
    values, others = (own and own.values), (theirs and theirs.values)
    if growing is not None and values and others:
        values = values[: len(others)]
    if values != others:
        raise UsageError(
            "data.condition: the model was trained with other labels, or with none",
            hint="train a new model, or give it records with the same labels",
        )


def config_of(start: Artifact) -> Any:
    """Return the configuration with which a model's tokenizer was learnt."""
    stored = start.header["recipe"]["tokenizer"]
    return registry.load("tokenizers", stored["kind"]).Config(**stored)
