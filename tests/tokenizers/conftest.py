"""Real text that every machine has, and tokenizers learned from it once."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

from seqcli import registry
from seqcli.tokenizers import BaseTokenizer

# what a tokenizer trips over: its own marks, the library's, controls, other spaces, marks alone, astral characters
HARD = (
    "The cat  sat.\tOn\r\nthe mat\n\n  indented\n▁▁ ▁a\\n\\\\ \\u2581 <unk> <eos> <0xE2> <s> </s> "
    "\x00\x01\x1f\x7f\x85 é e\u0301 \u0301alone 𝄞 👩\u200d👩\u200d👧 שלום مرحبا \u200bzero \ufeffbom "
    "\u2028ls \u3000wide \uf8ffunk \u2585 ⁇ \x1c日本語 end"
)


NUMBERS = "0.5 1e-3\t-7 +2. 8\r\n\n.25  3.75\u30001e2 \n-0.125 17 " + " ".join(f"{i % 29 - 7.5}" for i in range(3000))


@pytest.fixture(scope="session")
def hard() -> str:
    return HARD


@pytest.fixture(scope="session")
def numbers() -> str:
    return NUMBERS


@pytest.fixture(scope="session")
def source_text() -> str:
    return _source_text()


@cache
def _source_text() -> str:
    """600,000 characters of Python's own library: code, prose, rulers, tables."""
    text = ""
    for file in sorted(Path(os.__file__).parent.glob("*.py")):
        text += file.read_text(encoding="utf-8", errors="replace")
    return text[:600_000]


@pytest.fixture(scope="session")
def learn():
    """`learn(kind, **settings)`: a tokenizer of 300,000 characters of source text and all of `hard`."""
    known: dict[str, BaseTokenizer] = {}

    def learned(kind: str, **settings: object) -> BaseTokenizer:
        key = f"{kind} {settings}"
        if key not in known:
            module = registry.load("tokenizers", kind)
            texts = [NUMBERS] if kind == "bins" else [_source_text()[:300_000], HARD]
            known[key] = module.Tokenizer.learn(texts, module.Config(**settings))
        return known[key]

    return learned


@pytest.fixture(params=["unigram", "bpe"], scope="session")
def subwords(request: pytest.FixtureRequest, learn) -> BaseTokenizer:
    """A learned SentencePiece tokenizer of either type."""
    return learn("sentencepiece", model_type=request.param, size=1500)
