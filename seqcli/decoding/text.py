"""Generated tokens as text: whole characters only, ended by stop texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from seqcli.decoding.sampling import Token
from seqcli.tokenizers import BaseTokenizer, TextStream


def until_stop(pieces: Iterable[str], stops: Sequence[str]) -> Iterator[str]:
    """Yield text up to, and without, the stop text that is complete first (of several, the longest).

    What could be the beginning of a stop text is held back. How the text is cut into pieces does not matter. An empty
    stop text ends the text before it begins.
    """
    longest = max((len(s) for s in stops), default=0)
    held = ""
    for piece in pieces:
        held += piece
        found = [(at + len(s), at) for s in stops if (at := held.find(s)) >= 0]
        if found:
            yield held[: min(found)[1]]
            return
        safe = len(held) - longest + 1 if longest else len(held)
        if safe > 0:
            yield held[:safe]
            held = held[safe:]
    yield held


class Written:
    """The text of a continuation whose tokens come one by one, joined to its prompt's ids (T,)."""

    def __init__(self, tokenizer: BaseTokenizer, prompt: np.ndarray, stops: Sequence[str]):
        self._decoder, self._stops, self._pieces = _behind(tokenizer, prompt), stops, [""]
        self._kept, self._held = max((len(s) for s in stops), default=0) - 1, ""  # a possible start of a stop text

    def push(self, id: int) -> bool:
        """Take a token, and return whether no stop text is complete yet."""
        self._pieces.append(piece := self._decoder.push(id))
        held = self._held + piece
        self._held = held[-self._kept :] if self._kept > 0 else ""
        return not any(stop in held for stop in self._stops)

    @property
    def text(self) -> str:
        """The text so far, up to a stop text."""
        return "".join(until_stop([*self._pieces, self._decoder.finish()], self._stops))


def _behind(tokenizer: BaseTokenizer, prompt: np.ndarray) -> TextStream:
    """Return a decoder for the ids after a prompt: a word after a word begins with a space."""
    decoder = tokenizer.stream()
    for id in prompt.tolist():
        decoder.push(id)
    decoder.settle()
    return decoder


def stream_text(
    tokens: Iterable[Token], tokenizer: BaseTokenizer, prompt: np.ndarray, collected: list[Token] | None = None
) -> Iterator[str]:
    """Yield the text of tokens as they come, joined to the prompt's ids (T,); append each token to `collected`."""

    decoder = _behind(tokenizer, prompt)
    for token in tokens:
        if collected is not None:
            collected.append(token)
        if text := decoder.push(token.id):
            yield text
    if text := decoder.finish():
        yield text
