"""`seqcli eval` on models of pairs: answers against references, and what given targets cost."""

from __future__ import annotations

import json
import math
import os
import pty
from collections.abc import Callable

import pytest
from support.pairs import orders, reversals

from seqcli import artifact


@pytest.fixture
def score(forks, translators) -> Callable[..., str]:
    """`score(*args, input="", model="back")`: stdout of a `seqcli eval` that must succeed and say nothing."""

    def run(*args: object, input: str = "", model: str = "back") -> str:
        done = forks.ok("-q", "eval", "-m", model, *args, cwd=translators, input=input)
        assert done.stderr == ""
        return done.stdout

    return run


@pytest.fixture
def fails(fails_to_translate) -> Callable[..., str]:
    """`fails(*args, status=1)`: stderr of a `seqcli eval` that must fail and print nothing."""

    def run(*args: object, status: int = 1, **more: str) -> str:
        out, err = fails_to_translate(*args, verb="eval", status=status, **more)
        assert out == ""
        return err

    return run


def costs(text: str) -> list[tuple[float, int]]:
    """(nats, tokens) of each line."""
    rows = [line.split("\t") for line in text.split("\n")[:-1]]
    return [(float(a), int(b)) for a, b in rows]


# answers against references


def test_the_test_split_is_the_default(score, translators):
    out = score()
    assert out.startswith("back-test.tsv, beam 5, length penalty 1\n")
    assert score("--split", "test") == out
    stored = artifact.read_header(translators / "runs/back/model.safetensors")["scores"]["test"]
    report = json.loads(score("--json"))
    assert report == {**stored, "text": "back-test.tsv", "model": "runs/back/model.safetensors"}
    for name in (
        "bleu",
        "chrf",
        "exact-match",
        "token-accuracy",
        "edit-distance",
        "word-error-rate",
        "phoneme-error-rate",
    ):
        assert f"  {name:<18}" in out
    assert stored["signature"] in out
    assert "chrf: nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:" in out
    assert score("--split", "valid").startswith("back-valid.tsv, ")


def test_the_figures_are_those_of_the_answers(score, translate):
    """Counted by hand from what `generate` writes."""
    pairs = reversals(40, 44)  # the test split
    answers = translate(input="".join(source + "\n" for source, _ in pairs)).splitlines()
    right = sum(a == target for a, (_, target) in zip(answers, pairs, strict=True))
    report = json.loads(score("--json"))
    assert report["exact-match"] == pytest.approx(right / 40)
    assert report["word-error-rate"] == pytest.approx(1 - right / 40)
    assert report["counts"] == {"pairs": 40}


def test_single_figures(score):
    report = json.loads(score("--json"))
    assert float(score("--metric", "chrf")) == pytest.approx(report["chrf"], rel=1e-5)
    both = score("--metric", "exact-match", "--metric", "edit-distance").split()
    assert [float(x) for x in both] == pytest.approx([report["exact-match"], report["edit-distance"]], rel=1e-5)
    assert "ter" not in report
    only = json.loads(score("--json", "--metric", "ter"))
    assert "ter" in only
    assert not {"bleu", "exact-match"} & only.keys()


def test_how_answers_are_searched(score):
    assert score("--beam", 1).startswith("back-test.tsv, greedy\n")
    wide = score("--beam", 3, "--length-penalty", 0.5)
    assert wide.startswith("back-test.tsv, beam 3, length penalty 0.5\n")
    assert ", beam 3, length penalty 0.5, seqcli" in wide.splitlines()[-3]


def test_how_texts_are_divided(score, tmp_path):
    (tmp_path / "a.tsv").write_text("call karokaro and see mimimimi\tRufe karokaro, und sieh mimimimi\n")
    file = tmp_path / "a.tsv"
    plain, lower, char, none = (
        json.loads(score("--json", *more, file, model="copies"))
        for more in ([], ["--lowercase"], ["--tokenize", "char"], ["--tokenize", "none"])
    )
    assert lower["bleu"] > plain["bleu"]
    assert "tok:13a" in plain["signature"]
    assert "tok:none" in none["signature"]
    assert none["bleu"] != plain["bleu"]
    assert char["bleu"] > plain["bleu"]
    assert "tok:char" in char["signature"]
    assert "case:lc" in lower["signature"]


