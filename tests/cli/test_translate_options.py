"""What `seqcli generate` can be asked of a model of pairs, and what it reads."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from seqcli import api, artifact
from seqcli.confidence import probability


def objects(text: str) -> list[dict]:
    """What stands under `seqcli` in each line."""
    return [json.loads(line)["seqcli"] for line in text.splitlines()]


# beams


def test_n_best_are_the_first_of_a_beam(translate):
    text = "abc\n\nfed\n"
    five = [line.split("\t") for line in translate("--beam", 5, "--n-best", 5, input=text).split("\n")[:-1]]
    assert five[1] == [""] * 5
    assert [row[0] for row in five] == translate(input=text).splitlines()
    assert translate("--n-best", 3, input=text) == "".join("\t".join(row[:3]) + "\n" for row in five)
    assert translate("--n-best", 7, input="abc\n").count("\t") == 6  # a wider beam than the recipe's 5
    for row, found in zip(five, objects(translate("--n-best", 5, "--jsonl", input=text)), strict=True):
        assert list(found) == ["text", "confidence", "logprob", "score", "finished", "tokens", "answers"]
        assert [a["text"] for a in found["answers"]] == row
        assert found["answers"][0] == {k: v for k, v in found.items() if k != "answers"}
        scores = [a["score"] for a in found["answers"]]
        assert scores == sorted(scores, reverse=True)
        assert len(set(row)) == 5 or row == five[1]


def test_scores_are_those_of_the_penalty(translate, translators):
    for penalty in (0, 0.7, 1, 2):
        for found in objects(translate("--length-penalty", penalty, "--jsonl", input="abc\nf\nbadc\n")):
            count = len(found["tokens"])
            assert found["score"] == pytest.approx(found["logprob"] / ((5 + count) / 6) ** penalty, abs=2e-6)
    found = objects(translate("--coverage-penalty", 0.5, "--beam", 3, "--jsonl", input="abc\n"))[0]
    _, tokens, weights = api.load(translators / "runs/back").attention("abc", coverage_penalty=0.5, beam=3)
    covered = np.log(np.minimum(weights.sum(0), 1)).sum()
    assert found["score"] == pytest.approx(found["logprob"] / ((5 + len(tokens)) / 6) + 0.5 * covered, abs=1e-4)


def test_greedy_is_a_beam_of_one(translate):
    text = "abc\nfedcb\nzz\n"
    one = translate("--beam", 1, "--jsonl", input=text)
    assert translate("--temperature", 0, "--jsonl", input=text) == one
    assert translate("--temperature", 0, "--n-best", 2, input=text) == translate(
        "--beam", 2, "--n-best", 2, input=text
    )


def test_constraints(translate):
    assert translate("--beam", 1, "--min-length", 6, input="abc\n")[:3] == "cba"
    assert len(translate("--beam", 1, "--min-length", 6, "--max-tokens", 9, input="abc\n").strip()) >= 6
    repeated = translate("--beam", 1, "--min-length", 40, "--max-tokens", 40, input="abcab\n").strip()
    assert len(repeated) == 40
    assert len({repeated[i : i + 2] for i in range(39)}) < 39
    once = translate("--beam", 1, "--min-length", 30, "--max-tokens", 30, "--no-repeat", 2, input="abcab\n").strip()
    assert len(once) > 5
    assert len({once[i : i + 2] for i in range(len(once) - 1)}) == len(once) - 1


def test_drawn_answers(translate):
    args = ("--temperature", 3, "-n", 4, "--seed", 7)
    text = "abc\n\nfed\nabc\n"
    drawn = translate(*args, input=text)
    rows = [line.split("\t") for line in drawn.split("\n")[:-1]]
    assert [len(row) for row in rows] == [4, 4, 4, 4]
    assert rows[1] == [""] * 4
    assert len({cell for row in rows for cell in row}) > 8
    assert rows[0] != rows[3]  # each line has its own stream of random numbers
    for size in (1, 3):
        assert translate(*args, "--batch-size", size, input=text) == drawn
    assert translate("--temperature", 3, "--seed", 7, input="abc\n") == rows[0][0] + "\n"
    assert translate(*args[:-1], 8, input=text) != drawn
    assert translate("--top-k", 1, input=text) == translate("--beam", 1, input=text)
    assert translate("--top-p", 1e-9, input=text) == translate("--beam", 1, input=text)
    found = objects(translate(*args, "--jsonl", input=text))
    assert [[a["text"] for a in o["answers"]] for o in found] == rows
    assert all(a["score"] == a["logprob"] for o in found for a in o["answers"])


def test_a_seed_that_is_drawn_is_said(forks, translators):
    done = forks.ok("generate", "-m", "back", "--temperature", 2, cwd=translators, input="abc\nfed\n")
    word, seed = done.stderr.split()
    assert word == "seed"
    again = forks.ok(
        "generate", "-m", "back", "--temperature", 2, "--seed", seed, cwd=translators, input="abc\nfed\n"
    )
    assert again.stdout == done.stdout
    assert again.stderr == ""


# attention


def test_attention_and_alignment(translate):
    """Weights of a row add up to one; the reversing model looks from the last to the first."""
    found = objects(translate("--jsonl", "--attention", "--alignment", input="abc\n\n"))
    weights = np.array(found[0]["attention"])
    assert found[0]["source_tokens"] == ["a", "b", "c", "<eos>"]
    assert weights.shape == (4, 4)
    assert weights.sum(1) == pytest.approx(np.ones(4), abs=3e-4)
    assert found[0]["alignment"] == "2-0 1-1 0-2"
    assert (found[1]["attention"], found[1]["source_tokens"], found[1]["alignment"]) == ([], [], "")
    assert translate("--alignment", input="abc\n\n") == "cba\t2-0 1-1 0-2\n\t\n"
    cells = translate("--alignment", "--n-best", 2, input="abc\n").strip("\n").split("\t")
    assert cells[:2] == ["cba", "2-0 1-1 0-2"]
    assert len(cells) == 4
    text, pairs = (
        translate("--alignment", input="call karokaro and see mimimimi\n", model="copies").strip().split("\t")
    )
    assert text == "rufe karokaro und sieh mimimimi"
    assert {"1-1", "4-4"} <= set(pairs.split())  # what is copied was looked at
    assert objects(translate("--jsonl", "--attention", input="abc\n", model="former"))[0]["attention"]


def test_pictures(translate, tmp_path):
    pytest.importorskip("matplotlib")
    for ending, mark in ((".png", b"\x89PNG"), (".svg", b"<?xml")):
        file = tmp_path / f"x{ending}"
        assert translate("--draw", file, input="\nabc\nf\n") == "\ncba\nf\n"
        assert file.read_bytes().startswith(mark)
    assert translate("--draw", tmp_path / "y.pdf", "--prompt", "call karo", model="copies") == "rufe karo\n"
    assert (tmp_path / "y.pdf").read_bytes().startswith(b"%PDF")


def test_a_picture_of_nothing_is_not_written(forks, translators, tmp_path):
    pytest.importorskip("matplotlib")
    done = forks.ok("generate", "-m", "back", "--draw", tmp_path / "x.png", cwd=translators, input="\n\n")
    assert done.stdout == "\n\n"
    assert done.stderr == f"warning: {tmp_path}/x.png is not written: no source had an answer\n"
    assert not (tmp_path / "x.png").exists()


# unknown words, prefixes, ensembles


def test_unknown_words(translate):
    text = "call karokalu\nsee the\n"
    assert translate(input=text, model="copies").splitlines()[0] == "rufe karokalu"
    plain = translate(input=text, model="lacks").splitlines()
    assert plain[0].startswith("rufe ")
    assert "karokalu" not in plain[0]
    assert "<unk>" not in plain[0]
    assert translate("--replace-unknown", input=text, model="lacks").splitlines()[0] == "rufe karokalu"
    found = objects(translate("--replace-unknown", "--jsonl", input=text, model="lacks"))[0]
    assert [t["text"] for t in found["tokens"]] == ["rufe", "karokalu", "<eos>"]
    assert translate("--replace-unknown", input="abc\n") == "cba\n"  # a model that lacks nothing


def test_prefixes_are_forced(translate):
    rows = "source\tbegin\nabc\tf\nabc\t\nfed\td\n\ta\nabc\t\n"
    out = translate("--input", "tsv", "--prefix", "begin", input=rows).splitlines()
    assert out[0] == "source\tbegin\tanswer"
    cells = [line.split("\t") for line in out[1:]]
    assert [len(row) for row in cells] == [3] * 5
    assert [row[2][:1] for row in cells] == ["f", "c", "d", "a", "c"]
    assert cells[2][2] == "def"
    text = '{"source": "abc", "begin": "fee"}\n{"source": "abc", "begin": null}\n{"source": "abc"}\n'
    found = objects(translate("--input", "jsonl", "--prefix", "begin", input=text))
    assert [o["text"][:3] for o in found[1:]] == ["cba", "cba"]
    assert found[0]["text"].startswith("fee")
    assert sum(t["logprob"] for t in found[0]["tokens"]) == pytest.approx(found[0]["logprob"], abs=1e-5)
    drawn = translate("--input", "tsv", "--prefix", "begin", "--temperature", 2, "--seed", 1, input=rows)
    begun = [line.split("\t")[2][:1] for line in drawn.splitlines()[1:]]
    assert (begun[0], begun[2], begun[3]) == ("f", "d", "a")


def test_an_ensemble_of_the_same_is_itself(translate):
    text = "abc\n\nfedcb\n"
    alone = translate(input=text)
    assert translate("--ensemble", "back", input=text) == alone
    assert translate("--ensemble", "back", "--ensemble", "runs/back/model.safetensors", input=text) == alone
    together, own = (objects(translate(*more, "--jsonl", input=text)) for more in (["--ensemble", "back"], []))
    for a, b in zip(together, own, strict=True):
        assert a["text"] == b["text"]
        assert a["logprob"] == pytest.approx(b["logprob"], abs=1e-5)
    assert translate("--ensemble", "former", input=text) != translate(input=text, model="former")  # other kinds go


# formats


def test_objects_come_back_with_their_fields_untouched(translate):
    body = '  {"n": 1.50, "big": 123456789012345678901234567890, "e": 1E+2, "body": "a\\u0062c", "k":  [1,  2]'
    blank = " \t"
    first, second, third = translate("--field", "body", input=f"\ufeff{body} }} \r\n{blank}\r\n{body}}}").split("\n")
    assert first.startswith(f'\ufeff{body} , "seqcli": {{"text": "cba"')
    assert first.endswith("}}\r")
    assert second == f"{blank}\r"
    assert third.startswith(f'{body}, "seqcli": {{"text": "cba"')
    assert translate("--input", "jsonl", "--source", "body", input=f"{body}}}") == third
    assert json.loads(third)["seqcli"] == objects(translate("--jsonl", input="abc\n"))[0]
    assert (
        objects(translate("--input", "jsonl", input='{"src": "abc"}\n{"seqcli": 1, "src": "f"}\n'))[1]["text"] == "f"
    )


def test_rows_come_back_with_one_more_column(translate):
    text = '\ufeffid,"source",target\r\n1,abc,x\r\n2,"f,""\ne",y\r\n\r\n3,f,\r\n'
    out = translate("--input", "csv", input=text)
    parsed = list(csv.reader(io.StringIO(out.removeprefix("\ufeff"), newline="")))
    assert parsed[0] == ["id", "source", "target", "answer"]
    assert parsed[1] == ["1", "abc", "x", "cba"]
    assert parsed[3] == ["", "", "", ""]
    assert parsed[4] == ["3", "f", "", "f"]
    assert out.startswith('\ufeffid,"source",target,answer\r\n1,abc,x,cba\r\n2,"f,""\ne",y,')
    assert translate("--input", "tsv", input='abc\tx\n"f\t"\n').splitlines()[0] == "abc\tx\tcba"
    for more in (["--source", "2"], ["--source", "body", "--header"]):
        head = "id;body;z\n" if "--header" in more else ""
        out = translate("--input", "csv", "--delimiter", ";", *more, input=f"{head}7;abc;z\n")
        assert out == head.replace("\n", ";answer\n") + "7;abc;z;cba\n"
    assert translate("--input", "csv", "--no-header", input="source,target\n").startswith("source,target,")
    assert translate("--input", "csv", input="source,target\n") == "source,target,answer\n"
    assert translate("--input", "csv", input="") == ""


def test_scan_and_lines_are_read_alike(translate):
    assert translate("--input", "scan", input="IN: abc OUT: x\nIN: f\n\nfed\n") == "cba\nf\n\ndef\n"
    found = json.loads(translate("--input", "scan", "--jsonl", input="IN: abc OUT: x\n"))
    assert found["source"] == "abc"


def test_a_prompt(forks, translate, translators):
    assert translate("--prompt", "abc", input="ignored\n") == "cba\n"
    assert objects(translate("--prompt", "abc", "--jsonl"))[0] == objects(translate("--jsonl", input="abc\n"))[0]
    assert translate("--prompt", "") == "\n"
    assert translate("--prompt", "abc", "--n-best", 2).startswith("cba\t")
    long = forks.ok("generate", "-m", "back", "--beam", 1, "--max-tokens", 2, "--prompt", "a" * 501, cwd=translators)
    assert long.stderr.startswith("warning: --prompt:1:1: 501 tokens, but only the first 500 are read")


def test_confidence_is_the_probability_that_an_answer_is_right(translate, translators):
    """A column of lines, a member of objects; fitted on valid by the run: its header has the weights."""
    text = "abc\nfed\n"
    rows = [line.split("\t") for line in translate("--confidence", input=text).splitlines()]
    found = objects(translate("--jsonl", input=text))
    weights = artifact.read_header(translators / "runs/back/model.safetensors")["decoding"]["confidence"]
    for (answer, p), one in zip(rows, found, strict=True):
        assert answer == one["text"]
        assert float(p) == round(one["confidence"], 4)
        expected = probability(weights, one["logprob"], len(one["tokens"]))
        assert one["confidence"] == pytest.approx(expected, abs=2e-6)


def test_answers_that_are_not_sure_enough_are_left_away(translate):
    text = "abc\nfedcba\nzzzz\n"
    found = objects(translate("--jsonl", input=text))
    least = sorted(one["confidence"] for one in found)[1]
    kept = [one["text"] if one["confidence"] >= least - 1e-6 else "?" for one in found]
    args = ("--min-confidence", least - 1e-6, "--else", "?")
    assert translate(*args, input=text).splitlines() == kept
    assert kept.count("?") == 1
    left = objects(translate(*args, "--jsonl", input=text))
    assert [one["text"] for one in left] == [None if k == "?" else k for k in kept]
