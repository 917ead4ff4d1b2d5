"""Turn the two sides of a pair into ids: a tokenizer for each, or one for both; BOS and EOS; what can be copied."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from seqcli import console, tokenizers
from seqcli.artifact import Artifact
from seqcli.errors import UsageError
from seqcli.frames import Frames
from seqcli.models import Sizes
from seqcli.records import Pair
from seqcli.tasks.sequence_to_sequence.columns import Together
from seqcli.tokenizers import BaseTokenizer, visible

Texts = str | Sequence[str]  # a source: one text, or those of its columns
TOLD = 3  # truncated sources that a warning names, at most


@dataclass(frozen=True)
class Codec:
    """The reading and writing of texts; `own_target` is None if one tokenizer serves both sides."""

    reads: BaseTokenizer | Together | None  # for the source, or its columns; None for frames
    own_target: BaseTokenizer | None
    longest: int  # tokens of a source that are read, without EOS, or frames
    frames: Frames | None = None

    @classmethod
    def of(cls, stored: Artifact) -> Codec:
        """Restore the codec from a model's file."""
        if "frames" in stored.header:
            return cls(None, tokenizers.from_artifact(stored), stored.header["data"]["longest"], Frames.of(stored))
        if (columns := Together.of(stored)) is not None:
            return cls(columns, tokenizers.from_artifact(stored), stored.header["data"]["longest"])
        other = tokenizers.from_artifact(stored, "target_tokenizer") if "target_tokenizer" in stored.header else None
        return cls(tokenizers.from_artifact(stored), other, stored.header["data"]["longest"])

    def differs(self, other: Codec) -> str:
        """Return which part of another codec differs; empty if both are the same."""
        mine, theirs = self.frames, other.frames
        if mine is not None or theirs is not None:
            if mine is None or theirs is None or not mine.same(theirs):
                return "frames"
        elif self.source.fingerprint() != other.source.fingerprint():
            return "tokenizers of the source side"
        same = self.target.fingerprint() == other.target.fingerprint()
        return "" if same else "tokenizers of the target side"

    @property
    def source(self) -> BaseTokenizer | Together:
        """The tokenizer of the source. Raises UsageError for frames, which have no tokens."""
        if self.reads is None:
            raise UsageError("this model reads frames: its sources have no tokens")
        return self.reads

    @property
    def target(self) -> BaseTokenizer:
        """The tokenizer of the target side."""
        if self.own_target is not None:
            return self.own_target
        assert not isinstance(self.source, Together)  # with columns, targets have their own tokenizer
        return self.source

    @cached_property
    def sizes(self) -> Sizes:
        """The number of symbols of each side, BOS and EOS included."""
        if self.frames is not None:
            return Sizes(0, self.target.size + 2, False, self.frames.dimensions)
        columns = self.reads.ranges(self.target) if isinstance(self.reads, Together) else ()
        return Sizes(self.source.size + 2, self.target.size + 2, self.own_target is None, 0, columns)

    @property
    def bos(self) -> int:
        """The symbol that a target begins with."""
        return self.target.size

    @property
    def eos(self) -> int:
        """The symbol that a target ends with."""
        return self.target.size + 1

    @property
    def unknown(self) -> int:
        """The symbol fed to a model in place of one that the target side lacks."""
        return self.target.unk_id or 0

    @cached_property
    def banned(self) -> tuple[int, ...]:
        """Target symbols that an answer never has: `<unk>`, a line end, BOS."""
        own = (self.target.unk_id, self.target.newline_id, self.bos)
        return tuple(id for id in own if id is not None)

    @property
    def columns(self) -> list[str]:
        """The names of a source's columns; none if it is one text."""
        return self.reads.names if isinstance(self.reads, Together) else []

    @property
    def kinds(self) -> list[str]:
        """The kinds of tokenizers that read a source."""
        return [own.kind for own in (self.reads.parts if isinstance(self.reads, Together) else [self.source])]

    def check(self, text: str) -> None:
        """Raise SeqcliError, without a place, if a source does not have as many columns as the model reads."""
        if isinstance(self.reads, Together) and text.strip():
            self.reads.check(text)

    def joined(self, text: Texts) -> str:
        """Return a source as one text, with tabs between its columns. Raises SeqcliError as `check`."""
        if not isinstance(text, str):
            if not self.columns:
                raise UsageError("the model reads one text, not several columns")
            text = "\t".join(part.replace("\t", " ") for part in text)
        self.check(text)
        return text

    @property
    def unknown_sources(self) -> tuple[int, ...]:
        """The symbols for unknown parts of a source."""
        if isinstance(self.reads, Together):
            return self.reads.unknown
        return () if self.reads is None or self.reads.unk_id is None else (self.reads.unk_id,)

    def source_of(self, pair: Pair) -> np.ndarray:
        """Return the model's input for a pair's source: ids (S,) or frames (S, D). Raises SeqcliError without a
        place."""
        if self.frames is None:
            return self.source_ids(pair.text)
        return self.frames(pair)[: self.longest] if pair.frames is None else pair.frames

    def source_ids(self, text: str) -> np.ndarray:
        """Return the ids (S,) of a source, truncated to `longest` tokens, with EOS at the end."""
        ids = self.source.encode(_one_line(text))[: self.longest]
        return np.append(ids, self.source.size + 1).astype(np.int64)

    def target_ids(self, text: str) -> np.ndarray:
        """Return the ids (T,) of a target, with EOS at the end."""
        return np.append(self.target.encode(_one_line(text)), self.eos).astype(np.int64)

    def prefix(self, text: str, extra: list[str]) -> tuple[list[int], list[str]]:
        """Return the ids of the beginning of a target, and how each is shown.

        A token that the target side does not know is one of `extra`, the source's further tokens, or `<unk>`.
        """
        line, known = _one_line(text), {s: self.sizes.target + i for i, s in enumerate(extra)}
        ids: list[int] = self.target.encode(line).tolist()
        unk = self.target.unk_id
        if unk is None or unk not in ids:
            return ids, []
        shown = self.target.texts(line)
        return [known.get(s, id) if id == unk else id for id, s in zip(ids, shown, strict=True)], shown

    def encode(self, sources: Sequence[str], targets: Sequence[str]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return `source_ids` and `target_ids` of many pairs, faster than one by one."""
        read = [np.append(ids[: self.longest], self.source.size + 1) for ids in _lines(self.source, sources)]
        written = [np.append(ids, self.eos) for ids in _lines(self.target, targets)]
        return list(zip(read, written, strict=True))

    def text(self, ids: Sequence[int] | np.ndarray, extra: list[str] | tuple[str, ...] = ()) -> str:
        """Return the text of target ids without EOS, on one line; ids from `sizes.target` on stand for `extra`."""
        listed, size = np.asarray(ids).tolist(), self.sizes.target
        if all(id < size for id in listed):
            return self.target.decode(listed).replace("\n", " ")
        if self.target.kind == "word":
            return " ".join(extra[id - size] if id >= size else self.target.symbol(id) for id in listed)
        parts: list[str] = []
        run: list[int] = []
        for id in listed:
            if id < size:
                run.append(id)
            else:
                parts += [self.target.decode(run), extra[id - size]]
                run = []
        return self.target.joined([*parts, self.target.decode(run)]).replace("\n", " ")

    def source_symbols(self, text: str, steps: int = 0) -> list[str]:
        """Return how each source position is shown, with `<eos>` at the end; for frames the numbers of `steps`."""
        if self.frames is not None:
            return [str(n) for n in range(1, steps + 1)]
        return [*self.source.pieces(_one_line(text))[: self.longest], "<eos>"]

    def source_texts(self, text: str) -> list[str]:
        """Return the part of the text at each source position but EOS."""
        return self.source.texts(_one_line(text))[: self.longest]

    def target_symbols(self, ids: Sequence[int] | np.ndarray, extra: list[str] | tuple[str, ...] = ()) -> list[str]:
        """Return how each target id is shown."""
        size = self.sizes.target
        return [
            visible(extra[id - size]) if id >= size else self.target.symbol(id) if id < self.target.size else "<eos>"
            for id in np.asarray(ids).tolist()
        ]

    # copying

    @cached_property
    def _same(self) -> dict[str, int]:
        """The target symbols that can be copied from a source, by their text."""
        left_out = set(self.banned)
        return {s: i for i, s in enumerate(self.target.vocabulary()) if i not in left_out}

    def copies(self, text: str) -> tuple[np.ndarray, list[str]]:
        """Return the target symbol (S,) of each source position, with the target's EOS; symbols that the target lacks
        are numbered from `sizes.target` on and listed as texts. A position that cannot be part of a target has -1."""
        unknown, kind = self.unknown_sources, self.target.kind
        ids = self.source.encode(_one_line(text))[: self.longest].tolist()
        same = [None if id in unknown else self._same.get(self.source.symbol(id)) for id in ids]
        if isinstance(self.reads, Together):
            alike = self.reads.owners(_one_line(text))
            same = [id if own.kind == kind else -1 for id, own in zip(same, alike, strict=False)]
        if None not in same:
            return np.array([*same, self.eos], np.int64), []
        extra: dict[str, int] = {}
        for i, shown in enumerate(self.source_texts(text)):
            if ids[i] in unknown and same[i] is None:
                same[i] = self._same.get(visible(shown) if kind == "char" else shown)
            if same[i] is None and not isinstance(self.reads, Together) and self.source.kind != kind:
                same[i] = -1  # a letter that is not a phoneme cannot be part of an answer
            elif same[i] is None:
                same[i] = extra.setdefault(shown, self.sizes.target + len(extra))
        return np.array([*same, self.eos], np.int64), list(extra)

    def copied_targets(self, text: str, extra: Sequence[str]) -> np.ndarray:
        """Return `target_ids`, with tokens unknown to the target side copied from the source if it has them."""
        ids, unk = self.target_ids(text), self.target.unk_id
        if not extra or unk is None or not (ids == unk).any():
            return ids
        texts, known = self.target.texts(_one_line(text)), {s: self.sizes.target + i for i, s in enumerate(extra)}
        for i in np.nonzero(ids == unk)[0].tolist():
            ids[i] = known.get(texts[i], unk)
        return ids


def _lines(tokenizer: BaseTokenizer | Together, texts: Sequence[str]) -> list[np.ndarray]:
    """Return the ids of each text, int64; computed for all at once if line ends are symbols of their own."""
    lines = [_one_line(text) for text in texts]
    if isinstance(tokenizer, BaseTokenizer) and tokenizer.newline_id is not None:
        ids = tokenizer.encode("".join(line + "\n" for line in lines)).astype(np.int64)
        ends = np.flatnonzero(ids == tokenizer.newline_id)
        if len(ends) == len(lines):
            return [part[:-1] for part in np.split(ids, ends[:-1] + 1)] if lines else []
    return [tokenizer.encode(line).astype(np.int64) for line in lines]


def _one_line(text: str) -> str:
    return text.replace("\n", " ")


def warn_of_cuts(codec: Codec, pairs: Iterable[Pair], told: int = 0) -> int:
    """Warn about sources with more tokens than are read (`data.longest`): about at most TOLD, `told` of them before.

    Returns the number of sources warned about so far.
    """
    for pair in pairs if codec.frames is None else ():
        if told >= TOLD:
            break
        if 4 * len(pair.text) < codec.longest:  # a character has at most four bytes, and a token at least one
            continue
        count = len(codec.source.encode(_one_line(pair.text)))
        if count > codec.longest:
            told += 1
            more = "; further ones are not reported" if told == TOLD else ""
            console.warn(f"{pair.place()}: {count:,} tokens, but only the first {codec.longest:,} are read{more}")
    return told
