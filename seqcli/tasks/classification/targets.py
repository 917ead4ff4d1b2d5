"""Make targets, label weights, a tokenizer and a vocabulary from labelled texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from seqcli import tokenizers
from seqcli.artifact import Artifact
from seqcli.datasets.targets import Target
from seqcli.datasets.vectors import with_vectors
from seqcli.datasets.vocabulary import Vocabulary, of_each
from seqcli.errors import SeqcliError, UsageError, did_you_mean
from seqcli.former import Former
from seqcli.growing import Growth, of_vocabulary
from seqcli.recipe.schema import Recipe
from seqcli.records import Example
from seqcli.task import without_vectors
from seqcli.tasks.classification import data as dataset
from seqcli.tasks.classification.labels import counts, unknown_label


def targets(examples: Sequence[Example], vocabulary: Vocabulary, multi_label: bool) -> np.ndarray:
    """Return the ids of labels (N,), or for multi-label data (N, K) float32 of 0 and 1."""
    ids = vocabulary.label_ids
    if not multi_label:
        return np.array([ids[(e.labels or [""])[0]] for e in examples], np.int64)
    found = np.zeros((len(examples), len(ids)), np.float32)
    for i, example in enumerate(examples):
        found[i, [ids[label] for label in example.labels or ()]] = 1.0
    return found


def class_weights(
    wanted: Any,
    examples: Sequence[Example],
    vocabulary: Vocabulary,
    again: Sequence[Example] = (),
    share: float = 0.0,
) -> np.ndarray:
    """Return the weight of each label (K,), with mean 1 over all labels of an epoch, of which a `share` are records
    read `again`. Raises UsageError for a weight of an unknown label."""
    found = np.ones(len(vocabulary.labels))
    given, old = counts(examples), counts(again)
    often = len(examples) * share / (1 - share) / max(len(again), 1)  # how often one of `again` is read
    given = {label: given[label] + often * old[label] for label in vocabulary.labels}
    if wanted == "balanced":
        found = np.array([1 / max(given[label], 1) for label in vocabulary.labels])
    elif isinstance(wanted, dict):
        for label, weight in wanted.items():
            if label not in vocabulary.label_ids:
                raise UsageError(
                    f"model.class_weights: the data has no label {label!r}",
                    hint=did_you_mean(label, vocabulary.labels),
                )
            found[vocabulary.label_ids[label]] = weight
    each = np.array([given[label] for label in vocabulary.labels])
    return (found * max(each.sum(), 1) / max(float((each * found).sum()), 1e-30)).astype(np.float32)


def grown(
    recipe: Recipe, examples: Sequence[Example], corpus: dataset.Corpus, tokenizer: Any, known: Vocabulary
) -> tuple[Vocabulary, Growth]:
    """Return a stored vocabulary extended by what is new in the training split, and what it grew by."""
    new = learn(without_vectors(recipe), examples, corpus, tokenizer, known.dimensions, more=True)
    found = known.grown(new)
    return found, of_vocabulary(known, found)


def tokenizer(
    recipe: Recipe, examples: Sequence[Example], stored: Artifact | None, former: Former | None = None
) -> Any:
    """Return the stored tokenizer, extended by what is new in the training split if a `former` model is to grow; else
    one learnt from that split; None for a model that reads text by itself."""
    if recipe.tokenizer is None:
        return None
    if stored:
        kept = tokenizers.from_artifact(stored)
        if former is None:
            return kept
        config = former.recipe.tokenizer
        before = former.texts(lambda corpus: _texts(corpus.splits["train"]))
        return kept.grown(_learnt(config, examples, recipe.base), lambda: _texts(examples), before)
    return _learnt(recipe.tokenizer, examples, recipe.base)


def _texts(examples: Sequence[Example]) -> Iterator[str]:
    return (e.text.replace("\n", " ") + "\n" for e in examples)


def _learnt(config: Any, examples: Sequence[Example], base: Path) -> Any:
    given = config.kind == "word" and all(e.words is not None for e in examples)  # leaves of trees are words already
    texts = (" ".join(e.words or ()) + "\n" for e in examples) if given else _texts(examples)
    plain = config.model_copy(update={"split": "whitespace"}) if given else config
    learnt: Any = tokenizers.learn(plain, texts, base, any_character=True)
    return type(learnt)(learnt.words, learnt.lowercase, config.split) if given else learnt


def learn(
    recipe: Recipe,
    examples: Sequence[Example],
    corpus: dataset.Corpus,
    tokenizer: Any,
    dimensions: int = 0,
    *,
    more: bool = False,
) -> Vocabulary:
    """Learn the vocabulary: the labels of the training split, the tokenizer's symbols as words, their characters and
    vectors; `more`: it will extend that of a model, so one label is enough. Raises SeqcliError for too few labels."""
    labels = sorted(counts(examples))
    if not more and len(labels) < (1 if corpus.config.multi_label else 2):
        only = f"only the label {labels[0]!r}" if labels else "no label"
        raise SeqcliError(f"the train split has {only}: there is nothing to tell apart", hint="see data.label")
    found = Vocabulary([], [], {}, labels, fold_digits=False, dimensions=dimensions)
    if corpus.targets:
        first, *others = corpus.targets
        further = {name: Target(sorted(counts(e.aimed(name) for e in examples))) for name in others}
        found = replace(found, target=first, further=further)
    if tokenizer is None:
        return found
    symbols = list(tokenizer.words if tokenizer.kind == "word" else tokenizer.vocabulary())
    if tokenizer.kind != "word":  # a byte or `<unk>` that training never shows counts as unknown
        seen = {w for e in examples for w in e.words or ()}
        symbols = [s for s in symbols if s in seen]
    found = replace(found, words=symbols, lowercase=getattr(tokenizer, "lowercase", False))
    if getattr(recipe.model, "characters", None) or recipe.data.vectors:
        forms = frozenset(w for e in examples for w in e.words or ())
        found = replace(found, forms=forms)
        if getattr(recipe.model, "characters", None):
            found = found.with_characters(forms)
        if recipe.data.vectors:
            found = with_vectors(found, recipe.data, recipe.base)
        found = replace(found, forms=frozenset())
    return found


def check_labels(corpus: dataset.Corpus, vocabulary: Vocabulary, stored: Artifact) -> None:
    """Raise SeqcliError if a label of the training split is not among a stored model's."""
    known = of_each(vocabulary)
    if corpus.targets != [name for name in known if name]:
        named = ", ".join(known) if vocabulary.further else "one target"
        raise UsageError(f"{stored.path} has {named}, but data.label names others", hint="a model keeps its targets")
    for name, own in known.items():
        aimed = corpus.of(name)
        for example in (*aimed.splits["train"], *aimed.earlier):
            for label in example.labels or ():
                if label not in own.label_ids:
                    error = unknown_label(example, label, own.labels)
                    raise SeqcliError(error.message, hint="a model keeps its labels; --grow adds new ones")
