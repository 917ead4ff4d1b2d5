"""Tags that are known in part: none at a token (`_`), one of several (`NOUN|PROPN`), none of some (`!PER|ORG`).

A name stands for a tag, or for all parts of a kind of span. Training learns from all paths that what is known allows
(Tsuboi et al. 2008); scores count the tokens whose tag is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from seqcli.errors import SeqcliError, did_you_mean
from seqcli.records import NOT, NOTHING, Sentence, is_open, names_in, other_than
from seqcli.schemes import divide
from seqcli.tasks.tagging.labels import Labels


def closed(tags: Sequence[str]) -> list[str]:
    """Tags as a scheme sees them: an open one goes on with a span that the next tag goes on with, else it is O."""
    found = list(tags)
    for t in reversed(range(len(found))):
        if is_open(found[t]):
            prefix, name = divide(found[t + 1]) if t + 1 < len(found) else ("", "")
            inside = f"I-{name}" if name else "I"
            found[t] = inside if prefix in ("I", "E", "L", "M") and t else "O"
    return found


def outside(sentences: Iterable[Sentence], kinds: Sequence[str]) -> list[Sentence]:
    """Sentences in which spans of some kinds alone are marked: O may hide others."""
    tag = other_than([*kinds])
    return [replace(s, tags=[tag if t == "O" else t for t in s.tags or ()]) for s in sentences]


def allowed(labels: Labels, sentence: Sentence) -> np.ndarray:
    """(T, K) bool: the labels that a sentence's tags allow. Raises SeqcliError for a name that is none of theirs."""
    found = np.ones((len(sentence.words), len(labels.names)), bool)
    for t, tag in enumerate(sentence.tags or ()):
        own = np.zeros(len(labels.names), bool)
        for name in names_in(tag) if is_open(tag) else [tag]:
            if name not in labels.meant:
                hint = did_you_mean(name, labels.meant)
                raise SeqcliError(f"{sentence.place(t, tag=True)}: there is no tag {name!r}", hint=hint)
            own[labels.meant[name]] = True
        if tag != NOTHING:
            found[t] = ~own if tag.startswith(NOT) else own
    return found
