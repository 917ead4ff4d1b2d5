"""Learn a model of the sentencepiece library from streamed text, and read the settings stored in a foreign one."""

from __future__ import annotations

import io
import signal
import struct
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqcli.errors import SeqcliError, UsageError

# The name of the unknown symbol, which no text holds and byte fallback never uses. With its usual name the library
# would not learn from words that contain a literal <unk>.
UNK = "\uf8ffunk"
FIXED = 258  # symbols that every learned model has: the unknown one, the newline, 256 bytes
_GOLDEN, _MASK = 0x9E3779B97F4A7C15, (1 << 64) - 1  # 2 ** 64 / the golden ratio
_LONGEST = 4096  # characters: longer lines are cut into parts
_NEVER = "\0\u2581\u2585"  # not learned: NUL, and the library's own marks for a space and for the unknown symbol


def sample(texts: Iterable[str], largest: int) -> tuple[list[str], int]:
    """Return lines spread evenly over the texts, at most `largest` characters, and n: they are one line in n.

    The texts are streamed. A line is kept if the fractional part of its number times the golden ratio is below 1/n:
    no randomness, and no period that could coincide with one of the text, such as lines in two languages in turn.
    """
    kept: list[tuple[int, str]] = []
    size, doublings, number = 0, 0, 0
    for text in texts:
        for line in text.split("\n"):
            for start in range(0, len(line), _LONGEST):
                number += 1
                place = number * _GOLDEN & _MASK
                if place > _MASK >> doublings:
                    continue
                part = line[start : start + _LONGEST]
                kept.append((place, part))
                size += len(part) + 1
                while size > largest and len(kept) > 1:
                    doublings += 1
                    kept = [pair for pair in kept if pair[0] <= _MASK >> doublings]
                    size = sum(len(part) + 1 for _, part in kept)
    return [part for _, part in kept], 1 << doublings


def train(lines: Sequence[str], model_type: str, size: int, coverage: float | None, whitespace_pieces: bool) -> bytes:
    """Train a model and return it in the library's format. The same lines give the same bytes. Raises SeqcliError,
    UsageError."""
    import sentencepiece

    rare, kept = _rare(lines, size, coverage)
    if size <= FIXED + kept:
        raise UsageError(
            f"tokenizer.size: {size:,} symbols are too few: {FIXED} are taken by bytes and the newline, "
            f"and {kept:,} by the characters of this text",
            hint=f"set {FIXED + kept + 1:,} or more, or a lower character_coverage",
        )
    breaks = dict.fromkeys([*map(ord, _NEVER), *rare], "\n")
    parts = [part for line in lines for part in line.translate(breaks).split("\n") if part]
    if not any(map(str.strip, parts)):
        raise SeqcliError("there is no text to learn from", hint="give it some lines of text")
    parts.append(" ")  # a space is always a symbol: the library has no bytes for it
    model = io.BytesIO()
    try:
        with _interruptible():
            sentencepiece.SentencePieceTrainer.train(  # type: ignore[attr-defined]
                sentence_iterator=iter(parts),
                model_writer=model,
                model_type=model_type,
                vocab_size=size,
                hard_vocab_limit=False,
                character_coverage=1.0,
                normalization_rule_name="identity",
                add_dummy_prefix=False,
                remove_extra_whitespaces=False,
                allow_whitespace_only_pieces=whitespace_pieces,
                byte_fallback=True,
                user_defined_symbols=["\n"],
                unk_id=0,
                unk_piece=UNK,
                bos_id=-1,
                eos_id=-1,
                pad_id=-1,
                max_sentence_length=4 * _LONGEST + 1,
                num_threads=16,  # fixed, not the machine's: sums of float32 depend on it
                minloglevel=2,
            )
    except (RuntimeError, OSError) as error:
        raise SeqcliError(f"the sentencepiece library could not learn from this text: {error}") from None
    return model.getvalue()


def _rare(lines: Sequence[str], size: int, coverage: float | None) -> tuple[list[int], int]:
    """Return the code points that get no symbol but are encoded as bytes, and the number of those that get one.

    Without a `coverage` all characters get one, or the most frequent if they would fill more than half of the
    vocabulary. (The library itself accepts no coverage below 0.98.)
    """
    counts = np.zeros(0x110000, np.int64)
    for start in range(0, len(lines), 10_000):
        found = np.bincount(np.frombuffer("".join(lines[start : start + 10_000]).encode("utf-32-le"), "<u4"))
        counts[: len(found)] += found
    counts[[ord(c) for c in _NEVER]] = 0
    number = int((counts > 0).sum())
    ordered = np.argsort(-counts, kind="stable")[:number]
    if coverage is None:
        kept = min(number, max((size - FIXED) // 2, 1))
    else:
        covered = np.cumsum(counts[ordered])
        kept = min(int(np.searchsorted(covered, coverage * covered[-1] - 0.5)) + 1, number) if number else 0
    return [code for code in ordered[kept:].tolist() if code != ord(" ")], kept


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C end the program at once: the library does not return to Python before it has finished."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(frozen=True)
class Spec:
    """The settings stored in a model file."""

    unigram: bool
    identity: bool  # it does not change a text before splitting it
    dummy_prefix: bool  # it puts a space before each line
    spaces_lead: bool  # it writes a space as U+2581, which opens the piece of the next word


def read_spec(model: bytes) -> Spec:
    """Read the trainer's and the normaliser's settings from a model (sentencepiece_model.proto)."""
    trainer: dict[int, Any] = {}
    normalizer: dict[int, Any] = {}
    for number, value in _fields(model):
        if number == 2:
            trainer |= dict(_fields(value))
        elif number == 3:
            normalizer |= dict(_fields(value))
    prefix, shrink, escape = (bool(normalizer.get(number, 1)) for number in (3, 4, 5))
    as_suffix = bool(trainer.get(24, 0))
    return Spec(
        unigram=trainer.get(3, 1) == 1,
        identity=not (normalizer.get(2) or prefix or shrink) and escape,
        dummy_prefix=prefix and not as_suffix,
        spaces_lead=escape and not as_suffix,
    )


def with_pieces(model: bytes, pieces: Mapping[str, float]) -> bytes:
    """Return the model with further pieces and their scores after its own: a repeated field that is given again is
    appended to."""
    parts = [model]
    for piece, score in pieces.items():
        text = piece.encode()
        entry = b"\x0a" + _number(len(text)) + text + b"\x15" + struct.pack("<f", score)
        parts += [b"\x0a", _number(len(entry)), entry]
    return b"".join(parts)


def _number(value: int) -> bytes:
    """Encode an integer as a protocol buffer's varint."""
    rest = value >> 7
    return bytes([value & 127 | 128]) + _number(rest) if rest else bytes([value])


def without_normalizer(model: bytes) -> bytes:
    """Return the model with the identity as its normalisation: fields given again replace the earlier ones."""
    spec = b"\x0a\x08identity\x12\x00\x18\x00\x20\x00"
    return model + b"\x1a" + bytes([len(spec)]) + spec


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Yield (number, value) of a protocol buffer's fields: integers, and bytes for all other types."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = _varint(message, at)
        else:
            length = {1: 8, 5: 4}.get(kind)
            if length is None:
                if kind != 2:
                    raise ValueError(f"wire type {kind}")
                length, at = _varint(message, at)
            value, at = message[at : at + length], at + length
        yield number, value


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
