"""`seqcli generate` as a filter and as a stream."""

from __future__ import annotations

import json
import math
import signal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.examples import examples

import seqcli
from seqcli.decoding.sampling import Carried
from seqcli.records import Example

PROMPTS = ["the cat", "", "dog ran ", "a", "", "it all"]


@pytest.fixture
def generate(forks, home):
    """`generate(*args, input="", model="tiny")`: stdout of a run that must succeed."""

    def run(*args: object, input: str = "", model: str = "tiny") -> str:
        return forks.ok("-q", "generate", "-m", model, *args, cwd=home, input=input).stdout

    return run


def objects(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_line_comes_back_for_each_line(generate):
    for ending in ("\n", ""):
        out = generate("--seed", 1, input="\n".join(PROMPTS) + ending)
        assert out.endswith("\n")
        assert out.count("\n") == len(PROMPTS)
    assert len(set(out.split("\n")[:-1])) == len(PROMPTS)  # each its own text
    assert generate("--seed", 1, input="") == ""
    assert generate("--seed", 1, input="\n").count("\n") == 1
    assert generate("--seed", 1, "-n", 3, input="the\n\n").count("\n") == 6


@settings(max_examples=examples(8), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(alphabet="the cats og", max_size=12), min_size=1, max_size=5), st.integers(0, 4))
def test_an_answer_does_not_depend_on_its_neighbours(generate, others, place):
    """Random numbers are drawn for (seed, line, sample): the same line at the same place, the same answer."""
    place = min(place, len(others))
    lines = [*others[:place], "the dog", *others[place:]]
    answer = generate("--seed", 7, "--max-tokens", 30, input="\n".join(lines) + "\n").split("\n")[place]
    alone = ["a"] * place + ["the dog"]
    assert generate("--seed", 7, "--max-tokens", 30, input="\n".join(alone) + "\n").split("\n")[place] == answer


def test_samples_are_independent_of_how_many(generate):
    three = generate("--seed", 5, "-n", 3, input="the\na\n").split("\n")
    assert generate("--seed", 5, input="the\na\n").split("\n")[:2] == [three[0], three[3]]
    assert len(set(three[:6])) == 6
    raw = generate("--seed", 5, "--prompt", "the")
    assert raw.partition("\n")[0] == three[0]  # --prompt is the first line


@pytest.mark.parametrize("model", ["tiny", "counted"])
def test_a_sample_is_the_same_in_every_batch_and_beside_every_other(generate, model):
    lines = "".join(f"{prompt}\n" for prompt in PROMPTS * 4)
    whole = generate("--seed", 3, "-n", 3, input=lines, model=model)
    for batch, threads in ((1, 1), (7, 2), (64, 1)):
        assert (
            generate("--seed", 3, "-n", 3, "--batch-size", batch, "--threads", threads, input=lines, model=model)
            == whole
        )
    assert generate("--seed", 3, "-n", 2, input=lines, model=model).split("\n")[:2] == whole.split("\n")[:2]
    long = [generate("--seed", 3, "-n", n, "--max-tokens", 5, "--prompt", "the", model=model) for n in (2, 9)]
    assert long[1].startswith(long[0])


def test_progress_of_samples_adds_up_to_their_tokens(home, advanced):
    own = seqcli.load(home / "runs/tiny")
    asked = own.settings(max_tokens=7, samples=130, lines=False, what="generating")
    texts = own.answer([own.ready(Example("the"))], asked)[0]
    assert len(texts) == 130
    assert sum(advanced) == sum(len(text) for text, *_ in texts) == 130 * 7


def test_a_seed_is_drawn_said_and_repeats_the_text(forks, home):
    done = forks.ok("generate", "-m", "tiny", "--prompt", "the", cwd=home)
    word, seed = done.stderr.split()
    assert word == "seed"
    assert forks.ok("generate", "-m", "tiny", "--prompt", "the", "--seed", seed, cwd=home).stdout == done.stdout
    assert (
        forks.ok("generate", "-m", "tiny", "--prompt", "the", "--seed", int(seed) + 1, cwd=home).stdout != done.stdout
    )
    assert forks.ok("generate", "-m", "tiny", "--prompt", "the", "--temperature", 0, cwd=home).stderr == ""


@pytest.mark.parametrize("model", ["tiny", "bytes", "counted"])
def test_threads_and_time_change_nothing(generate, model):
    args = ("--seed", 3, "--max-tokens", 60)
    outs = {generate(*args, *extra, input="a\n\n", model=model) for extra in ((), ("--threads", 1), ("--threads", 2))}
    assert len(outs) == 1


