"""Language models that read for another model: their states at the ends of words are added to the word embeddings.

These are the contextual string embeddings of Akbik, Blythe and Vollgraf (2018): a language model over characters or
sub-words reads the text up to a word's last symbol; one that was trained on reversed lines (`data.reversed`) reads
from the end of the text back to the word's first symbol. The states of a corpus are computed once, unless the readers
are trained further (`train.reader_rate`). The readers are stored in the file of the model that they read for.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from seqcli import console, front_ends, models, runs, tokenizers
from seqcli.artifact import Artifact, restoring
from seqcli.datasets.batch import up
from seqcli.datasets.catalog import cache_folder
from seqcli.datasets.tokens import cached
from seqcli.datasets.vocabulary import Vocabulary
from seqcli.errors import UsageError
from seqcli.layers.depth import READERS
from seqcli.records import spaced
from seqcli.tokenizers import BaseTokenizer

TOGETHER = 512  # records read at once
ROUND = 16  # in training, a batch is padded to a multiple of so many symbols
LEAST = 20  # characters without white space: shorter lines do not show whether a text was seen in training
KEPT = ("kind", "model", "tokenizer", "vocabulary", "version", "checksum")  # keys kept of a language model's header
OWN = {"name": str, "reversed": bool, "seen": dict, "checksum": str, "vocabulary": int}  # keys it must have
LOOKED, MANY = 1000, 0.05  # records whose text is checked; the share without symbols of which a warning tells
VERSION = 1  # raised when states are computed differently

Place = tuple[int, int]


@dataclass(frozen=True)
class Part:
    """One language model; `header` has the KEPT keys of its own header, and `name`, `reversed` and `seen`."""

    model: Any
    tokenizer: BaseTokenizer
    header: Mapping[str, Any]

    @property
    def width(self) -> int:
        """The size of a state."""
        return self.model.encoded_size

    def read(self, texts: Sequence[str], places: Sequence[Sequence[Place]]) -> list[np.ndarray]:
        """Return the states (T, width) of each text at the ends of its words, whose `places` are (start, end); they
        do not depend on the other texts, to the last bit."""
        ids, ends = zip(*map(self.symbols, texts, places), strict=True)
        return [y[own] for y, own in zip(self.model.encoded(ids), ends, strict=True)]

    def symbols(self, text: str, places: Sequence[Place]) -> tuple[np.ndarray, np.ndarray]:
        """Return a text's symbols, preceded by the end-of-line symbol if there is one, and the index of each word's
        last symbol."""
        text = text.replace("\n", " ")
        lasts = [end - 1 for _, end in places]
        if self.header["reversed"]:
            text, lasts = text[::-1], [len(text) - 1 - start for start, _ in places]
        ids, lacking = self.tokenizer.read(text)
        if lacking and self.tokenizer.unk_id is None and not self.tokenizer.reads_all:  # drop what has no symbol
            gone = {i for i, _ in lacking}
            left = np.cumsum([i not in gone for i in range(len(text))])
            text, lasts = "".join(c for i, c in enumerate(text) if i not in gone), [int(left[i]) - 1 for i in lasts]
        begin = [] if self.tokenizer.newline_id is None else [self.tokenizer.newline_id]
        starts = [start for start, _ in self.tokenizer.offsets(text)]
        ends = np.searchsorted(starts, np.array(lasts, np.int64) + 1) + len(begin) - 1
        symbols = np.concatenate([np.array(begin, np.int64), ids]).astype(np.int64)
        return (symbols, ends.clip(0, len(symbols) - 1)) if len(symbols) else (np.zeros(1, np.int64), ends * 0)


@dataclass(frozen=True)
class Reader:
    """The language models of a recipe's `model.reader`, side by side."""

    parts: tuple[Part, ...]
    changed: bool = False  # whether the weights have changed since records got their states: these are read again

    @classmethod
    def named(cls, names: Sequence[str]) -> Reader:
        """Open runs or model files. Raises SeqcliError for one that is not a recurrent language model of text."""
        return cls(tuple(map(_opened, names)))

    @classmethod
    def of(cls, stored: Artifact) -> Reader | None:
        """Restore the reader that a model's file holds; None if it holds none."""
        headers = stored.header.get("reader", [])
        parts = [Artifact(stored.path, h, stored.part(f"reader{i}")) for i, h in enumerate(headers)]
        return cls(tuple(map(_restored, parts))) if parts else None

    @property
    def width(self) -> int:
        """The size of the state of a word, all language models together."""
        return sum(part.width for part in self.parts)

    @property
    def models(self) -> tuple[Any, ...]:
        """The language models themselves."""
        return tuple(part.model for part in self.parts)

    def trained(self, models: Sequence[Any]) -> Reader:
        """Return a reader with these models (NumPy arrays) in place of its own; itself if the weights are equal."""
        both = [(part.model.arrays(), own.arrays()) for part, own in zip(self.parts, models, strict=True)]
        if all(np.array_equal(old[name], new[name]) for old, new in both for name in old):
            return self
        own = (replace(part, model=model) for part, model in zip(self.parts, models, strict=True))
        return replace(self, parts=tuple(own), changed=True)

    def batch(self, records: Sequence[Any], steps: int) -> dict[str, np.ndarray]:
        """Return what the models read of a batch while they are trained: see `read_through` in `models/_words.py`.
        Text after a record's last word is not read."""
        made = {}
        for i, part in enumerate(self.parts):
            own = [part.symbols(*placed(record)) for record in records]
            lengths = [int(ends.max(initial=-1)) + 1 for _, ends in own]
            L, B = up(max(lengths), ROUND), len(records)
            symbols, index = np.zeros((L, B), np.int64), np.full((steps, B), L * B)
            for b, ((ids, ends), n) in enumerate(zip(own, lengths, strict=True)):
                symbols[:n, b] = ids[:n]
                index[: len(ends), b] = ends * B + b
            made |= {f"symbols{i}": symbols, f"ends{i}": index}
        return made

    def padded(self, records: Sequence[Any], steps: int) -> np.ndarray:
        """Return the states of records as (steps, B, S), padded with zeros."""
        rows = self(records)
        return front_ends.padded(np.concatenate(rows), np.array([len(own) for own in rows]), steps)

    def stored(self) -> tuple[list[Mapping[str, Any]], dict[str, np.ndarray]]:
        """Return what a model's file stores: the header's `reader`, and arrays by name."""
        arrays = {}
        for i, part in enumerate(self.parts):
            own = {f"model.{name}": a for name, a in part.model.arrays().items()}
            own |= tokenizers.to_artifact(part.tokenizer)[1]
            arrays |= {f"reader{i}.{name}": a for name, a in own.items()}
        return [part.header for part in self.parts], arrays

    def __call__(self, records: Sequence[Any]) -> list[np.ndarray]:
        """Return the states (T, width) of each record's words: those it already has, else read from its text."""
        left = [i for i, r in enumerate(records) if self.changed or r.states is None]
        found = [r.states for r in records]
        given = [placed(records[i]) for i in left]
        if left:
            each = [part.read([text for text, _ in given], [places for _, places in given]) for part in self.parts]
            for row, i in enumerate(left):
                found[i] = np.concatenate([own[row] for own in each], axis=1)
        return found

    def attach(self, splits: Mapping[str, Sequence[Any]]) -> None:
        """Give every record of the splits its states, as views of a cache file that is written once."""
        digest = hashlib.sha256(" ".join([str(VERSION), *(p.header["checksum"] for p in self.parts)]).encode())
        for part in (p for p in self.parts if p.header.get("tuned")):  # its weights differ from its file's
            for array in part.model.arrays().values():
                digest.update(array.tobytes())
        for records in splits.values():
            for text, places in map(placed, records):
                digest.update(repr((text, places)).encode("utf-8", "surrogatepass"))
        path = cache_folder() / "states" / f"{digest.hexdigest()[:32]}.bin"
        flat = [record for records in splits.values() for record in records]
        total = sum(record.length for record in flat)
        console.say(f"states of {total:,} words take {total * self.width * 4 / 1e6:,.0f} MB: {path}", level=1)

        def made() -> Iterator[np.ndarray]:
            with console.progress("reading", total, " words") as advance:
                for first in range(0, len(flat), TOGETHER):
                    for own in self(flat[first : first + TOGETHER]):
                        yield own
                        advance(len(own))

        whole, at = cached(path, np.dtype(np.float32), made, {"words": total}).reshape(total, self.width), 0
        for record in flat:
            record.states = whole[at : (at := at + record.length)]

    def seen(self, splits: Mapping[str, Sequence[Any]], names: Sequence[str]) -> Reader:
        """Return a reader that has counted, for each model, the records of held-out splits that are whole lines of
        its training text; warns about them."""
        parts = []
        for part, name in zip(self.parts, names, strict=True):
            lines, found = _lines_of(name), {}
            for split in ("valid", "test"):
                own = {
                    h
                    for record in splits.get(split, ())
                    if (h := line_hash(record.text or placed(record)[0])) is not None
                }
                count = len(own & lines)
                if count:
                    found[split] = count
                    console.warn(
                        f"model.reader: {name} was trained on {count:,} of the {len(own):,} long texts of the {split}"
                        " split: the score on that split is not a score on unseen text"
                    )
            parts.append(replace(part, header={**part.header, "seen": found}))
        return replace(self, parts=tuple(parts))


