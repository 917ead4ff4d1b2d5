"""`eval --dynamic --cache --mix` and `generate --cache --mix`."""

from __future__ import annotations

import json
import re

import pytest


def figure(out: str) -> float:
    return json.loads(out)["cross-entropy"]


@pytest.fixture
def run(forks, home):
    return lambda *args, **how: forks("-q", *args, cwd=home, **how)


def test_what_is_mixed_in_helps_and_is_named(run):
    found = {}
    for more in ("", "--mix counted", "--mix counted --mix looking", "--cache 300", "--cache 300 --mix counted"):
        done = run("eval", "-m", "tiny", "--json", *more.split())
        assert done.returncode == 0, done.stderr
        found[more] = json.loads(done.stdout)
    nats = {more: f["cross-entropy"] for more, f in found.items()}
    assert nats["--mix counted"] < nats[""] - 0.01
    assert nats["--mix counted --mix looking"] < nats["--mix counted"] + 0.005
    assert nats["--cache 300"] < nats[""] + 1e-3  # words drawn at random: nothing is said again
    named = found["--cache 300 --mix counted"]["signature"]
    assert re.search(r"\|ctx:stateful\+mix\(ngram:[0-9a-f]{8}:[01]\.\d{4}\)\+cache\(300,0\.\d+,0\.\d{4}\)\|", named)


def test_weights_that_are_given(run, home):
    one = run("eval", "-m", "tiny", "--json", "--mix", "counted=0.25")
    assert "mix(ngram:" in one.stdout
    assert ":0.2500)" in one.stdout
    same = run("eval", "-m", "tiny", "--json", "--mix", "counted=0.1", "--cache", 9, "--cache-weight", 0.3, "--cache-flatness", 0.5)  # fmt: skip
    assert "+cache(9,0.5,0.3000)" in same.stdout
    each = [figure(run("eval", "-m", m, "--json").stdout) for m in ("tiny", "counted")]
    assert figure(one.stdout) <= 0.75 * each[0] + 0.25 * each[1]  # Jensen


def test_dynamic_evaluation_alone_and_mixed(run):
    alone = run("eval", "-m", "tiny", "--json", "--dynamic", "--dynamic-rate", 1e-3)
    assert alone.returncode == 0, alone.stderr
    assert figure(alone.stdout) < figure(run("eval", "-m", "tiny", "--json").stdout) - 0.01
    assert "|ctx:stateful+dynamic(0.001,0.01,50)|" in alone.stdout
    both = run("eval", "-m", "tiny", "--json", "--dynamic", "--mix", "counted", "--cache", 100)
    assert both.returncode == 0, both.stderr
    assert re.search(r"stateful\+dynamic\(0\.0001,0\.01,50\)\+mix\(.*\)\+cache\(100,", both.stdout)


def test_generation_is_the_same_in_batches_processes_and_streams(run, home):
    how = ("generate", "-m", "tiny", "--mix", "counted", "--cache", 30, "--seed", 4, "--max-tokens", 30)
    prompts = "the cat\n\ndog ran \nthe mat and the dog\n"
    one = run(*how, input=prompts)
    assert one.returncode == 0, one.stderr
    assert one.stdout.count("\n") == 4
    assert run(*how, "--batch-size", 1, input=prompts).stdout == one.stdout
    assert run(*how, "--jobs", 2, input=prompts).stdout == one.stdout
    assert run(*how[:3], *how[7:], input=prompts).stdout != one.stdout
    assert run(*how, "--prompt", "the cat").stdout
    listed = run(*how[:7], "--next", 3, "--prompt", "the ca").stdout
    assert float(listed.split()[1]) == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ("eval -m tiny --mix bytes", "has other symbols than"),
        ("eval -m tiny --mix counted=0.5 --mix looking", "only some weights are given"),
        ("eval -m tiny --mix counted=1.5", "sum to less than 1"),
        ("eval -m counted --cache 10", "a cache needs the hidden states of a network"),
        ("eval -m counted --dynamic", "--dynamic is for recurrent language models"),
        ("eval -m tiny --cache 10 --window 8", "--cache reads one stream"),
        ("eval -m tiny --dynamic --window 8", "--dynamic reads one stream"),
        ("eval -m tiny --dynamic-rate 1", "--dynamic-rate needs --dynamic"),
        ("eval -m tiny --cache-weight 0.1", "--cache-weight needs --cache"),
        ("eval -m tiny --mix nowhere", "no such model: nowhere"),
        ("eval -m tiny --per-line --cache 10", "--per-line"),
        ("generate -m tiny --cache 10 --device cuda --prompt a", "--cache needs --device cpu"),
    ],
)
def test_what_does_not_go_together(run, args, message):
    done = run(*args.split(), input="x\n")
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
