"""Make the frames of a corpus, as learnt from its training split or as a stored model makes them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from seqcli import console
from seqcli.artifact import Artifact
from seqcli.errors import UsageError
from seqcli.frames import Frames, named
from seqcli.recipe.schema import Recipe


def of_corpus(recipe: Recipe, corpus: Any, stored: Artifact | None) -> Frames | None:
    """Return how records become frames, and give every record of the corpus its own; None if the recipe reads text.

    Raises SeqcliError that names a record, UsageError for a stored model that reads text instead of frames or the
    reverse."""
    if stored and ("frames" in stored.header) != (recipe.frames is not None):
        reads, other = ("text", "frames") if recipe.frames else ("frames", "text")
        raise UsageError(f"{stored.path} reads {reads}, but this recipe {other}: training cannot continue from it")
    if recipe.frames is None:
        return None
    raw, train, longest = None, corpus.splits["train"], recipe.data.longest
    if stored:
        found = Frames.of(stored)
        own = recipe.frames.model_dump(exclude={"augment"}, exclude_none=True)
        if odd := [key for key, value in own.items() if getattr(found.config, key, None) != value]:
            console.warn(f"taken from {stored.path} instead of the recipe: frames.{', frames.'.join(odd)}")
        found = replace(found, config=found.config.model_copy(update={"augment": recipe.frames.augment}))
    else:
        found, raw = Frames.learn(recipe.frames, train, "frames of train")
    cut = 0
    for split, records in corpus.splits.items():
        with console.progress(f"frames of {split}", len(records), " records") as advance:
            for i, record in enumerate(records):
                own = (
                    found.normal(raw[i])
                    if raw is not None and records is train
                    else named(record, lambda r=record: found(r))
                )
                record.frames = own if hasattr(record, "tags") else own[:longest]  # sentences are split elsewhere
                cut += len(record.frames) < len(own)
                advance(1)
    if cut:
        console.warn(f"{cut:,} records have more than {longest:,} frames: only the first are read (data.longest)")
    return found