def test_greedy(generate):
    one = generate("--temperature", 0, "--prompt", "the ", "--max-tokens", 50)
    assert len(one) == 50
    assert one == generate("--temperature", 0, "--prompt", "the ", "--max-tokens", 50, "--seed", 9)
    assert one == generate("--top-k", 1, "--prompt", "the ", "--max-tokens", 50)
    assert one == generate("--top-p", 1e-9, "--prompt", "the ", "--max-tokens", 50)
    steps, prompt = "", "the "
    for _ in range(5):
        token = generate("--next", 1, "--prompt", prompt + steps).split("\t")[0]
        steps += token.replace("▁", " ")
    assert one.startswith(steps)


def test_echo(generate):
    plain = generate("--seed", 2, input="the\na cat\n").splitlines()
    assert generate("--seed", 2, "--echo", input="the\na cat\n").splitlines() == [
        "the" + plain[0],
        "a cat" + plain[1],
    ]
    raw = generate("--seed", 2, "--prompt", "the")
    assert generate("--seed", 2, "--prompt", "the", "--echo") == "the" + raw


def test_no_tokens(generate):
    assert generate("--max-tokens", 0, "--prompt", "the") == ""
    assert generate("--max-tokens", 0, input="the\n\na\n") == "\n\n\n"
    assert generate("--max-tokens", 0, "--echo", input="the\n\na\n") == "the\n\na\n"
    assert objects(generate("--max-tokens", 0, "--jsonl", input="the\n"))[0]["seqcli"]["tokens"] == []


def test_stop_texts_across_tokens(generate):
    whole = generate("--seed", 8, "--prompt", "the", "--max-tokens", 300)
    for stop in ("t", whole[7:10], whole[20:25], whole[2:4], "never there"):
        assert (
            generate("--seed", 8, "--prompt", "the", "--max-tokens", 300, "--stop", stop) == whole.partition(stop)[0]
        )
    line = whole.partition("\n")[0]
    assert "\n" in whole
    assert generate("--seed", 8, "--prompt", "the", "--max-tokens", 300, "--stop", r"\n") == line
    two = generate(
        "--seed", 8, "--prompt", "the", "--max-tokens", 300, "--stop", whole[30:33], "--stop", whole[12:15]
    )
    assert two == min(whole.partition(whole[30:33])[0], whole.partition(whole[12:15])[0], key=len)
    umlauts = generate("--seed", 1, "--prompt", "süß", "--max-tokens", 400, model="bytes")
    assert "ü" in umlauts
    stopped = generate("--seed", 1, "--prompt", "süß", "--max-tokens", 400, "--stop", "ü", model="bytes")
    assert stopped == umlauts.partition("ü")[0]  # a stop of two tokens


def test_next_is_the_distribution(generate):
    rows = [line.split("\t") for line in generate("--next", 100, "--prompt", "the").splitlines()]
    p = [float(row[1]) for row in rows]
    assert sum(p) == pytest.approx(1, abs=1e-3)
    assert p == sorted(p, reverse=True)
    assert len({row[0] for row in rows}) == len(rows) == 22
    (found,) = objects(generate("--next", 3, "--jsonl", "--prompt", "the"))
    assert found["prompt"] == "the"
    assert [r["token"] for r in found["seqcli"]["next"]] == [row[0] for row in rows[:3]]
    (drawn,) = objects(generate("--temperature", 0, "--max-tokens", 1, "--jsonl", "--prompt", "the"))
    assert math.exp(drawn["seqcli"]["tokens"][0]["logprob"]) == pytest.approx(
        found["seqcli"]["next"][0]["probability"], abs=1e-5
    )
    both = objects(generate("--next", 2, "--jsonl", input="the\n\n"))
    assert [r["prompt"] for r in both] == ["the", ""]


def test_fields_pass_through_untouched(generate):
    record = {
        "id": 7,
        "deep": {"a": [1, 2.5, None, True]},
        "text": "the cat",
        "ü": '日本\n\t"',
        "last": 12345678901234567890,
    }
    lines = [json.dumps(record), json.dumps({"text": "", "z": 1, "a": 2}, ensure_ascii=False)]
    out = generate("--field", "text", "--seed", 1, "-n", 2, input="\n".join(lines))
    found = objects(out)
    assert [list(o)[:-1] for o in found] == [list(record)] * 2 + [["text", "z", "a"]] * 2  # order too
    for o, original in zip(found, [record, record, json.loads(lines[1]), json.loads(lines[1])], strict=True):
        result = o.pop("seqcli")
        assert o == original
        assert set(result) == {"text", "logprob", "tokens", "sample", "seed"}
        assert result["seed"] == 1
        assert result["logprob"] == pytest.approx(sum(t["logprob"] for t in result["tokens"]), abs=1e-4)
        assert "".join(t["text"].replace("▁", " ").replace("\\n", "\n") for t in result["tokens"]) == result["text"]
    assert [json.loads(line)["seqcli"]["sample"] for line in out.splitlines()] == [0, 1, 0, 1]
    assert r"\u65e5\u672c" in out  # as it was written
    again = generate("--field", "text", "--seed", 1, input=out.splitlines()[0] + "\n")
    assert objects(again)[0]["seqcli"] == objects(out)[0]["seqcli"]  # its own output is good input