def placed(record: Any) -> tuple[str, Sequence[Place]]:
    """Return the text of a record and the places of its words; without offsets, the words joined by spaces."""
    return spaced(record.words or []) if record.offsets is None else (record.text, record.offsets)


def of_recipe(config: Any, splits: Mapping[str, Sequence[Any]]) -> Reader | None:
    """Open the reader that a recipe's `model` names, None if it names none; warns if it has seen held-out records or
    lacks many characters of the training text."""
    names = getattr(config, "reader", [])
    if not names:
        return None
    reader = Reader.named(names)
    texts = [placed(record)[0] for record in splits["train"][:LOOKED]]
    for part, name in zip(reader.parts, names, strict=True):
        lacking = sum(len(piece) for text in texts for _, piece in part.tokenizer.read(text.replace("\n", " "))[1])
        if (share := lacking / max(sum(map(len, texts)), 1)) > MANY:
            console.warn(f"model.reader: {name} has no symbol for {share:.0%} of the training text")
    return reader.seen(splits, names)


def with_reader(vocabulary: Vocabulary, reader: Reader | None) -> Vocabulary:
    """Return the vocabulary with a reader, or unchanged if `reader` is None."""
    return vocabulary if reader is None else replace(vocabulary, reader=reader, states=reader.width)


