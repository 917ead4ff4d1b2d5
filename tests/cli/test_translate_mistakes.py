"""What `seqcli generate` says of mistakes with a model of pairs: in the input, and in its use."""

from __future__ import annotations

import re
import shutil

import pytest

from seqcli.cli import _reading, eval


@pytest.mark.parametrize(
    ("args", "text", "place", "message", "before"),
    [
        (["--input", "jsonl"], '{"source": "a"}\n\n{"source": "b"}\n{"source" 1}\n', "4:11", "not a JSON object", 3),
        (["--field", "body"], '{"body": "a"}\n{"body": [1]}\n', "2:10", "'body' holds [1], not a text", 1),
        (["--field", "body"], '{"bdy": "a"}\n', "1:1", "has no 'body'\n  hint: did you mean 'bdy'?", 0),
        (["--input", "csv"], 'source,target\na,x\n"b,y\nc\n', "3:1", "the quote that opens here is never closed", 2),
        (["--input", "tsv", "--source", "sourse"], "id\tsource\n", "1:1", "'sourse'\n  hint: did you mean 'source'?", 0),
        (["--input", "tsv", "--source", "source", "--prefix", "x"], "id\tsource\nx\tb\n", "1:1", "'x'", 0),
        (["--input", "csv"], "1,2,3,4\n", "1:1", "which column has the source?", 0),
    ],
)  # fmt: skip
def test_mistakes_in_the_input(fails_to_translate, tmp_path, args, text, place, message, before):
    (tmp_path / "in").write_text(text)
    out, err = fails_to_translate(*args, tmp_path / "in", status=1)
    assert err.startswith(f"error: {tmp_path}/in:{place}: ")
    assert message in err
    assert out.count("\n") == before
    assert fails_to_translate(*args, input=text, status=1) == (out, err.replace(f"{tmp_path}/in", "<stdin>"))


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--input", "txet"], "unknown format 'txet' in --input\n  hint: did you mean 'text'?"),
        (["--field", "x", "--input", "csv"], "--field names a key of JSON objects, but csv is read\n  hint: --source names a column"),
        (["--field", "x", "--input", "scan"], "--field names a key of JSON objects, but scan is read\n  hint: add --input jsonl"),
        (["--field", "x", "--source", "x"], "--field and --source both say where the source is: give one"),
        (["--source", "x"], "--source is for tsv, csv, jsonl, but text is read\n  hint: add --input tsv or csv or jsonl"),
        (["--prefix", "x", "--input", "scan"], "--prefix is for tsv, csv, jsonl, but scan is read"),
        (["--delimiter", ","], "--delimiter is for tsv, csv, but text is read"),
        (["--no-header"], "--header is for tsv, csv, but text is read"),
        (["--n-best", "2", "--input", "csv"], "--n-best: csv comes back with one more column, the best answer\n  hint: "),
        (["--alignment", "--input", "tsv"], "--alignment: tsv comes back with one more column"),
        (["--temperature", "1", "-n", "2", "--input", "tsv"], "--samples: tsv comes back with one more column"),
        (["--jsonl", "--input", "csv"], "--jsonl writes JSON objects, but csv comes back with one more column"),
        (["--attention"], "--attention needs --jsonl\n  hint: --alignment writes pairs, --draw FILE a picture"),
        (["--beam", "2", "--n-best", "3"], "--n-best 3 asks for more than a beam of 2 finds\n  hint: use --beam 3 or more"),
        (["--beam", "0"], "--beam"),
        (["--length-penalty", "-1"], "--length-penalty"),
        (["-n", "2"], "--samples is for sampled answers\n  hint: add --temperature 1, or use --n-best"),
        (["--repetition-penalty", "2"], "--repetition-penalty is for sampled answers\n  hint: add --temperature 1, or use --no-repeat"),
        (["--temperature", "1", "--beam", "2"], "--beam is for searched answers"),
        (["--top-k", "3", "--length-penalty", "1"], "--length-penalty is for searched answers"),
        (["--temperature", "-1"], "temperature"),
        (["--prompt", "abc", "in.txt"], "--prompt is the only prompt: FILES cannot be combined"),
        (["--prompt", "abc", "--field", "x"], "--prompt is the only prompt: --field cannot be combined"),
        (["--draw", "x.gif"], "x.gif: not the name of a picture"),
        (["--ensemble", "bakc"], "no such model: bakc\n  hint: did you mean 'back'?"),
        (["--ensemble", "copies"], "have different tokenizers of the source side\n  hint: an ensemble needs models trained on the same data"),
        (["--stop", "a"], "--stop does not apply to runs/back/model.safetensors, a model of the kind seq2seq"),
        (["--next", "3"], "--next does not apply to"),
        (["--echo"], "--echo does not apply to"),
        (["--device", "cuda"], "--device does not apply to"),
    ],
)  # fmt: skip
def test_wrong_usage(fails_to_translate, args, message):
    out, err = fails_to_translate(*args, input="abc\n")
    assert message in err
    assert out == ""


