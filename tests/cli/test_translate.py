"""`seqcli generate` with a model of pairs as a filter: an answer for each line, the same bytes however it is run."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.examples import examples
from support.hostile import AWKWARD
from support.pairs import orders, reversals

from seqcli import console
from seqcli.cli import app

MODELS = ("back", "former", "blunt", "copies", "lacks")
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\n")
LINES = st.lists(st.one_of(st.sampled_from(AWKWARD), st.text(CHARACTERS, max_size=12)), min_size=1, max_size=20)
FEW = {"suppress_health_check": [HealthCheck.function_scoped_fixture], "deadline": None}


@pytest.fixture
def here(translators, monkeypatch, tmp_path) -> Callable[..., bytes]:
    """`here(text, *args, model="back")`: stdout of `seqcli generate` on a file with this text, in this process."""
    monkeypatch.chdir(translators)
    monkeypatch.setattr(console, "verbosity", 0)  # which -q would leave changed

    def run(text: str, *args: object, model: str = "back") -> bytes:
        file = tmp_path / "input"
        file.write_bytes(text.encode())
        out, before = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), sys.stdout
        sys.stdout = out
        try:
            assert app.run(["-q", "generate", "-m", model, *map(str, args), str(file)]) == 0
        finally:
            sys.stdout = before
        return out.buffer.getvalue()  # type: ignore[attr-defined]

    return run


# as many out as in


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=examples(5), **FEW)
@given(lines=LINES, ended=st.booleans())
def test_every_line_is_answered_whatever_it_holds(here, model, lines, ended):
    text = "\n".join(lines) + "\n" * (ended or lines[-1] == "")
    plain = [line.removesuffix("\r") for line in lines]
    plain[0] = plain[0].removeprefix("\ufeff")
    objects = [json.loads(line) for line in here(text, "--jsonl", model=model).decode().split("\n")[:-1]]
    assert [o["source"] for o in objects] == plain
    answers = here(text, model=model).decode().split("\n")
    assert answers.pop() == ""
    assert answers == [o["seqcli"]["text"] for o in objects]
    for line, o in zip(plain, objects, strict=True):
        result = o["seqcli"]
        assert list(result) == ["text", "confidence", "logprob", "score", "finished", "tokens"]
        assert sum(t["logprob"] for t in result["tokens"]) == pytest.approx(result["logprob"], abs=2e-5)
        if not line.strip():
            assert result == {
                "text": "", "confidence": 1.0, "logprob": 0.0, "score": 0.0, "finished": True, "tokens": [],
            }  # fmt: skip
        else:
            assert (result["tokens"][-1]["text"] == "<eos>") == result["finished"]
            assert "<unk>" not in [t["text"] for t in result["tokens"] if t["text"] not in line]


def test_answers_are_right(translate):
    pairs = reversals(60, 5)
    answers = translate(input="".join(source + "\n" for source, _ in pairs)).splitlines()
    assert sum(a == target for a, (_, target) in zip(answers, pairs, strict=True)) >= 50
    pairs = orders(30, 5)  # names that training never showed
    sources = "".join(source + "\n" for source, _ in pairs)
    assert (
        sum(a == t for a, (_, t) in zip(translate(input=sources, model="copies").splitlines(), pairs, strict=True))
        >= 25
    )


def test_the_shapes_of_lines(translate):
    """Line ends, marks, blank lines, what is unknown: each line has its answer, which ends with a plain newline."""
    cba, f = translate(input="abc\nf\n").splitlines()
    assert (cba, f) == ("cba", "f")
    assert translate(input="abc\r\nf\r\n") == "cba\nf\n"
    assert translate(input="\ufeffabc\nf") == "cba\nf\n"
    assert translate(input="\n \t\n\nabc\n\n") == "\n\n\ncba\n\n"
    assert translate(input="") == ""
    assert translate(input="\n") == "\n"
    odd = translate(input="a\x00c\naüc\na🙂c\n").splitlines()
    assert len(odd) == 3
    assert len(set(odd)) == 1  # all that is not known is the same


def test_several_files_are_one_stream(translate, tmp_path):
    for name, text in (("a", "abc"), ("b", ""), ("c", "\nde\n")):
        (tmp_path / name).write_text(text)
    assert translate(*(tmp_path / name for name in "abc")) == "cba\n\ned\n"
    assert translate(tmp_path / "a", "-", input="de") == "cba\ned\n"


# the same bytes


# what is long


def test_a_source_beyond_the_longest_is_read_so_far_and_told(forks, translators, tmp_path):
    """`data.longest` tokens are read, each of the first three such sources is told, one answer comes for each."""
    long = "ab" * 5000
    (tmp_path / "in").write_text(f"abc\n{long}\nfed\n{long}\n" + f"{long}\n" * 3)
    done = forks("generate", "-m", "back", "--beam", 1, "--max-tokens", 5, tmp_path / "in", cwd=translators)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert len(lines) == 7
    assert (lines[0], lines[2]) == ("cba", "def")
    assert len({lines[n] for n in (1, 3, 4, 5, 6)}) == 1
    told = done.stderr.splitlines()
    assert told[0] == f"warning: {tmp_path}/in:2:1: 10,000 tokens, but only the first 500 are read"
    assert told[1].startswith(f"warning: {tmp_path}/in:4:1: ")
    assert told[2].endswith("; further ones are not reported")
    assert len(told) == 3
    cut = forks.ok("generate", "-m", "back", "--beam", 1, "--max-tokens", 5, cwd=translators, input=long[:500])
    assert cut.stdout.strip() == lines[1]
    assert cut.stderr == ""


def test_an_answer_has_its_limit(translate):
    """So many times the source's tokens, and 10; or --max-tokens, EOS counted."""
    for line in translate("--jsonl", "--min-length", 40, input="a\nabcde\n").splitlines():
        found = json.loads(line)["seqcli"]  # which --min-length lifts
        assert len(found["text"]) in (40, 41)
        assert len(found["tokens"]) == 41
    for most in (0, 1, 2, 3, 4):  # a beam prefers what it can finish
        found = json.loads(translate("--jsonl", "--beam", 1, "--max-tokens", most, input="abc\n"))["seqcli"]
        assert found["text"] == "cba"[:most]
        assert found["finished"] == (most == 4)


def test_the_newest_run_is_taken_and_said(forks, translators):
    done = forks.ok("generate", cwd=translators, input="call karokaro\n")
    assert done.stderr.splitlines() == [
        "using runs/lacks/model.safetensors",
        "there is no symbol for 'karokaro' (1 time in 1 record): answered all the same; --unknown strict stops at them",
    ]
    assert done.stdout.startswith("rufe ")