def known(stored: Artifact) -> Vocabulary:
    """Restore the vocabulary of a model's file with its reader. Raises SeqcliError if they contradict each other."""
    with restoring(stored.path):
        found, reader = Vocabulary.of(stored), Reader.of(stored)
        if found.states != (reader.width if reader else 0):
            raise ValueError("its reader does not match its vocabulary")
        return with_reader(found, reader)


def to_artifact(vocabulary: Vocabulary) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return what `known` restores: parts of a header, and arrays by name."""
    header: dict[str, Any] = {"vocabulary": vocabulary.header()}
    arrays = {f"vocabulary.{name}": a for name, a in vocabulary.arrays().items()}
    if vocabulary.reader is not None:
        header["reader"], own = vocabulary.reader.stored()
        arrays |= own
    return header, arrays


def filed(name: str) -> str:
    """Return the name in a model's file of an array in training; a reader's arrays keep the names they had."""
    own, i, rest = (*name.split(".", 2), "", "")[:3]
    return f"reader{i}.model.{rest}" if f"{own}." == READERS else f"model.{name}"


def line_hash(text: str) -> int | None:
    """Return a hash of a line that ignores white space; None for a line too short to identify."""
    bare = "".join(text.split())
    return zlib.crc32(bare.encode("utf-8", "surrogatepass")) if len(bare) >= LEAST else None


def line_hashes(texts: Iterable[str]) -> np.ndarray:
    """Return the distinct hashes (N,) of the lines of texts, sorted."""
    parts = [np.zeros(0, np.uint32)]
    for text in texts:
        found = {line_hash(line) for line in text.split("\n")} - {None}
        parts.append(np.array([*found], np.uint32))  # type: ignore[type-var]
    return np.unique(np.concatenate(parts))


def _lines_of(name: str) -> set[int]:
    stored = runs.open_model(name, "eval")
    return set(stored.arrays["lines"].tolist()) if "lines" in stored.arrays else set()


def _opened(name: str) -> Part:
    stored = runs.open_model(name, "eval")
    header = stored.header
    if header["task"] != "language-model" or header["model"]["kind"] != "language-model":
        raise UsageError(
            f"model.reader: {name} is of the kind {header['model']['kind']}",
            hint="a reader must be a recurrent language model: train one with task: language-model",
        )
    if header["data"].get("condition") or header["tokenizer"]["kind"] == "bins":
        what = "needs a condition" if header["data"].get("condition") else "models numbers"
        raise UsageError(f"model.reader: {name} {what}: a reader must be a language model of plain text")
    own = {key: header[key] for key in KEPT if key in header}
    own |= {"name": name, "reversed": runs.is_reversed(header), "seen": {}}
    with restoring(stored.path):
        return _restored(Artifact(stored.path, own, stored.arrays))


def _restored(stored: Artifact) -> Part:
    header = stored.header
    if odd := [name for name, kind in OWN.items() if not isinstance(header.get(name), kind)]:
        raise ValueError(f"its reader's {odd[0]} is {str(header.get(odd[0]))[:40]!r}")
    model, tokenizer = models.restore(stored, header["vocabulary"]), tokenizers.from_artifact(stored)
    if tokenizer.size != header["vocabulary"]:
        raise ValueError(f"its reader's tokenizer has {tokenizer.size} symbols, the model {header['vocabulary']}")
    return Part(model, tokenizer, header)


def left(record: Any, kept: Sequence[int]) -> tuple[str, list[Place]]:
    """Return the text of a record with only the words `kept`, spaced as before, and their places in that text."""
    text, places = placed(record)
    parts: list[str] = []
    found: list[Place] = []
    at = 0
    for i in kept:
        start, end = places[i]
        if found and (start, end) == places[kept[len(found) - 1]]:  # words of one token
            found.append(found[-1])
            continue
        before = text[places[i - 1][1] : start] if i else text[:start]
        parts += [before if parts or not i else "", text[start:end]]
        at += len(parts[-2])
        found.append((at, at := at + end - start))
    return "".join(parts), found
