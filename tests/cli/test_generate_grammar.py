"""Continuations of a language model that an expression matches."""

from __future__ import annotations

import json
import re

import pytest

from seqcli import api
from seqcli.errors import UsageError

GRAMMAR = "(cat|dog|mat) (sat|ran)( on a [a-z]{3})?[.]"
PROMPTS = "the\n\non a cat and\nthe dog\n"


def ok(line: str) -> bool:
    return re.fullmatch(GRAMMAR, line.removeprefix(" ")) is not None


@pytest.mark.parametrize("model", ["tiny", "counted", "bytes", "looking"])
@pytest.mark.parametrize("how", [(), ("--temperature", 0), ("--top-k", 3), ("--top-p", 0.5)], ids=str)
def test_every_continuation_matches(forks, home, model, how):
    args = ("-q", "generate", "-m", model, "--seed", 1, "--grammar", GRAMMAR, *how)
    found = forks.ok(*args, cwd=home, input=PROMPTS).stdout
    assert len(found.splitlines()) == 4
    assert all(map(ok, found.splitlines()))
    one = forks.ok(*args, "--batch-size", 1, cwd=home, input=PROMPTS).stdout
    assert found == one


def test_one_prompt_and_samples(forks, home):
    args = ("-q", "generate", "-m", "tiny", "--grammar", GRAMMAR)
    single = [forks.ok(*args, "--seed", s, "--prompt", "the ", cwd=home).stdout for s in range(4)]
    assert all(ok(text.rstrip("\n")) for text in single)
    assert len(set(single)) > 1
    many = forks.ok(*args, "--seed", 1, "-n", 9, "--prompt", "the ", "--jsonl", cwd=home).stdout
    texts = [json.loads(line)["seqcli"]["text"] for line in many.splitlines()]
    assert len(texts) == 9
    assert all(map(ok, texts))


def test_it_ends_within_its_tokens(forks, home):
    args = ("-q", "generate", "-m", "tiny", "--seed", 1, "--temperature", 2, "--grammar", "[a-z ]*[.]")
    found = forks.ok(*args, "--max-tokens", 5, "-n", 30, "--prompt", "x", cwd=home).stdout.splitlines()
    assert all(re.fullmatch(" ?[a-z ]*[.]", line) and len(line) <= 5 for line in found)
    assert any(len(line) == 5 for line in found)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--grammar", "[A-Z]é"), "the model cannot write a match of '[A-Z]é' with its symbols"),
        (("--grammar", "a{9}", "--max-tokens", 8), "a match of 'a{9}' in 8 tokens"),
        (("--grammar", "a", "--stop", "b"), "--stop cannot be combined with it"),
        (("--grammar", "a", "--next", 2), "--next cannot be combined with it"),
        (("--must", "a"), "--must does not apply to"),
        (("--grammar", "a("), "cannot be read"),
    ],
)
def test_mistakes(forks, home, args, said):
    done = forks("-q", "generate", "-m", "tiny", *args, cwd=home, input="the\n")
    assert done.returncode == 2
    assert done.stdout == ""
    assert said in done.stderr


def test_from_python(home):
    model = api.load(home / "runs/tiny")
    assert ok(model.generate("the ", grammar=GRAMMAR, seed=1).rstrip("\n"))
    with pytest.raises(UsageError, match="cannot write"):
        model.generate("the ", grammar="é")


@pytest.mark.parametrize("tokenizer", ["word", "{kind: sentencepiece, size: 300}"])
def test_words_and_sub_words(forks, place, tokenizer):
    """The space that divides a continuation from its prompt is no part of it."""
    changes = (f"tokenizer={tokenizer}", "train.steps=20")
    forks.ok("train", "tiny.yaml", *(a for c in changes for a in ("--set", c)), cwd=place)
    args = ("-q", "generate", "-m", "tiny", "--seed", 1, "--grammar", "(cat|dog)( (sat|ran))+")
    found = forks.ok(*args, "--max-tokens", 12, cwd=place, input="the\n\na dog and the\n").stdout.splitlines()
    assert len(found) == 3
    assert all(re.fullmatch(" ?(cat|dog)( (sat|ran))+", line) for line in found)
    one = forks.ok(*args, "--max-tokens", 12, "--prompt", "the", cwd=place).stdout
    assert re.fullmatch(" ?(cat|dog)( (sat|ran))+\n?", one)