@pytest.mark.parametrize(
    "args",
    [
        *(["--beam", 2], ["--n-best", 2], ["--length-penalty", 0], ["--coverage-penalty", 1], ["--no-repeat", 2], ["--min-length", 2]),
        *(["--ensemble", "x"], ["--replace-unknown"], ["--prefix", "x"], ["--attention"], ["--alignment"], ["--draw", "x.png"]),
        *(["--coverage-penalty", 0], ["--n-best", 1]),  # given, though it is what it would be
    ],
    ids=lambda args: args[0],
)  # fmt: skip
def test_what_a_language_model_cannot(forks, home, args):
    done = forks("generate", "-m", "tiny", *args, cwd=home, input="the\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        f"{args[0]} does not apply to runs/tiny/model.safetensors, a model of the kind language-model" in done.stderr
    )


@pytest.mark.parametrize(
    "args", [["--jsonl", "--attention"], ["--alignment"], ["--draw", "x.png"], ["--replace-unknown"], ["--coverage-penalty", 1]]
)  # fmt: skip
def test_a_model_without_attention(fails_to_translate, args):
    out, err = fails_to_translate(*args, input="abc\n", model="blunt")
    assert "attention" in err
    assert "\n  hint: " in err
    assert out == ""


def test_what_does_not_go_into_an_ensemble(fails_to_translate, translators, home, tmp_path):
    assert (
        "a model that copies cannot be part of an ensemble"
        in fails_to_translate("--ensemble", "copies", model="copies")[1]
    )
    shutil.copytree(home / "runs" / "tiny", tmp_path / "tiny")
    err = fails_to_translate("--ensemble", tmp_path / "tiny")[1]
    assert f"--ensemble: {tmp_path}/tiny/model.safetensors is a model for language-model" in err


@pytest.mark.parametrize("flag", ["--attention", "--alignment", "--draw", "--replace-unknown", "--coverage-penalty"])
@pytest.mark.parametrize("models", [("back", "blunt"), ("blunt", "back")])
def test_which_model_of_an_ensemble_lacks_attention(fails_to_translate, models, flag):
    given = {"--attention": ["--jsonl"], "--draw": ["x.png"], "--coverage-penalty": [1]}.get(flag, [])
    out, err = fails_to_translate("--ensemble", models[1], flag, *given, model=models[0], input="abc\n")
    assert out == ""
    assert f"{flag} needs a model with attention, and runs/blunt/model.safetensors has none\n" in err
    assert "  hint: leave it out of the ensemble, or train one with model.attention: general" in err


def test_no_model(forks, tmp_path):
    done = forks("generate", cwd=tmp_path, input="abc\n")
    assert done.returncode == 2
    assert "there is no model in ./runs for `generate`" in done.stderr
    assert "train one: seqcli train charlm or seqcli train dates" in done.stderr


def test_help_has_a_heading_for_what_serves_one_kind_of_model(forks, tmp_path):
    said = forks("generate", "--help", cwd=tmp_path).stdout
    headings = re.findall(r"^(\w[\w ]*):$", said, re.MULTILINE)
    assert headings[:3] == ["Arguments", "Input", "Output"]
    assert {"Sampling", "Language models", "Sequence to sequence", "Running"} < set(headings)
    assert said.index("Sequence to sequence:") < said.index("--beam") < said.index("Running:")


def test_what_help_and_completion_say(forks, translators):
    words = " ".join(forks.ok("generate", "--help", cwd=translators).stdout.replace("│", " ").split())
    for said in ("Sequence to sequence", "--n-best", "text, csv, jsonl, scan, tsv", "come back with one more column"):
        assert said in words
    assert _reading.SOURCES.offered("") == ["text", "csv", "jsonl", "scan", "tsv", "pcm", "frames"]
    assert _reading.SOURCES.offered("s") == ["scan"]
    assert {"lines", "scan", "tsv", "csv", "jsonl"} <= {name for name, _ in eval.labelled("")}
    assert eval.tokenizations("1") == ["13a"]
    assert {"bleu", "chrf", "ter", "exact-match"} <= {name for name, _ in eval.metric_names("")}
    line = "seqcli generate --input s"
    env = {"_SEQCLI_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": "3"}
    assert forks("", cwd=translators, env=env).stdout.split() == ["scan"]