def test_logprobs_are_those_of_eval(forks, generate, home):
    """A line generated after a line end, and its own line end, cost what `eval --per-line` says."""
    for model in ("tiny", "counted"):
        args = ("--jsonl", "--seed", 4, "-n", 5, "--stop", r"\n", "--max-tokens", 400, "--temperature", 1.3)
        found = [o["seqcli"] for o in objects(generate(*args, input="\n", model=model))]
        assert all(len(f["tokens"]) < 400 for f in found)
        text = "".join(f["text"] + "\n" for f in found)
        scored = forks.ok("eval", "-m", model, "--per-line", cwd=home, input=text).stdout.splitlines()
        for f, row in zip(found, scored, strict=True):
            nats, tokens = row.split("\t")
            assert -f["logprob"] == pytest.approx(float(nats), abs=2e-3)
            assert len(f["tokens"]) == int(tokens)


def test_files_are_prompts_too(generate, home, tmp_path):
    (tmp_path / "a.txt").write_text("the\ncat\n")
    (tmp_path / "b.txt").write_text("dog")
    expected = generate("--seed", 1, input="the\ncat\ndog\n")
    assert generate("--seed", 1, tmp_path / "a.txt", tmp_path / "b.txt", input="ignored\n") == expected
    assert generate("--seed", 1, tmp_path / "*.txt") == expected
    assert generate("--seed", 1, tmp_path / "a.txt", "-", input="dog\n") == expected


def test_bytes_never_come_in_half(generate):
    """Characters of two, three and four bytes; wild sampling makes half characters, which become U+FFFD."""
    wild = generate("--seed", 1, "-n", 4, "--temperature", 5, "--max-tokens", 300, "--prompt", "süß", model="bytes")
    assert "\N{REPLACEMENT CHARACTER}" in wild
    assert (
        len({len(c.encode()) for c in generate("--seed", 1, "--prompt", "日", "--max-tokens", 800, model="bytes")})
        >= 3
    )


def test_the_newest_run_is_taken_and_said(forks, home):
    done = forks.ok("generate", "--prompt", "the", "--seed", 1, cwd=home)
    assert done.stderr.startswith("using runs/")


def test_answers_at_once_when_talked_to(spawn, home):
    process = spawn("-q", "generate", "-m", "tiny", "--seed", 1, "--max-tokens", 20, cwd=home)
    for prompt in (b"the cat\n", b"\n", b"a\n", b"dog and "):
        process.stdin.write(prompt)
        process.stdin.flush()
        if prompt.endswith(b"\n"):
            assert process.stdout.readline().endswith(b"\n")  # before the next line is sent
    process.stdin.close()
    assert process.stdout.read().count(b"\n") == 1
    assert process.wait(30) == 0
    assert process.stderr.read() == b""


def test_a_prompt_streams_and_a_closed_pipe_ends_it_quietly(spawn, home):
    """`seqcli generate ... | head`: text comes long before the last token, and SIGPIPE is no failure."""
    process = spawn("generate", "-m", "bytes", "--seed", 1, "--prompt", "süß", "--max-tokens", 10**9, cwd=home)
    begun = process.stdout.read(1000)
    assert len(begun) == 1000
    assert process.poll() is None
    process.stdout.close()
    assert process.wait(30) == 141
    assert process.stderr.read() == b""


def test_a_filter_into_a_closed_pipe(spawn, home):
    process = spawn("generate", "-m", "tiny", "--seed", 1, cwd=home)
    process.stdout.close()
    process.stdin.write(b"the\n" * 50)
    process.stdin.close()
    assert process.wait(30) == 141
    assert process.stderr.read() == b""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals(spawn, home, number, status):
    process = spawn("generate", "-m", "tiny", "--seed", 1, "--prompt", "the", "--max-tokens", 10**9, cwd=home)
    assert process.stdout.read(100)
    process.send_signal(number)
    process.stdout.read()
    assert process.wait(30) == status
    assert process.stderr.read() == b""


@pytest.mark.parametrize("run", ["tiny", "counted"])
def test_a_state_is_carried_from_call_to_call(home, run):
    model, carried = seqcli.load(home / "runs" / run), Carried()
    whole = model.generate("the ", temperature=0, max_tokens=30)
    parts = [model.generate(p, temperature=0, max_tokens=n, carried=carried) for p, n in (("the ", 10), ("", 20))]
    assert "".join(parts) == whole
    longer = model.generate(f"the {whole}cat", temperature=0, max_tokens=10)
    assert model.generate("cat", temperature=0, max_tokens=10, carried=carried) == longer
