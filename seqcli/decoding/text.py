"""Generated tokens as text: whole characters only, ended by stop texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from seqcli.decoding.sampling import Token
from seqcli.tokenizers import BaseTokenizer


def until_stop(pieces: Iterable[str], stops: Sequence[str]) -> Iterator[str]:
    """Text up to the stop text that is complete first (of several, the longest), which is left out.

    What could be the beginning of one is held back. Where the pieces are cut changes nothing. An empty stop text ends
    the text before it begins.
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


def stream_text(
    tokens: Iterable[Token], tokenizer: BaseTokenizer, prompt: np.ndarray, collected: list[Token] | None = None
) -> Iterator[str]:
    """The text of tokens as they come, joined to their prompt's ids (T,); each token is appended to `collected`."""
    decoder = tokenizer.stream()
    for id in prompt.tolist():  # a word after a word begins with a space
        decoder.push(id)
    for token in tokens:
        if collected is not None:
            collected.append(token)
        if text := decoder.push(token.id):
            yield text
    if text := decoder.finish():
        yield text
