"""Sub-words of the SentencePiece library, unigram or BPE; any Unicode text comes back unchanged."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, Field

from seqcli import console
from seqcli.errors import SeqcliError, UsageError
from seqcli.tokenizers import SPACE, BaseTokenizer, Texts, TextStream, _chunks, _subwords, visible
from seqcli.tokenizers.byte import ByteStream, byte_offsets

T = TypeVar("T")
_BYTE = re.compile("<0x([0-9A-F]{2})>")
_UNKNOWN = " ⁇ "  # the library's text for an unknown symbol


class Config(BaseModel, extra="forbid", protected_namespaces=()):
    """Recipe keys of `tokenizer: {kind: sentencepiece}`."""

    kind: Literal["sentencepiece"] = "sentencepiece"
    model_type: Literal["unigram", "bpe"] = "unigram"
    size: Annotated[int, Field(ge=_subwords.FIXED + 2)] = 8000  # most symbols, including 258 for bytes and newline
    character_coverage: Annotated[float, Field(gt=0, le=1)] | None = None  # share of the text whose
    # characters get a symbol (the rest is encoded as bytes); null: all, but at most half of `size`
    whitespace_pieces: bool = True  # a run of spaces (indentation) may be one symbol
    sample: Annotated[float, Field(gt=0)] = 10.0  # learn from at most so many million characters, spread evenly
    path: str | None = None  # use this .model file of the library instead of learning


class Tokenizer(BaseTokenizer):
    """A model of the library (Kudo & Richardson 2018) that encodes a line exactly as the library does, but faster.

    A learned model does not change the text: no normalisation, no dummy prefix, bytes for unknown characters, a
    symbol for the newline, and a literal U+2581 (which the library takes for a space) as its three bytes. A foreign
    model (`path`) normalises as it was trained to; it is `lossless` only if it does not.
    """

    kind = "sentencepiece"

    def __init__(self, model: bytes, spec: _subwords.Spec):
        self._model, self._spec = model, spec
        self._processor = processor = _open(model)
        self.size = processor.vocab_size()
        self._pieces: list[str] = [processor.id_to_piece(i) for i in range(self.size)]
        self._unknown = processor.unk_id()
        self._bytes = {
            i: int(found[1], 16)
            for i, piece in enumerate(self._pieces)
            if (found := _BYTE.fullmatch(piece)) and processor.is_byte(i)
        }
        all_bytes = len(self._bytes) == 256
        self.unk_id = None if all_bytes else self._unknown
        self.newline_id = self._find_newline()
        self.blank_first = spec.dummy_prefix
        self._exact = spec.identity and all_bytes and SPACE in self._pieces
        self.lossless = self._exact and self.newline_id is not None
        self._parts = [self._text_of(i) for i in range(self.size)]

    def _find_newline(self) -> int | None:
        """Return the symbol of a newline, else its byte, else the end of a sentence; None: line ends are dropped."""
        for piece in ("\n", "<0x0A>"):
            if (id := self._processor.piece_to_id(piece)) != self._unknown:
                return id
        return end if (end := self._processor.eos_id()) >= 0 else None

    def _text_of(self, id: int) -> bytes:
        if id == self.newline_id:
            return b"\n"
        if id in self._bytes:
            return bytes([self._bytes[id]])
        if id == self._unknown:
            return _UNKNOWN.encode()
        return b"" if self._processor.is_control(id) else self._pieces[id].replace(SPACE, " ").encode()

    @classmethod
    def learn(cls, texts: Iterable[str], config: Config) -> Tokenizer:
        if config.path is not None:
            return cls.foreign(config.path)
        largest = int(config.sample * 1e6)
        lines, step = _subwords.sample(texts, largest)
        if step > 1:
            console.say(
                f"learning sub-words from one line in {step}: the text has more than "
                f"{console.count(largest)} characters (tokenizer.sample)"
            )
        model = _subwords.train(
            lines, config.model_type, config.size, config.character_coverage, config.whitespace_pieces
        )
        tokenizer = cls(model, _subwords.read_spec(model))
        if tokenizer.size < config.size:
            console.warn(f"the text supports {tokenizer.size:,} sub-words, not the {config.size:,} of tokenizer.size")
        return tokenizer

    @classmethod
    def foreign(cls, path: str | Path) -> Tokenizer:
        """Return the tokenizer of a .model file of the library. Raises SeqcliError."""
        try:
            model = Path(path).read_bytes()
        except OSError as error:
            raise SeqcliError(f"cannot read {path}: {error.strerror}") from None
        try:
            return cls(model, _subwords.read_spec(model))
        except (RuntimeError, ValueError, IndexError, TypeError):
            raise SeqcliError(
                f"{path} is not a model of the sentencepiece library",
                hint="give the .model file that spm_train writes",
            ) from None

    def grown(self, other: Tokenizer, texts: Texts, before: Texts | None = None) -> Tokenizer:
        """Grow as the base class says. The texts that it was learnt from are still split as before: new pieces that
        would change that are dropped. If those texts are gone, every new piece must hold a new character."""
        if not (self._exact and other._exact):
            raise UsageError(
                "tokenizer.path: a sentencepiece model that normalises text, or has no byte symbols, cannot grow",
                hint="train a new model instead",
            )
        known = set(self._pieces)
        plain = [i for i in range(other.size) if i not in other._bytes and other._pieces[i] not in known]
        new = {other._pieces[i]: other._processor.get_score(i) for i in plain if i != other._unknown}
        single = [c for c in new if len(c) == 1]
        if before is None:
            console.say("the text that sub-words were learnt from is gone: each new one must hold a new character")
            new = {p: score for p, score in new.items() if not set(single).isdisjoint(p)}
        base = self._with(dict.fromkeys(single, self._lowest))
        if before is not None and (odd := base._used(before(), self.size)):  # rare ones that were encoded as bytes
            base = self._with(dict.fromkeys((c for c in single if c not in odd), self._lowest))
        ranked = sorted((p for p in new if len(p) > 1), key=lambda p: (-new[p], p))
        more = {p: base._score(p, new[p]) for p in ranked}
        grown = base._with(more)
        while more and (odd := grown._used(before() if before else (), self.size)):
            more = {p: score for p, score in more.items() if p not in odd}
            grown = base._with(more)
        if self._spec.unigram:  # in BPE unused pieces may be merged into longer ones
            used = grown._used(texts(), self.size)
            grown = base._with({p: score for p, score in more.items() if p in used})
        return grown

    @cached_property
    def _lowest(self) -> float:
        """The lowest score of a piece: a lower one would change what the library gives unknown characters."""
        return min(self._processor.get_score(i) for i in range(self.size) if i not in self._bytes)

    def _with(self, pieces: Mapping[str, float]) -> Tokenizer:
        """Return a tokenizer with further pieces and their scores, the best first; in BPE they rank last."""
        if not self._spec.unigram:
            pieces = {p: self._lowest - 1 - i for i, p in enumerate(pieces)}
        return type(self)(_subwords.with_pieces(self._model, pieces), self._spec)

    def _score(self, piece: str, own: float) -> float:
        """Return the score of a new piece: the learnt one, but at least above that of the pieces that it replaces."""
        ids = self._processor.encode(piece.replace(SPACE, " "))
        divided = -np.inf if set(ids) & self._bytes.keys() else sum(map(self._processor.get_score, ids))
        return min(max(own, divided + 0.1, self._lowest), 0.0)

    def _used(self, texts: Iterable[str], first: int) -> set[str]:
        """Return the pieces with ids from `first` on that occur in the encoded texts."""
        found = set[int]().union(*(np.unique(self.encode(text)).tolist() for text in texts))
        return {self._pieces[i] for i in found if i >= first}

    def encode(self, text: str) -> np.ndarray:
        if self._fast is None:
            parts = self._around_marks(text, self._encode_plainly, self._mark)
        else:
            parts = self._around_marks(self._normalized(text), self._fast.ids, self._mark)
        return np.concatenate([np.empty(0, np.int32), *parts])

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        text = b"".join(map(self._parts.__getitem__, np.asarray(ids).tolist())).decode("utf-8", errors="replace")
        return re.sub("(?m)^ ", "", text) if self._spec.dummy_prefix else text

    def lines(self, text: str, *, ids: bool = False) -> bytes:
        chunks = self._fast
        if chunks is None:
            return super().lines(text, ids=ids)
        kind = _chunks.NUMBERS if ids else _chunks.PIECES
        names = [str(i) if ids else self._names[i] for i in self._mark.tolist()]
        parts = self._around_marks(self._normalized(text), lambda t: chunks.lines(t, kind), " ".join(names).encode())
        if len(parts) == 1:
            return parts[0]
        return b" ".join(parts).replace(b" \n", b"\n").replace(b"\n ", b"\n")

    def offsets(self, text: str) -> list[tuple[int, int]]:
        if self._exact:
            lengths = np.array([len(self._parts[i]) for i in self.encode(text).tolist()], np.int64)
            return byte_offsets(np.frombuffer(text.encode(), np.uint8), lengths)
        spans, start = [], 0
        for i, line in enumerate(text.split("\n")):
            if i and self.newline_id is not None:
                spans.append((start - 1, start))
            spans += [(start + a, start + b) for a, b in self._offsets_of_line(line)]
            start += len(line) + 1
        return spans

    def _offsets_of_line(self, line: str) -> list[tuple[int, int]]:
        """Return offsets by way of the normalised line, whose characters the library traces back."""
        normal, origins = self._processor.normalize(line, with_offsets=True)
        surfaces = self._processor.encode(line, out_type=str)
        ids = self._processor.encode(line)
        lengths = [1 if i in self._bytes else len(s.encode()) for i, s in zip(ids, surfaces, strict=True)]
        spans = byte_offsets(np.frombuffer(normal.encode(), np.uint8), np.array(lengths, np.int64))
        return [(origins[start], origins[end]) for start, end in spans]

    def symbol(self, id: int) -> str:
        return "<unk>" if id == self._unknown else visible(self._pieces[id].replace(SPACE, " "))

    def stream(self) -> TextStream:
        stream = ByteStream(self._parts)
        return _Unprefixed(stream) if self._spec.dummy_prefix else stream

    def written(self) -> list[bytes]:
        return list(self._parts)

    def tables(self) -> dict[str, Any] | None:
        """Return what another program needs to split texts as this one does; None if it normalises them first."""
        if not self._exact or self.newline_id is None:
            return None
        scores = [self._processor.get_score(i) for i in range(self.size)]
        own = {"pieces": self._pieces, "scores": scores, "bytes": sorted(self._bytes.items())}
        return {**own, "unigram": self._spec.unigram, "unused": self._unknown}

    def header(self) -> dict[str, Any]:
        return {"kind": "sentencepiece", **asdict(self._spec)}

    def arrays(self) -> dict[str, np.ndarray]:
        return {"model": np.frombuffer(self._model, np.uint8)}

    @classmethod
    def restore(cls, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> Tokenizer:
        spec = {key: value for key, value in header.items() if key != "kind"}
        return cls(arrays["model"].tobytes(), _subwords.Spec(**spec))

    def use_one_thread(self) -> None:
        """Encode in one thread, because several processes share the work."""
        if self._fast is not None:
            self._fast.threads = 1

    @cached_property
    def _fast(self) -> _chunks.Chunks | None:
        """The fast encoder, or None if the model's pieces do not allow it."""
        if not (self._spec.spaces_lead and _chunks.is_separable(self._pieces)):
            return None
        plain = self._processor if self._spec.identity else _open(_subwords.without_normalizer(self._model))
        return _chunks.Chunks(
            plain, self._pieces, self._parts, self._names, self.newline_id, self._spec.unigram, self.unk_id is None
        )

    def _encode_plainly(self, text: str) -> np.ndarray:
        end = [] if self.newline_id is None else [self.newline_id]
        lines = self._processor.encode(text.split("\n"))
        return np.array([i for line in lines[:-1] for i in (*line, *end)] + lines[-1], np.int32)

    def _normalized(self, text: str) -> str:
        """Return a text as the library normalises each line, with plain spaces."""
        if self._spec.identity:
            return text
        return "\n".join(self._processor.normalize(text.split("\n"))).replace(SPACE, " ")

    @cached_property
    def _mark(self) -> np.ndarray:
        """The three byte ids of a literal U+2581."""
        by_byte = {byte: id for id, byte in self._bytes.items()}
        return np.array([by_byte[byte] for byte in SPACE.encode()] if self._exact else [], np.int32)

    def _around_marks(self, text: str, work: Callable[[str], T], mark: T) -> list[T]:
        """Return `work` of the parts of a text between its literal U+2581, and `mark` for each of those."""
        if not self._exact or SPACE not in text:
            return [work(text)]
        parts: list[T] = []
        for i, part in enumerate(text.split(SPACE)):
            if i:
                parts.append(mark)
            if part:
                parts.append(work(part))
        return parts


class _Unprefixed(TextStream):
    """A decoder that drops the space that a foreign model puts before each line."""

    def __init__(self, inner: TextStream):
        self._inner, self._opens = inner, True

    def push(self, id: int) -> str:
        return self._strip(self._inner.push(id))

    def finish(self) -> str:
        return self._strip(self._inner.finish())

    def _strip(self, text: str) -> str:
        if not text:
            return text
        kept = text.removeprefix(" ") if self._opens else text
        self._opens = text.endswith("\n")
        return kept


def _open(model: bytes) -> Any:
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_proto=model)  # type: ignore[call-arg]
    if not processor.vocab_size():
        raise ValueError("an empty model")
    return processor
