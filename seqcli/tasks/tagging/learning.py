"""What the tagging task learns of its training split beside a model: a vocabulary, labels, a rule for words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from seqcli import console, edit_trees, schemes, words
from seqcli.datasets.targets import Target
from seqcli.datasets.vectors import with_vectors
from seqcli.datasets.vocabulary import Vocabulary
from seqcli.recipe.schema import Recipe
from seqcli.records import Sentence, is_open, names_in
from seqcli.tasks.tagging import data as dataset
from seqcli.tasks.tagging.partial import closed

OFTEN = 2  # times that an edit of a word must be in the training split to be a label
FITTED = 20_000  # sentences of the training split that the rule for raw text is fitted to, at most


def learn(corpus: dataset.Corpus, recipe: Recipe) -> Vocabulary:
    """What the training split has, and the vectors of its words."""
    config, train = recipe.model.model_dump(), corpus.splits["train"]
    first, *others = [_labels_of(corpus.of(name), name, config) for name in corpus.targets or [""]]
    found = Vocabulary.learn(
        train if recipe.frames is None else (),
        [first.labels],
        config.get("features", []),
        scheme=first.scheme,
        lowercase=config.get("lowercase", True),
        fold_digits=config.get("fold_digits", True),
        min_count=config.get("min_count", 1),
        by_character=bool(config.get("characters")),
    )
    found = replace(found, edits=first.edits)
    if others:
        further = dict(zip(corpus.targets[1:], others, strict=True))
        found = replace(found, target=corpus.targets[0], further=further)
    if recipe.data.vectors:
        found = with_vectors(found, recipe.data, recipe.base)
    return found


def _labels_of(corpus: dataset.Corpus, name: str, config: Mapping[str, Any]) -> Target:
    """The labels of a target, of the training split."""
    train = corpus.splits["train"]
    if name in corpus.edits:
        counts = Counter(edit for s in train for edit in edit_trees.scripts(s.words, s.tags or []))
        often = {edit for edit, n in counts.items() if n >= OFTEN}
        return Target(sorted({*often, edit_trees.UNCHANGED}), edits=True)
    inside = config.get("scheme", "iobes") if corpus.scheme else None
    tags, kinds = [s.tags or [] for s in train], set[str]()
    if corpus.config.partial:
        kinds = {kind for own in tags for tag in own if is_open(tag) for kind in names_in(tag)}
        tags = [closed(own) for own in tags] if inside else [[t for t in own if not is_open(t)] for own in tags]
    if not inside or not corpus.scheme:
        return Target(sorted({tag for own in tags for tag in own} | kinds))
    labels = {tag for own in tags for tag in schemes.convert(own, corpus.scheme, inside)}
    spans = [schemes.divide(tag) for tag in labels] + [
        schemes.divide(k) if k[1:2] == "-" else ("B", k) for k in kinds
    ]
    names = {name for prefix, name in spans if prefix not in ("", "O") and name != "O"}
    parts = "BIES" if inside == "iobes" else "BI"  # every part of a span, though the training split may lack one
    whole = {f"{p}-{name}" if name else p for name in names for p in parts}  # one kind of span needs no name
    return Target(sorted({*labels, "O", *whole}), inside)


def rule_for_words(corpus: dataset.Corpus) -> Mapping[str, Any]:
    """How the model is to find its words in raw text."""
    if corpus.restore:
        return {"restore": corpus.restore}
    pairs = [(s.text, s.spread()) for s in corpus.splits["train"][:FITTED]]
    fitted = words.fit(pairs)
    about = {"rule": fitted.rule.to_dict(), "agreement": round(fitted.agreement, 4)}
    console.say(f"the rule for raw text finds the training split's words with F1 {fitted.agreement:.4f}", level=1)
    return {**about, "differing": fitted.differing}


def count(kind: Any, config: Any, corpus: dataset.Corpus, vocabulary: Vocabulary) -> Any:
    """Fit a counted tagger."""
    train = corpus.splits["train"]
    with console.progress("counting", sum(len(s.words) for s in train), " tokens") as advance:

        def labelled() -> Any:
            for s in train:
                pairs = zip(s.words, label_ids(vocabulary, s, corpus.scheme, corpus.config.partial), strict=True)
                kept = [(word, label) for word, label in pairs if label >= 0]
                yield [word for word, _ in kept], [label for _, label in kept]

        return kind.Model.fit(labelled(), len(vocabulary.labels), config, advance)


def label_ids(vocabulary: Vocabulary, s: Sentence, scheme: str | None, partial: bool = False) -> list[int]:
    """The labels of a sentence's tags; -1 for a rare edit of a word, and where they are known in part."""
    tags, known = s.tags or [], vocabulary.label_ids
    labels = vocabulary.as_labels(closed(tags) if partial else tags, scheme, s.words)
    if partial:
        return [-1 if is_open(tag) else known[label] for tag, label in zip(tags, labels, strict=True)]
    return [known.get(label, -1) for label in labels] if vocabulary.edits else [known[label] for label in labels]
