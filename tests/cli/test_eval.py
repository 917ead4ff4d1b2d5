"""`seqcli eval`: the numbers against torch.nn, the forms they come in, and the filter."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

METRICS = {
    "perplexity",
    "cross-entropy",
    "bits-per-character",
    "bits-per-byte",
    "word-perplexity",
    "oov-rate",
    "coverage",
}


@pytest.fixture
def evaluate(forks, home):
    """`evaluate(*args, input="", model="tiny")`: stdout of a run that must succeed."""

    def run(*args: object, input: str = "", model: str = "tiny", cwd: Path = home) -> str:
        return forks.ok("-q", "eval", "-m", model, *args, cwd=cwd, input=input).stdout

    return run


def split_of(home: Path, split: str, name: str = "corpus.txt") -> str:
    """The text of a split, cut here once more: 80, 10 and 10 % of the bytes, at the next line."""
    data = (home / name).read_bytes()
    first, second = (data.index(b"\n", int(len(data) * share) - 1) + 1 for share in (0.8, 0.9))
    return {"train": data[:first], "valid": data[first:second], "test": data[second:]}[split].decode()


class Oracle:
    """The model of a safetensors file as torch.nn modules in float64, by nothing of seqcli."""

    def __init__(self, path: Path):
        with safe_open(path, framework="pt") as file:
            self.header = json.loads(file.metadata()["seqcli"])
            arrays = {n.removeprefix("model."): file.get_tensor(n).double() for n in file.keys()}  # noqa: SIM118
        self.embedding = arrays["embedding"]
        self.lstm = torch.nn.LSTM(self.embedding.shape[1], arrays["output_weight"].shape[1]).double()
        with torch.no_grad():
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                getattr(self.lstm, f"{name}_l0").copy_(arrays[f"stack.cells.0.0.{name}"])
        self.weight, self.bias = arrays["output_weight"], arrays["output_bias"]

    def ids(self, text: str) -> torch.Tensor:
        if self.header["tokenizer"]["kind"] == "byte":
            return torch.tensor([*text.encode()])
        return torch.tensor([self.header["tokenizer"]["characters"].index(c) for c in text])

    @torch.no_grad()
    def nats(self, ids: torch.Tensor) -> torch.Tensor:
        """Of each id but the first, the state zero before it."""
        h, _ = self.lstm(self.embedding[ids[:-1]][:, None])
        logits = h[:, 0] @ self.weight.T + self.bias
        return torch.nn.functional.cross_entropy(logits, ids[1:], reduction="none")


@pytest.mark.parametrize(("model", "corpus"), [("tiny", "corpus.txt"), ("bytes", "umlauts.txt")])
def test_every_figure_against_torch(evaluate, home, model, corpus):
    text = split_of(home, "test", corpus)
    oracle = Oracle(home / "runs" / model / "model.safetensors")
    nats = oracle.nats(oracle.ids(text)).sum().item()
    found = json.loads(evaluate("--json", model=model))
    scored = text[1:] if model == "tiny" else text.encode()[1:].decode(errors="ignore")
    tokens = len(oracle.ids(text)) - 1
    words = len(scored.split()) + scored.count("\n")
    assert found["counts"]["tokens"] == tokens
    assert found["counts"]["words"] == words
    assert found["cross-entropy"] == pytest.approx(nats / tokens, rel=1e-6)
    assert found["perplexity"] == pytest.approx(math.exp(nats / tokens), rel=1e-5)
    assert found["word-perplexity"] == pytest.approx(math.exp(nats / words), rel=1e-4)
    assert found["bits-per-character"] == pytest.approx(nats / math.log(2) / found["counts"]["characters"], rel=1e-6)
    assert found["bits-per-byte"] == pytest.approx(nats / math.log(2) / found["counts"]["bytes"], rel=1e-6)
    if model == "tiny":
        assert found["counts"]["characters"] == found["counts"]["bytes"] == tokens
    assert (found["oov-rate"], found["coverage"]) == (0, 1)
    assert set(found) == METRICS | {"counts", "protocol", "signature", "text", "model"}
    assert (found["protocol"], found["text"]) == ("stateful", f"{corpus} test")


@pytest.mark.parametrize("window", [1, 7, 64, 5000])
def test_windows_against_torch(evaluate, home, window):
    """Each window begins with a fresh state and predicts the tokens after its own inputs; all positions count."""
    oracle = Oracle(home / "runs" / "tiny" / "model.safetensors")
    ids = oracle.ids(split_of(home, "valid"))
    starts = range(0, len(ids) - 1, window)
    nats = torch.cat([oracle.nats(ids[s : s + window + 1]) for s in starts])
    assert len(nats) == len(ids) - 1
    found = json.loads(evaluate("--json", "--split", "valid", "--window", window))
    assert found["cross-entropy"] == pytest.approx(nats.mean().item(), rel=1e-5)
    assert found["counts"]["tokens"] == len(nats)
    assert found["protocol"] == f"window {window}"
    assert f"|ctx:window.{window}|" in found["signature"]


@pytest.mark.parametrize("model", ["tiny", "bytes", "counted"])
def test_the_default_is_the_test_split_as_training_scored_it(forks, evaluate, home, model):
    inspected = json.loads(forks.ok("inspect", model, "--json", cwd=home).stdout)
    for args, split in [((), "test"), (("--split", "test"), "test"), (("--split", "valid"), "valid")]:
        found = json.loads(evaluate("--json", *args, model=model))
        stored = inspected["scores"][split]
        assert {k: found[k] for k in stored} == stored
        digest = inspected["data"]["splits"][split]["sha256"]
        assert f"|data:{digest[:12]}|" in found["signature"]
    text = split_of(home, "test", "umlauts.txt" if model == "bytes" else "corpus.txt")
    assert (
        json.loads(evaluate("--json", "-", input=text, model=model))["signature"]
        == json.loads(evaluate("--json", model=model))["signature"]
    )


def test_text_from_files_and_pipes_is_one_text(evaluate, home, tmp_path):
    text = split_of(home, "test")
    half = text.index("\n", len(text) // 2) + 1
    (tmp_path / "1.txt").write_text(text[:half])
    (tmp_path / "2.txt").write_text(text[half:])
    (tmp_path / "all.txt").write_text(text)
    reports = [
        json.loads(evaluate("--json", *args, input=text[half:] if "-" in args else ""))
        for args in (
            [tmp_path / "all.txt"],
            [tmp_path / "1.txt", tmp_path / "2.txt"],
            [tmp_path / "[12].txt"],
            [tmp_path / "1.txt", "-"],
        )
    ]
    for report in reports:
        report.pop("text")
        assert report == reports[0]
    assert reports[0]["signature"] == json.loads(evaluate("--json"))["signature"]


def test_a_metric_alone_is_a_bare_number(evaluate):
    found = json.loads(evaluate("--json"))
    one = evaluate("--metric", "bits-per-character")
    assert one == f"{found['bits-per-character']:.6g}\n"
    two = evaluate("--metric", "perplexity", "--metric", "cross-entropy")
    assert two == f"{found['perplexity']:.6g}\n{found['cross-entropy']:.6g}\n"
    narrow = json.loads(evaluate("--metric", "perplexity", "--json"))
    assert METRICS & set(narrow) == {"perplexity"}
    assert narrow["signature"] == found["signature"]


def test_the_report_in_words(evaluate):
    found = json.loads(evaluate("--json"))
    lines = evaluate().splitlines()
    assert lines[0] == "corpus.txt test, stateful"
    shown = {line.split()[0]: float(line.split()[1]) for line in lines[1:-2]}
    assert shown == pytest.approx({n: found[n] for n in METRICS}, abs=1e-4)
    assert lines[-1] == found["signature"]


def test_the_signature_is_stable_and_tells_apart(evaluate, seqcli, home, tmp_path):
    found = json.loads(evaluate("--json"))["signature"]
    again = seqcli("eval", "-m", "tiny", "--json", "--threads", 2, cwd=home)  # another process altogether
    assert json.loads(again.stdout)["signature"] == found
    assert found.startswith("seqcli:")
    text = split_of(home, "test")
    others = [
        evaluate("--json", "-", input=text[:-1]),
        evaluate("--json", "-", input=text.replace("cat", "dog")),
        evaluate("--json", "--window", 8),
        evaluate("--json", "-", input=text, model="bytes"),
        evaluate("--json", "--split", "valid"),
    ]
    assert len({found, *(json.loads(o)["signature"] for o in others)}) == 6


def test_per_line_is_a_filter(evaluate, home):
    lines = ["the cat sat.", "", "a", "quickly quickly.", ""]
    oracle = Oracle(home / "runs" / "tiny" / "model.safetensors")
    for ending in ("\n", ""):
        out = evaluate("--per-line", input="\n".join(lines) + ending)
        rows = [row.split("\t") for row in out.splitlines()]
        assert len(rows) == len(lines) - (ending == "")  # what ends without a line end is a line, if it is anything
        for line, (nats, tokens) in zip(lines, rows, strict=False):
            expected = oracle.nats(oracle.ids(f"\n{line}\n")).sum().item()
            assert float(nats) == pytest.approx(expected, abs=2e-4)
            assert int(tokens) == len(line) + 1
    objects = [json.loads(row) for row in evaluate("--jsonl", input="\n".join(lines) + "\n").splitlines()]
    assert [o["text"] for o in objects] == lines
    assert [-o["seqcli"]["logprob"] for o in objects] == pytest.approx(
        [float(r[0]) for r in [*rows, rows[1]]], abs=1e-4
    )
    assert evaluate("--per-line", input="") == ""


def test_a_line_does_not_depend_on_its_neighbours(evaluate):
    many = evaluate("--per-line", input="the cat\n" * 200 + "a dog\n").splitlines()
    assert len(set(many)) == 2
    assert evaluate("--per-line", input="a dog\n").splitlines() == many[-1:]


def test_records_are_scored_in_their_own_form(evaluate):
    plain = evaluate("--per-line", input="the cat\na dog\n").split()
    rows = evaluate("--per-line", "--input", "tsv", "--text", "2", input="1\tthe cat\n2\ta dog\n").splitlines()
    assert [row.split("\t")[2:] for row in rows] == [plain[:2], plain[2:]]
    assert evaluate("--per-line", "--field", "t", input='{"t": "the cat", "n": 1e2}\n').startswith(
        '{"t": "the cat", "n": 1e2,'
    )


def test_per_line_answers_at_once_and_takes_a_closed_pipe(spawn, home):
    process = spawn("eval", "-m", "tiny", "--per-line", cwd=home)
    for line in (b"the cat\n", b"\n", b"dog\n"):
        process.stdin.write(line)
        process.stdin.flush()
        assert process.stdout.readline().count(b"\t") == 1
    process.stdout.close()
    process.stdin.write(b"a\n" * 10)
    process.stdin.close()
    assert process.wait(30) == 141
    assert process.stderr.read() == b""


def test_stdin_is_read_for_a_dash_alone(spawn, home):
    """Without FILES it is the run's own split, even if something is waiting on standard input."""
    process = spawn("eval", "-m", "tiny", "--metric", "perplexity", cwd=home)  # stdin stays open
    assert float(process.stdout.read()) > 1
    assert process.wait(30) == 0