@pytest.mark.parametrize("ending", ["", "\n"])
def test_files_beside_each_other(score, translators, tmp_path, ending):
    pairs = orders(12, 3)
    (tmp_path / "x.en").write_text("\n".join(a for a, _ in pairs) + ending)
    (tmp_path / "x.de").write_text("\n".join(b for _, b in pairs) + ending)
    out = score("--json", tmp_path / "x.en", model="copies")  # as the training data was read
    assert json.loads(out)["counts"] == {"pairs": 12}
    assert json.loads(out)["exact-match"] > 0.8
    named = score("--json", "--input", "lines", "--source", "en", "--target", "de", tmp_path / "x.en", model="back")
    assert json.loads(named)["counts"] == {"pairs": 12}
    both = score("--json", tmp_path / "x.en", translators / "order-test.en", model="copies")
    assert json.loads(both)["counts"] == {"pairs": 52}


def test_other_formats(score, tmp_path):
    rows = reversals(8, 6)
    (tmp_path / "a.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in rows))
    (tmp_path / "a.csv").write_text("id,target,source\n" + "".join(f"1,{b},{a}\n" for a, b in rows))
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"src": a, "tgt": b}) + "\n" for a, b in rows))
    (tmp_path / "a.scan").write_text("".join(f"IN: {a} OUT: {b}\n" for a, b in rows))
    tsv = json.loads(score("--json", tmp_path / "a.tsv"))
    for file, more in (("a.csv", []), ("a.jsonl", []), ("a.scan", ["--input", "scan"]), ("-", ["--input", "scan"])):
        given = (tmp_path / "a.scan").read_text() if file == "-" else ""
        path = file if file == "-" else tmp_path / file
        found = json.loads(score("--json", *more, path, input=given))
        assert {**found, "text": ""} == {**tsv, "text": ""}, file
    swapped = score("--json", "--source", "2", "--target", "1", tmp_path / "a.tsv")
    assert json.loads(swapped)["signature"] != tsv["signature"]
    semicolons = (tmp_path / "a.tsv").read_text().replace("\t", ";")
    assert (
        json.loads(score("--json", "--input", "csv", "--delimiter", ";", "-", input=semicolons))["signature"]
        == tsv["signature"]
    )


# what given targets cost


@pytest.mark.parametrize("model", ["back", "former", "blunt", "copies", "lacks"])
def test_a_line_a_pair_of_a_split(score, translators, model):
    """The run's own, whatever stands on standard input."""
    found = costs(score("--per-line", "--split", "test", input="ignored\n", model=model))
    assert len(found) == 40
    for nats, tokens in found:
        assert nats > 0
        assert 2 <= tokens <= 6
    if model == "back":
        assert [tokens for _, tokens in found] == [len(target) + 1 for _, target in reversals(40, 44)]
        assert costs(score("--per-line", "--split", "valid")) != found


def test_standard_input_is_read_without_files(score, fails):
    """As of a language model: in the format of the training data, where none is named."""
    text = "abc\tcba\n\nfed\tdef\n"
    found = score("--per-line", input=text)
    assert [tokens for _, tokens in costs(found)] == [4, 0, 4]
    assert found == score("--per-line", "-", input=text)
    assert score("--jsonl", input=text) == score("--per-line", "--jsonl", "-", input=text)
    swapped = score("--per-line", "--source", "2", "--target", "1", input=text)
    assert swapped == score("--per-line", input="cba\tabc\n\ndef\tfed\n") != found
    assert score("--per-line", "--input", "scan", input="IN: abc OUT: cba\n") == found.partition("\n")[0] + "\n"
    assert score("--per-line", input="") == ""
    err = fails("--per-line", input=text, model="copies", status=2)
    assert "standard input has no file beside it" in err
    assert "in one: --input tsv, csv, jsonl or scan" in err


@pytest.mark.parametrize("model", ["back", "former", "copies"])
def test_costs_are_those_of_generate(score, translate, model):
    """What `generate` says of its own answer, and each token of it."""
    sources = [a for a, _ in (orders(70, 9) if model == "copies" else reversals(70, 9))]
    objects = [
        json.loads(x)
        for x in translate("--jsonl", input="".join(s + "\n" for s in sources), model=model).splitlines()
    ]
    text = "".join(f"{o['source']}\t{o['seqcli']['text']}\n" for o in objects)
    plain = costs(score("--per-line", "--input", "tsv", "-", input=text, model=model))
    scored = [
        json.loads(line)
        for line in score("--per-line", "--jsonl", "--input", "tsv", "-", input=text, model=model).splitlines()
    ]
    for o, (nats, tokens), s in zip(objects, plain, scored, strict=True):
        found = o["seqcli"]
        assert found["finished"]
        assert (s["source"], s["target"]) == (o["source"], found["text"])
        assert s["seqcli"] == {"logprob": pytest.approx(found["logprob"], abs=3e-6), "tokens": len(found["tokens"])}
        assert (nats, tokens) == (pytest.approx(-found["logprob"], abs=6e-5), len(found["tokens"]))


