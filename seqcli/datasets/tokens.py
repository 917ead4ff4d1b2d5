"""Cache the token ids of a split: encoded once, stored in a memory-mapped file, found again by content.

The key is the hash of the text and of the tokenizer, so that a changed file or vocabulary is never mistaken for
an old one. Ids have the smallest unsigned type that holds the vocabulary.
"""

from __future__ import annotations

import hashlib
import json
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from seqcli import console
from seqcli.artifact import MACHINE, hold, put, replacing
from seqcli.datasets.catalog import cache_folder
from seqcli.datasets.parts import Part, chunks, size
from seqcli.errors import SeqcliError
from seqcli.streams import Chunk
from seqcli.tokenizers import BaseTokenizer, UnknownCharacter

PAUSE = 0.1  # seconds between two looks at a lock


def smallest_type(vocabulary_size: int) -> np.dtype:
    """Return the smallest type for ids: uint8, uint16 or uint32."""
    return np.min_scalar_type(max(vocabulary_size - 1, 0))


class Turned(Chunk):
    """A chunk with the characters of each line in reverse."""

    def place(self, offset: int = 0) -> str:
        begin = self.text.rfind("\n", 0, offset) + 1
        end = self.text.find("\n", offset)
        return super().place(begin + (len(self.text) if end < 0 else end) - 1 - offset)


def turned(chunk: Chunk) -> Chunk:
    """Return a chunk with the characters of each line in reverse, which still names their original places."""
    text = "\n".join(line[::-1] for line in chunk.text.split("\n"))
    return Turned(text, chunk.source, chunk.line, chunk.column)


def encode_chunk(chunk: Chunk, tokenizer: BaseTokenizer) -> np.ndarray:
    """Return the ids of a chunk. Raises SeqcliError with file:line:column of a character unknown to the tokenizer."""
    try:
        return tokenizer.encode(chunk.text)
    except UnknownCharacter as error:
        raise SeqcliError(f"{chunk.place(error.offset)}: {error.message}", hint=error.hint) from None


def tokens(
    parts: Sequence[Part],
    content: str,
    tokenizer: BaseTokenizer,
    encoding: str,
    what: str = "tokenizing",
    *,
    backwards: bool = False,
) -> np.ndarray:
    """Return the ids (N,) of parts as a read-only memory map; `content` is the hash of their bytes. With `backwards`
    every line is reversed."""
    way = " backwards" * backwards
    key = hashlib.sha256(f"{content} {encoding} {tokenizer.fingerprint()}{way}".encode()).hexdigest()[:32]
    path = cache_folder() / "tokens" / f"{key}.bin"
    dtype = smallest_type(tokenizer.size)
    console.say(f"{what}: ids are kept in {path}", level=1)

    def encoded() -> Iterator[np.ndarray]:
        with console.progress(what, size(parts)) as advance:
            for chunk in chunks(parts, encoding, advance):
                yield encode_chunk(turned(chunk) if backwards else chunk, tokenizer).astype(dtype)

    about = {"files": sorted({p.path.name for p in parts}), "tokenizer": tokenizer.kind, "vocabulary": tokenizer.size}
    return cached(path, dtype, encoded, about)


def cached(
    path: Path, dtype: np.dtype, made: Callable[[], Iterable[np.ndarray]], about: Mapping[str, Any]
) -> np.ndarray:
    """Return an array (N,) in a file as a read-only memory map: from an earlier run, or written from what `made`
    yields, by one process at a time. `about` and a checksum are stored beside it."""
    if (kept := _kept(path, dtype)) is not None:
        return kept
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone(path) as waited:
        if waited and (kept := _kept(path, dtype)) is not None:
            return kept
        checksum = 0
        with replacing(path) as file:
            for part in made():
                data = part.tobytes()
                checksum = zlib.crc32(data, checksum)
                file.write(data)
        put(path.with_suffix(".json"), (json.dumps({**about, "crc32": checksum}) + "\n").encode())
    return map_ids(path, dtype)


@contextmanager
def _alone(path: Path) -> Iterator[bool]:
    """Keep other processes of this machine from making a file until the block or the process ends; yield whether
    another one was making it before."""
    waited, lock = False, path.with_name(f".{path.name}.{MACHINE}{0:012x}.tmp")  # a name that `sweep` knows
    with lock.open("wb") as file:
        while hold(file.fileno()) is False:
            if not waited:
                console.say(f"waiting for another process, which is making {path}", level=1)
            waited = True
            time.sleep(PAUSE)
        try:
            yield waited
        finally:
            lock.unlink(missing_ok=True)


def _kept(path: Path, dtype: np.dtype) -> np.ndarray | None:
    """Return the array of an earlier run; None if there is none, or if it is damaged."""
    try:
        checksum = json.loads(path.with_suffix(".json").read_bytes())["crc32"]
        ids = map_ids(path, dtype)
        if zlib.crc32(ids) == checksum:  # type: ignore[arg-type]
            return ids
    except (FileNotFoundError, KeyError):  # there is none, or it is from an earlier version
        return None
    except (OSError, ValueError, TypeError):
        pass
    console.warn(f"{path} is damaged: it is made again")
    return None


def map_ids(path: Path, dtype: np.dtype) -> np.ndarray:
    """Return a file of ids as a read-only array."""
    if path.stat().st_size == 0:
        return np.zeros(0, dtype)
    return np.memmap(path, dtype, "r")
