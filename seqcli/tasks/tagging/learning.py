"""Learn from the training split what a tagger needs besides its model: a vocabulary, labels, a rule for words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from seqcli import console, edit_trees, schemes, words
from seqcli.datasets.targets import Target
from seqcli.datasets.vectors import with_vectors
from seqcli.datasets.vocabulary import Vocabulary
from seqcli.errors import SeqcliError
from seqcli.recipe.schema import Recipe
from seqcli.records import NOT, Sentence, is_open, names_in
from seqcli.tasks.tagging import data as dataset
from seqcli.tasks.tagging.labels import Labels
from seqcli.tasks.tagging.partial import Meaning, part_of

OFTEN = 2  # an edit of a word that occurs less often in the training split is not a label
FITTED = 20_000  # sentences of the training split that the rule for raw text is fitted to, at most


def learn(corpus: dataset.Corpus, recipe: Recipe) -> Vocabulary:
    """Learn the vocabulary of the training split, with the vectors of its words."""
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
    """Return the labels of a target in the training split."""
    train = corpus.splits["train"]
    if name in corpus.edits:
        counts = Counter(edit for s in train for edit in edit_trees.scripts(s.words, s.tags or []))
        often = {edit for edit, n in counts.items() if n >= OFTEN}
        return Target(sorted({*often, edit_trees.UNCHANGED}), edits=True)
    inside = config.get("scheme", "iobes") if corpus.scheme else None
    if corpus.config.partial:
        return _labels_in_part(train, inside)
    tags = [s.tags or [] for s in train]
    if not inside or not corpus.scheme:
        return Target(sorted({tag for own in tags for tag in own}))
    labels = {tag for own in tags for tag in schemes.convert(own, corpus.scheme, inside)}
    names = {name for prefix, name in map(schemes.divide, labels) if prefix not in ("", "O")}
    return Target(sorted({*labels, "O", *_whole(names, inside)}), inside)


def _whole(kinds: Iterable[str], inside: str) -> set[str]:
    """Return every part of spans of these kinds, even if the training split lacks it; a single kind needs no name."""
    return {f"{p}-{kind}" if kind else p for kind in kinds for p in ("BIES" if inside == "iobes" else "BI")}


def _labels_in_part(train: Sequence[Sentence], inside: str | None) -> Target:
    """Return the labels of tags that are known in part: the known tags, and the alternatives of open ones; tags that
    are only excluded must occur elsewhere."""
    tags = {tag: (s, t) for s in reversed(train) for t, tag in enumerate(s.tags or ())}  # with a place of each
    known = [tag for tag in tags if not is_open(tag)]
    parts = {part_of(tag) for tag in known} if inside else {("", tag) for tag in known}
    kinds = {kind for prefix, kind in parts if prefix}
    plain = {tag for prefix, tag in parts if not prefix}
    if odd := next((tag for tag in known if tag in plain & kinds), None):
        s, t = tags[odd]
        hint = f"write B-{odd}, or B-{odd}|I-{odd} for any part of a span"
        raise SeqcliError(f"{s.place(t, tag=True)}: {odd!r} is a kind of span, not a tag of one", hint=hint)
    plain |= {"O"} if inside else set()
    new = {}
    for tag in tags:
        for name in names_in(tag) if is_open(tag) and not tag.startswith(NOT) else ():
            prefix, kind = part_of(name) if inside else ("", name)
            if name not in kinds | plain and kind not in (kinds if prefix else plain):
                new[name] = tags[tag]
                (kinds if inside else plain).add(kind)
    if new:
        name, (s, t) = next(iter(new.items()))
        more = f" and {len(new) - 1:,} more" * (len(new) > 1)
        console.warn(f"{s.place(t, tag=True)}: {name!r}{more} occurs only as one of several tags: learnt from these")
    return Target(sorted(plain | (_whole(kinds, inside) if inside else set())), inside)


def rule_for_words(corpus: dataset.Corpus) -> Mapping[str, Any]:
    """Return the rule by which the model finds words in raw text."""
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
            meaning = Meaning(Labels(vocabulary.labels, vocabulary.scheme, corpus.scheme))
            for s in train:
                if corpus.config.partial and any(map(is_open, s.tags or ())):
                    yield s.words, _sure(meaning, s)
                    continue
                pairs = zip(s.words, label_ids(vocabulary, s, corpus.scheme), strict=True)
                kept = [(word, label) for word, label in pairs if label >= 0]
                yield [word for word, _ in kept], [label for _, label in kept]

        return kind.Model.fit(labelled(), len(vocabulary.labels), config, advance)


def _sure(meaning: Meaning, s: Sentence) -> list[int | None]:
    """Return the label of each token whose tag is known; None if several are possible."""
    part = meaning.of(s.tags or [])
    one = part.told & (part.allowed.sum(1) == 1)
    return [int(row.argmax()) if has else None for row, has in zip(part.allowed, one.tolist(), strict=True)]


def label_ids(vocabulary: Vocabulary, s: Sentence, scheme: str | None) -> list[int]:
    """Return the labels of a sentence's tags; -1 for a rare edit of a word."""
    labels, known = vocabulary.as_labels(s.tags or [], scheme, s.words), vocabulary.label_ids
    return [known.get(label, -1) for label in labels] if vocabulary.edits else [known[label] for label in labels]