def test_each_line_of_files_has_its_line(score, tmp_path):
    """Blank ones too, and pairs with a blank side, which no data set has."""
    (tmp_path / "x.en").write_text("\ufeffabc\n\nfed\n\nabc")
    (tmp_path / "x.de").write_text("cba\n\n\nfed\nabc\n")
    found = costs(score("--per-line", "--input", "lines", "--source", "en", "--target", "de", tmp_path / "x.en"))
    assert [tokens for _, tokens in found] == [4, 0, 1, 4, 4]
    assert found[1][0] == 0
    assert found[0][0] < found[4][0]
    rows = "source\ttarget\nabc\tcba\n\nfed\t\n\tfed\nabc\tabc\n"
    assert costs(score("--per-line", "--input", "tsv", "-", input=rows)) == found
    text = '{"source": "abc", "target": "cba"}\n\n{"source": "fed", "target": ""}\n'
    assert costs(score("--per-line", "--input", "jsonl", "-", input=text)) == found[:3]
    scan = "IN: abc OUT: cba\n\nIN: fed OUT:\n"
    assert costs(score("--per-line", "--input", "scan", "-", input=scan)) == found[:3]
    assert score("--per-line", "--input", "tsv", "-", input="") == ""
    blank = json.loads(score("--per-line", "--jsonl", "--input", "scan", "-", input="\n"))
    assert blank == {"source": "", "target": "", "seqcli": {"logprob": 0.0, "tokens": 0}}


def test_costs_are_those_of_a_distribution(score):
    """Answers of one token at most: longer ones have the rest."""
    rows = "".join(f"a,{target}\n" for target in ["", *"abcdef"])
    found = [math.exp(-nats) for nats, _ in costs(score("--per-line", "--input", "csv", "-", input=rows))]
    assert 0.8 < found[1] < sum(found) < 1.001


def test_no_cost_depends_on_what_is_scored_beside_it(score):
    rows = "".join(f"{a}\t{b}\n" for a, b in reversals(70, 8))
    alone = score("--per-line", "--input", "tsv", "-", input=rows.splitlines(keepends=True)[66])
    assert score("--per-line", "--input", "tsv", "-", input=rows).splitlines()[66] == alone.strip()


def test_costs_come_as_pairs_come(spawn, translators):
    process = spawn("-q", "eval", "-m", "back", "--per-line", "--input", "tsv", "-", cwd=translators)
    for line, tokens in ((b"abc\tcba\n", b"4"), (b"\n", b"0"), (b"f\tf\n", b"2")):
        process.stdin.write(line)
        process.stdin.flush()
        assert process.stdout.readline().endswith(b"\t" + tokens + b"\n")
    out, err = process.communicate(b"ab\tba\nab\n", timeout=60)
    assert out.count(b"\n") == 1
    assert err.startswith(b"error: <stdin>:5:3: the row has 1 column, the first one 2")
    assert process.returncode == 1


def test_a_terminal_is_not_waited_for(spawn, translators):
    master, slave = pty.openpty()
    process = spawn("-q", "eval", "-m", "back", "--per-line", cwd=translators, stdin=slave)
    assert process.stdout.read().count(b"\n") == 40
    assert process.wait(30) == 0
    os.close(master)
    os.close(slave)


