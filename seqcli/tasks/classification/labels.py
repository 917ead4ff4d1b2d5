"""Labels as files have them: other names, what a record must have, what a model does not know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from seqcli.errors import SeqcliError, UsageError, nearest
from seqcli.records import ROWS, Example

LEVELS = ("label-text", "fasttext")  # formats of which several targets are levels of one label
SHOWN = 20  # labels that a message lists


def renamed(examples: Iterable[Example], names: Mapping[str, str | None]) -> Iterator[Example]:
    """Examples with their labels renamed, without those whose label is left out; "" names the lack of one."""
    for example in examples:
        own = example.labels or ([""] if "" in names else [])
        if own:
            kept = [name for label in own if (name := names.get(label, label)) is not None]
            if not kept:
                continue
            example.labels = list(dict.fromkeys(kept))
        yield example


def check_renamed(names: Mapping[str, str | None], splits: Mapping[str, Sequence[Example]]) -> None:
    """Raise SeqcliError for a label to be renamed that no record has, nor a phrase of one."""
    known: set[str] = set()
    for example in (e for examples in splits.values() for e in examples) if names else ():
        known.update(example.labels or [""])
        if example.tree is not None and not known.issuperset(names):
            known.update(node.label for node in example.tree.nodes() if node.label)
    for label in names:
        if label not in known:
            raise SeqcliError(
                f"data.labels: no record has the label {label!r}", hint=_suggestion(label, sorted(known - {""}))
            )


def check_labels(examples: Iterable[Example], multi_label: bool, target: str = "") -> None:
    """Raise SeqcliError where a record has not one label, and the data is not multi-label; of a further `target`."""
    for example in examples:
        if multi_label or (example.labels is not None and len(example.labels) == 1):
            continue
        labels = example.labels or []
        what = f"{len(labels)} labels ({', '.join(labels[:3])})" if labels else "no label"
        hint = "where texts may have several labels or none, say so: data.multi_label: true"
        if not labels:
            hint = f'to leave out what has none: data.labels: {{"": null}}; {hint}'
        if target:
            what, hint = f"{what} of {target!r}", "every target has one; --unknown-label skip leaves it out of scores"
        raise SeqcliError(f"{example.place(label=True)}: the record has {what}", hint=hint)


def unknown_label(example: Example, label: str, known: Sequence[str]) -> SeqcliError:
    """The error for a label that a model does not have."""
    message = f"{example.place(label=True)}: the model does not know the label {label!r}"
    return SeqcliError(message, hint=_suggestion(label, known))


def _suggestion(label: str, known: Sequence[str]) -> str:
    """The nearest of the known labels, and all of them where they are few."""
    best = nearest(label, known)
    said = [f"did you mean {best!r}?"] if best else []
    if not best or len(known) <= SHOWN:
        more = f" and {len(known) - SHOWN:,} more" if len(known) > SHOWN else ""
        said += [f"labels: {', '.join(known[:SHOWN])}{more}"] if known else []
    return "\n".join(said)


def counts(examples: Iterable[Example]) -> Counter[str]:
    """How often each label is given."""
    return Counter(label for example in examples for label in example.labels or ())


def check_targets(names: Sequence[str], format_name: str, options: Mapping[str, Any]) -> None:
    """Raise UsageError for several targets that a format cannot have."""
    if format_name not in (*ROWS, "jsonl", *LEVELS):
        raise UsageError(f"data.label: a list names several columns or keys: {format_name} has neither")
    texts = options.get("text")
    taken = [*names, *map(str, texts if isinstance(texts, list | tuple) else [texts])]
    if twice := next((name for name in names if taken.count(name) > 1), None):
        raise UsageError(f"data.label: {twice} is named twice, or is the text")
    if format_name in LEVELS and (len(names) > 2 or not options.get("label_until")):
        hint = "set data.label_until, as to ':' where a label is written DESC:manner"
        raise UsageError(f"data.label: {format_name} has one label a text, of two levels at most", hint=hint)