def test_without_a_test_split_the_validation_split_is_scored_and_said(forks, place):
    forks.ok("train", "tiny.yaml", "--set", "data.test=null", "--set", "train.steps=2", cwd=place)
    done = forks.ok("eval", cwd=place)
    assert done.stdout.startswith("corpus.txt valid, stateful\n")
    assert "the run has no test split: scoring valid" in done.stderr
    refused = forks("eval", "--split", "test", cwd=place)
    assert refused.returncode == 2
    assert "the run has no test split" in refused.stderr
    assert "it has: train, valid" in refused.stderr


def test_changed_data_is_said(forks, place):
    forks.ok("train", "tiny.yaml", *("--set", "train.steps=4", "--set", "train.snapshot_every=2"), cwd=place)
    before = forks.ok("-q", "eval", "--json", cwd=place)
    assert before.stderr == ""
    snapshot = place / "runs/tiny/snapshots/step-00000004.safetensors"
    assert json.loads(forks.ok("eval", "-m", snapshot, "--json", cwd=place).stdout)["text"] == "corpus.txt test"
    text = (place / "corpus.txt").read_text()
    (place / "corpus.txt").write_text(text[: len(text) // 2])
    changed = forks.ok("-q", "eval", "--json", cwd=place)
    assert "warning: the test split is not the one the model was trained with" in changed.stderr
    assert json.loads(changed.stdout)["signature"] != json.loads(before.stdout)["signature"]


def test_the_one_file_is_enough(forks, home, tmp_path):
    """Nothing but model.safetensors: it opens anywhere, and scores what it is given."""
    shutil.copy(home / "runs" / "tiny" / "model.safetensors", tmp_path / "given.safetensors")
    text = split_of(home, "test")
    found = forks.ok("-q", "eval", "-m", "given.safetensors", "-", "--json", cwd=tmp_path, input=text)
    own = json.loads(forks.ok("-q", "eval", "-m", "tiny", "--json", cwd=home).stdout)
    assert json.loads(found.stdout)["signature"] == own["signature"]
    assert str(home) not in (tmp_path / "given.safetensors").read_bytes().decode("latin-1")
    alone = forks("eval", "-m", "given.safetensors", cwd=tmp_path)  # its text is not here
    assert alone.returncode == 1
    assert "no such file" in alone.stderr


def test_counted_models_give_proper_probabilities(evaluate, forks, home):
    """The probabilities of `generate --next` are those that eval sums."""
    rows = forks.ok("-q", "generate", "-m", "counted", "--next", 100, "--jsonl", "--prompt", "\nthe ca", cwd=home)
    p = {r["token"]: r["probability"] for r in json.loads(rows.stdout)["seqcli"]["next"]}
    assert sum(p.values()) == pytest.approx(1, abs=1e-4)
    text = "\nthe cat"
    whole = json.loads(evaluate("-", "--json", input=text, model="counted"))["cross-entropy"] * 7
    shorter = json.loads(evaluate("-", "--json", input=text[:-1], model="counted"))["cross-entropy"] * 6
    assert np.exp(shorter - whole) == pytest.approx(p["t"], rel=1e-3)