@pytest.mark.parametrize("args", [["--beam", 1, "--metric", "exact-match"], ["--per-line"], ["lines", "--per-line"]])
def test_sources_that_are_cut(forks, translators, tmp_path, args):
    rows = [("a" * (600 if i % 2 else 500), "b") for i in range(10)]
    (tmp_path / "x.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in rows))
    for name, side in (("x.en", 0), ("x.de", 1)):
        (tmp_path / name).write_text("".join(row[side] + "\n" for row in rows))
    lines = args[0] == "lines"
    given = ["--input", "lines", "--source", "en", "--target", "de", *args[1:], "x.en"] if lines else [*args, "x.tsv"]
    done = forks.ok("-q", "eval", "-m", translators / "runs/back", *given, cwd=tmp_path)
    said = [f"warning: {given[-1]}:{n}:1: 600 tokens, but only the first 500 are read" for n in (2, 4, 6)]
    assert done.stderr.splitlines() == [*said[:2], f"{said[2]}; further ones are not reported"]


# mistakes


def test_files_that_do_not_fit_together(fails, tmp_path):
    sides = ("--source", "en", "--target", "de", "--input", "lines")
    (tmp_path / "x.en").write_text("abc\nfed\nab\n")
    err = fails(*sides, tmp_path / "x.en")
    assert f"no such file: {tmp_path}/x.de: it should hold the targets of {tmp_path}/x.en" in err
    assert "'en' in the name x.en is replaced by data.target, 'de'" in err
    (tmp_path / "x.de").write_text("cba\ndef\n")
    for more in ([], ["--per-line"]):
        err = fails(*sides, *more, tmp_path / "x.en")
        assert f"{tmp_path}/x.en has 3 lines, {tmp_path}/x.de has 2: each line must have its counterpart" in err
    (tmp_path / "x.en").write_text("")
    assert "has 0 lines" in fails(*sides, "--per-line", tmp_path / "x.en")
    assert "standard input has no file beside it" in fails(*sides, "-", status=2, input="abc\n")


@pytest.mark.parametrize(
    ("args", "text", "message"),
    [
        ([], "abc\tcba\nabc\n", "in.tsv:2:4: the row has 1 column"),
        ([], "", "nothing to score"),
        ([], "\n\n", "nothing to score"),
        (["--input", "jsonl"], '{"source": "a"}\n', "in.tsv:1:1: the object has no 'target'"),
        (["--input", "scan"], "IN: a\n", "in.tsv:1:6: the line has no 'OUT:'"),
    ],
)
def test_mistakes_in_the_data(fails, tmp_path, args, text, message):
    (tmp_path / "in.tsv").write_text(text)
    assert message in fails(*args, tmp_path / "in.tsv")


def test_bytes_that_are_no_text(fails, tmp_path):
    (tmp_path / "in.tsv").write_bytes(b"abc\tcba\nf\xe9\tf\n")
    assert f"{tmp_path}/in.tsv:2:2: byte 0xe9 is not valid UTF-8" in fails(tmp_path / "in.tsv")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--metric", "bleuu"], "did you mean 'bleu'?"),
        (["--metric", "accuracy"], "accuracy cannot be measured with runs/back/model.safetensors\n  hint: available: calibration-error, "),
        (["--metric", "bleu", "--metric", "perplexity", "x.tsv"], "phoneme-error-rate, bleu, chrf, ter\n"),
        (["--input", "tsv"], "--input is about FILES, but there are none: the run's own data is scored"),
        (["--delimiter", ";", "--split", "valid"], "--delimiter is about FILES"),
        (["--per-line", "--split", "test", "--target", "1"], "--target is about FILES"),
        (["--source", "1"], "hint: name files, or - for standard input"),
        (["--tokenize", "13b"], "13b"),
        (["--beam", "0"], "--beam"),
        (["--split", "tset"], "the run has no tset split\n  hint: it has: train, valid, test"),
        (["--split", "test", "back-test.tsv"], "--split names a part of the run's own data"),
        (["--per-line", "--metric", "chrf"], "--per-line scores given targets: it cannot be combined with --metric"),
        (["--per-line", "--json"], "it cannot be combined with --json"),
        (["--jsonl", "--beam", "2"], "it cannot be combined with --beam"),
        (["--per-line", "--tokenize", "none"], "it cannot be combined with --tokenize"),
        (["--input", "tvs", "back-test.tsv"], "--input tvs: not a format of pairs\n  hint: did you mean 'tsv'?"),
        (["--window", "3"], "--window does not apply to runs/back/model.safetensors, a model of the kind seq2seq"),
        (["--label", "x"], "--label does not apply to"),
        (["--tag", "x"], "--tag does not apply to"),
        (["--confusion"], "--confusion does not apply to"),
        (["--threads", "2"], "--threads does not apply to"),
    ],
)  # fmt: skip
def test_wrong_usage(fails, args, message):
    assert message in fails(*args, status=2)


@pytest.mark.parametrize("args", [["--source", "x"], ["--target", "x"], ["--beam", 2], ["--tokenize", "none"], ["--lowercase"], ["--length-penalty", 0]])  # fmt: skip
def test_what_a_language_model_cannot(forks, home, args):
    done = forks("eval", "-m", "tiny", *args, cwd=home)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{args[0]} does not apply to runs/tiny/model.safetensors" in done.stderr
