"""Turn pairs into tokenizers, ids and batches, and leave out pairs that are too long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np

from seqcli import console, tokenizers
from seqcli.artifact import Artifact
from seqcli.datasets.batch import STEPS, up
from seqcli.errors import SeqcliError, UsageError
from seqcli.former import Former
from seqcli.frames import Frames
from seqcli.recipe.schema import Recipe
from seqcli.records import Pair
from seqcli.tasks.sequence_to_sequence.codec import Codec
from seqcli.tasks.sequence_to_sequence.columns import Together, cell, columns_of
from seqcli.tokenizers import BaseTokenizer

FILLED = 64  # the places of a batch's targets are padded to a multiple of this
TOGETHER = 2000  # pairs that are tokenized at once


@dataclass(frozen=True)
class Encoded:
    """A pair as ids."""

    source: np.ndarray  # (S,), EOS last; or frames (S, D)
    target: np.ndarray  # (T,), EOS last; or the edits of the source that write it
    copies: np.ndarray | None = None  # (S,), for a copying model


def learn_codec(recipe: Recipe, pairs: Sequence[Pair], stored: Artifact | None, frames: Frames | None) -> Codec:
    """Return a codec with the stored tokenizers, or with those learnt from the training split: one for both sides or
    one for each; for frames, learnt from targets alone; for several columns, from targets and from those columns that
    name no tokenizer of their own."""
    if stored:
        return replace(Codec.of(stored), longest=recipe.data.longest, frames=frames)

    def learn(config: Any, texts: Iterable[str]) -> tokenizers.BaseTokenizer:
        lines = (text.replace("\n", " ") + "\n" for text in texts)
        return tokenizers.learn(config, lines, recipe.base, any_character=True)

    if columns := columns_of(recipe.data.source):
        own = (text for i, c in enumerate(columns) if c.tokenizer is None for p in pairs for text in cell(p.text, i))
        whole = learn(recipe.tokenizer, chain(own, (p.target or "" for p in pairs)))
        reads = Together.learn(columns, [p.text for p in pairs], whole, learn)
        return Codec(reads, whole, recipe.data.longest)
    sources, targets = (p.text for p in pairs), (p.target or "" for p in pairs)
    if frames is not None:
        return Codec(None, learn(recipe.tokenizer, targets), recipe.data.longest, frames)
    if recipe.target_tokenizer is None:
        both = (text for pair in pairs for text in (pair.text, pair.target or ""))
        return Codec(learn(recipe.tokenizer, both), None, recipe.data.longest)
    return Codec(learn(recipe.tokenizer, sources), learn(recipe.target_tokenizer, targets), recipe.data.longest)


def grown(codec: Codec, recipe: Recipe, pairs: Sequence[Pair], former: Former) -> Codec:
    """Return the tokenizers of a `former` model extended by what is new in the training split."""
    own = former.recipe
    learning = replace(recipe, tokenizer=own.tokenizer, target_tokenizer=own.target_tokenizer)
    new, before = (
        learn_codec(learning, pairs, None, codec.frames),
        former.texts(lambda old: _texts(old.splits["train"])),
    )

    def both(part: BaseTokenizer, other: BaseTokenizer) -> BaseTokenizer:
        if part.kind != other.kind:
            raise UsageError(
                f"data.source: a column of {former.name} has the tokenizer {part.kind}, not {other.kind}"
            )
        return part.grown(other, lambda: _texts(pairs), before)

    reads, learnt = codec.reads, new.reads
    if isinstance(reads, Together) and isinstance(learnt, Together):
        reads = Together(reads.names, list(map(both, reads.parts, learnt.parts)))
    elif isinstance(reads, BaseTokenizer) and isinstance(learnt, BaseTokenizer):
        reads = both(reads, learnt)
    target = None if codec.own_target is None else both(codec.own_target, new.target)
    return replace(codec, reads=reads, own_target=target)


def strange(codec: Codec, pairs: Iterable[Pair]) -> list[str]:
    """Return the distinct parts of pairs that the tokenizers of either side do not know."""
    found, unknown = set[str](), codec.unknown_sources
    for pair in pairs:
        sides = [(codec.target.encode, codec.target.texts, pair.target or "", (codec.target.unk_id,))]
        sides += [] if codec.frames else [(codec.source.encode, codec.source.texts, pair.text, unknown)]
        for encode, texts, text, odd in sides:
            line = text.replace("\n", " ")
            if not set(odd).isdisjoint(ids := encode(line).tolist()):
                found |= {shown for id, shown in zip(ids, texts(line), strict=True) if id in odd}
    return sorted(found)


def _texts(pairs: Iterable[Pair]) -> Iterator[str]:
    return (text.replace("\n", " ") + "\n" for pair in pairs for text in (pair.text, pair.target or ""))


def encode(codec: Codec, pairs: Sequence[Pair], *, copy: bool, what: str = "") -> list[Encoded]:
    """Return pairs as ids, in order."""
    found = []
    with console.progress(what, len(pairs), " pairs") as advance:
        for first in range(0, len(pairs), TOGETHER):
            part = pairs[first : first + TOGETHER]
            if codec.frames is not None:
                found += [Encoded(codec.source_of(p), codec.target_ids(p.target or "")) for p in part]
                advance(len(part))
                continue
            ids = codec.encode([p.text for p in part], [p.target or "" for p in part])
            for pair, (source, target) in zip(part, ids, strict=True):
                copies = None
                if copy:
                    copies, extra = codec.copies(pair.text)
                    target = codec.copied_targets(pair.target or "", extra)
                found.append(Encoded(source, target, copies))
            advance(len(part))
    return found


def fitting(recipe: Recipe, codec: Codec, pairs: Sequence[Pair], *, copy: bool) -> list[Encoded]:
    """Return the training pairs as ids, without those that are too long or whose sides differ too much in length;
    warns how many are left out. Raises SeqcliError if none is left."""
    longest, ratio = recipe.data.longest, recipe.data.ratio
    kept, long, uneven = [], 0, 0
    for pair, one in zip(pairs, encode(codec, pairs, copy=copy, what="tokenizing train"), strict=True):
        S, T = len(one.source) - 1, len(one.target) - 1
        if codec.frames is not None:  # truncated, as in use
            kept.append(one)
        elif longest < T or (longest <= S and len(codec.source.encode(pair.text.replace("\n", " "))) > longest):
            long += 1
        elif ratio is not None and max(S, T) > ratio * max(min(S, T), 1):
            uneven += 1
        else:
            kept.append(one)
    if long:
        console.warn(f"{long:,} of {len(pairs):,} training pairs are left out: a side has more than {longest} tokens")
    if uneven:
        console.warn(
            f"{uneven:,} of {len(pairs):,} training pairs are left out: one side is more than {ratio:g} times as long"
        )
    if not kept:
        raise SeqcliError("no training pair is left", hint="see data.longest and data.ratio")
    return kept


def with_steps(model: Any, encoded: list[Encoded]) -> list[Encoded]:
    """Return the pairs whose source has enough steps for its target, if a model needs that; warns how many are left
    out. Raises SeqcliError if none is left."""
    if not hasattr(model, "lacks"):
        return encoded
    kept = [e for e in encoded if not model.lacks(len(e.source), e.target[:-1])]
    if len(kept) < len(encoded):
        console.warn(
            f"{len(encoded) - len(kept):,} of {len(encoded):,} training pairs are left out: the source has fewer"
            " steps than the target needs (one for each symbol, and one between two equal symbols)"
        )
    if not kept:
        raise SeqcliError(
            "no training pair is left", hint="a front end with fewer layers or stride: 1 keeps more steps"
        )
    return kept


def as_edits(model: Any, codec: Codec, *splits: list[Encoded]) -> list[list[Encoded]]:
    """Return splits, the training split first, with edits of their sources in place of targets if a model writes
    edits; warns if nothing can be copied."""
    if not hasattr(model, "programs"):
        return list(splits)
    given = [[(e.source, e.target, copied(e)) for e in split] for split in splits]
    if not any(bool((copies[:-1] >= 0).any()) for _, _, copies in given[0]):
        console.warn("sources and targets share no symbols: nothing can be copied, only substituted")
    console.say(f"aligning {len(given[0]):,} pairs", level=1)
    costs = model.costs(given[0], codec.unknown)
    written = [model.programs(pairs, codec.unknown, costs) for pairs in given]
    return [
        [Encoded(x, edits) for (x, *_), edits in zip(pairs, programs, strict=True)]
        for pairs, programs in zip(given, written, strict=True)
    ]


def copied(pair: Encoded) -> np.ndarray:
    """Return the target symbol of each source position (S,); -1 throughout if copies were not asked for."""
    return np.full(len(pair.source), -1, np.int64) if pair.copies is None else pair.copies


def answer_ratio(encoded: Sequence[Encoded]) -> float:
    """Return how many tokens an answer may have for each token of its source: 1.5 times what 995 of 1,000 training
    pairs need, but at least 2 (0.1 for frames)."""
    ratios = [len(e.target) / len(e.source) for e in encoded]
    return round(max(0.1 if encoded[0].source.ndim > 1 else 2.0, 1.5 * float(np.quantile(ratios, 0.995))), 2)


def batch(chosen: Sequence[Encoded], codec: Codec, seed: Sequence[int] | None = None) -> dict[str, np.ndarray]:
    """Return the arrays of a batch, as `models/_seq2seq.py` describes them; with a seed, frames are varied."""
    B = len(chosen)
    S, T = (up(max(len(getattr(e, side)) for e in chosen), STEPS) for side in ("source", "target"))
    framed = codec.frames is not None
    S = 0 if framed else S
    source, inputs = np.zeros((B, S), np.int64), np.full((B, T), codec.bos, np.int64)
    copies = np.full((B, S), -1, np.int64)
    places, gold = [], []
    for b, e in enumerate(chosen):
        n = len(e.target)
        if not framed:
            source[b, : len(e.source)] = e.source
        known = e.target if e.copies is None else np.where(e.target < codec.sizes.target, e.target, codec.unknown)
        inputs[b, 1:n] = known[:-1]
        places.append(b * T + np.arange(n))
        gold.append(e.target)
        if e.copies is not None:
            copies[b, : len(e.source)] = e.copies
    flat, total = np.concatenate(places), sum(map(len, gold))
    fill = np.zeros(-total % FILLED, np.int64)
    found = {
        "source": source,
        "source_lengths": np.array([len(e.source) for e in chosen], np.int64),
        "inputs": inputs,
        "target_lengths": np.array([len(e.target) for e in chosen], np.int64),
        "places": np.concatenate([flat, fill]),
        "gold": np.concatenate([*gold, fill]),
        "weights": np.concatenate([np.ones(total, np.float32), fill.astype(np.float32)]),
        "total": np.array(total, np.int64),
    }
    if codec.frames is not None:
        found["source"], found["source_lengths"] = codec.frames.batch([e.source for e in chosen], seed).values()
    return found if chosen[0].copies is None else {**found, "copies": copies}
