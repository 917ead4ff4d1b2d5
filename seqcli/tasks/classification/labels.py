"""Handle labels of files: rename them, check that records have them and that a model knows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from seqcli import console
from seqcli.errors import SeqcliError, UsageError, nearest
from seqcli.records import NAMED, Example

LEVELS = ("label-text", "fasttext")  # formats in which several targets are levels of one label
SHOWN = 20  # labels that a message lists, at most
FIRST = 3  # texts of an input that are checked for labels at their beginning


def renamed(examples: Iterable[Example], names: Mapping[str, str | None]) -> Iterator[Example]:
    """Yield examples with their labels renamed, without those whose label is dropped; "" stands for no label."""
    for example in examples:
        own = example.labels or ([""] if "" in names else [])
        if own:
            kept = [name for label in own if (name := names.get(label, label)) is not None]
            if not kept:
                continue
            example.labels = list(dict.fromkeys(kept))
        yield example


def check_renamed(names: Mapping[str, str | None], splits: Mapping[str, Sequence[Example]]) -> None:
    """Raise SeqcliError for a label to be renamed that no record, nor a phrase of one, has."""
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
    """Raise SeqcliError if a record does not have exactly one label, unless the data is multi-label; `target` names a
    further target."""
    for example in examples:
        if multi_label or (example.labels is not None and len(example.labels) == 1):
            continue
        labels = example.labels or []
        what = f"{len(labels)} labels ({', '.join(labels[:3])})" if labels else "no label"
        hint = "if texts may have several labels or none, set data.multi_label: true"
        if not labels:
            hint = f'to drop records without a label, set data.labels: {{"": null}}; {hint}'
        if target:
            what, hint = f"{what} of {target!r}", "each target needs one; --unknown-label skip leaves it unscored"
        raise SeqcliError(f"{example.place(label=True)}: the record has {what}", hint=hint)


def unknown_label(example: Example, label: str, known: Sequence[str]) -> SeqcliError:
    """Return the error for a label that a model does not have."""
    message = f"{example.place(label=True)}: the model does not know the label {label!r}"
    return SeqcliError(message, hint=_suggestion(label, known))


def _suggestion(label: str, known: Sequence[str]) -> str:
    """Return a hint: the nearest of the known labels, and all of them if they are few."""
    best = nearest(label, known)
    said = [f"did you mean {best!r}?"] if best else []
    if not best or len(known) <= SHOWN:
        more = f" and {len(known) - SHOWN:,} more" if len(known) > SHOWN else ""
        said += [f"labels: {', '.join(known[:SHOWN])}{more}"] if known else []
    return "\n".join(said)


def counts(examples: Iterable[Example]) -> Counter[str]:
    """Return how often each label occurs."""
    return Counter(label for example in examples for label in example.labels or ())


def check_targets(names: Sequence[str], format_name: str, options: Mapping[str, Any]) -> None:
    """Raise UsageError for several targets that a format cannot have."""
    if format_name not in (*NAMED, *LEVELS):
        raise UsageError(f"data.label: a list names several columns or keys: {format_name} has neither")
    texts = options.get("text")
    taken = [*names, *map(str, texts if isinstance(texts, list | tuple) else [texts])]
    if twice := next((name for name in names if taken.count(name) > 1), None):
        raise UsageError(f"data.label: {twice} is named twice, or is the text")
    if format_name in LEVELS and (len(names) > 2 or not options.get("label_until")):
        hint = "set data.label_until, as to ':' where a label is written DESC:manner"
        raise UsageError(f"data.label: {format_name} has one label for a text, of at most two levels", hint=hint)


def begins_with_label(
    record: Example, data: Mapping[str, Any], known: Collection[str], counted: Counter[str]
) -> None:
    """Warn of texts that begin with labels, as lines of the training data (the header's `data`) did: of the first one
    with fastText's prefix, or of FIRST in a row with the bare labels that the model knows."""
    read, options = data["format"], data["options"]
    counted["begun"] += 1
    if record.labels is not None or read not in ("fasttext", "label-text") or not record.text.strip():
        return
    prefix = options["label_prefix"] if read == "fasttext" else ""
    first = record.text.split(None, 1)[0]
    label = first.removeprefix(prefix).partition(options.get("label_until") or "\0")[0]
    counted["labelled"] += first.startswith(prefix) and data["labels"].get(label, label) in known
    if counted["labelled"] == (1 if prefix else FIRST):
        counted["begun"] = FIRST
        console.warn(f"{record.place(0)}: the label before it is read as text: --input {read} skips it")
