"""`seqcli tokenize` in real pipes: lines in, lines out, and back to the last byte."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from support import inprocess
from support.inprocess import Done

from seqcli import artifact
from seqcli.cli import app

pty = pytest.importorskip("pty", reason="a pseudo-terminal needs a POSIX system")
ROOT = Path(__file__).resolve().parents[2]
TEXT = "The cat  sat.\ton\r\n\n  the mat ▁ \\ <unk> <0xE2>\x00é e\u0301𝄞\u2028\n\n\n日本 🙂 x"
ENV = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "dumb"}


def tokenize(*args: object, cwd: Path, input: bytes | str = b"") -> Done:
    return inprocess.seqcli("tokenize", *args, cwd=cwd, input=input)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus, and a tokenizer of each kind learned from it."""
    folder = tmp_path_factory.mktemp("tokenizers")
    source = Path(os.__file__).parent.joinpath("argparse.py").read_text(encoding="utf-8")
    (folder / "corpus.txt").write_text(source + TEXT, encoding="utf-8", newline="")
    for kind in ("char", "word", "unigram", "bpe"):
        which = ["--kind", kind]
        if kind in ("unigram", "bpe"):
            which = ["--kind", "sentencepiece", "--set", f"model_type={kind}", "--set", "size=1000"]
        done = tokenize("--learn", f"{kind}.safetensors", *which, "corpus.txt", cwd=folder)
        assert done.returncode == 0, done.stderr
        assert done.text == f"{kind}.safetensors\n"
        assert "symbols from" in done.stderr
    return folder


@pytest.fixture
def here(tmp_path: Path) -> Callable[..., Done]:
    """`here(*args, input="")`: `seqcli tokenize` in an empty folder and in this process."""
    return partial(tokenize, cwd=tmp_path)


# there and back


@pytest.mark.parametrize("which", ["byte", "char", "unigram", "bpe"])
def test_ids_and_pieces_bring_the_input_back(here, made: Path, which: str):
    tokenizer = ["--kind", "byte"] if which == "byte" else ["-m", made / f"{which}.safetensors"]
    for text, to, back in ((TEXT, ["--ids"], []), (TEXT + "\n", [], ["--pieces"])):
        shown = here(*tokenizer, *to, input=text)
        assert shown.returncode == 0, shown.stderr
        assert shown.stdout.count(b"\n") == text.count("\n")
        again = here(*tokenizer, "--decode", *back, input=shown.stdout)
        assert again.text == text


def test_a_kind_alone(here):
    assert here(input="a é\n").text == "a ▁ <0xC3> <0xA9>\n"
    assert here("--ids", input="a é\n").stdout == b"97 32 195 169\n"
    assert here("--kind", "char", input="a é▁\n").text == "a ▁ é \\u2581\n"
    assert here("--kind", "word", input=" a  b\tc \n\n d\n").stdout == b"a b c\n\nd\n"
    split = here("--kind", "word", "--set", "split=punctuation", "--set", "lowercase=true", input="It's.\n")
    assert split.stdout == b"it ' s .\n"
    assert here("--kind", "char", "--decode", input="a ▁ \\u2581\n").text == "a ▁\n"


def test_words_become_unknown(here, made: Path):
    shown = here("-m", made / "word.safetensors", input="the zyxw mat\n")
    assert shown.stdout == b"the <unk> mat\n"


def test_files_one_after_the_other_keep_their_lines(here, tmp_path: Path):
    for name, text in (("a", "one\ntwo"), ("b", ""), ("c", "three\n"), ("d", "four")):
        (tmp_path / name).write_text(text)
    assert here("--kind", "word", "a", "b", "c", "d").stdout == b"one\ntwo\nthree\nfour"
    assert here("--kind", "word", "a", "-", input="stdin").stdout == b"one\ntwo\nstdin"


def test_jobs_change_nothing(seqcli, made: Path):
    model, corpus = made / "unigram.safetensors", made / "corpus.txt"
    whole = corpus.read_bytes() * 10
    (made / "big.txt").write_bytes(whole)
    one = seqcli("tokenize", "-m", model, made / "big.txt").stdout
    assert seqcli("tokenize", "-m", model, "--jobs", "3", input=whole).stdout == one
    assert one.count(b"\n") == whole.count(b"\n")


def test_the_same_text_gives_the_same_file(seqcli, made: Path, tmp_path: Path):
    args = ("--kind", "sentencepiece", "--set", "model_type=bpe", "--set", "size=1000")
    seqcli("tokenize", "--learn", "x", *args, input=(made / "corpus.txt").read_bytes())
    assert (tmp_path / "x").read_bytes() == (made / "bpe.safetensors").read_bytes()


def test_a_models_own_tokenizer(here, made: Path, tmp_path: Path):
    stored = artifact.read(made / "char.safetensors")
    (tmp_path / "runs/small").mkdir(parents=True)
    header = {"kind": "model", "task": "language-model", "tokenizer": stored.header["tokenizer"]}
    artifact.write(tmp_path / "runs/small/model.safetensors", header, stored.arrays)
    for name in ("runs/small/model.safetensors", "runs/small", "small"):
        assert here("-m", name, input="cat\n").stdout == b"c a t\n"


def test_a_model_of_the_library(here, made: Path, tmp_path: Path):
    model = artifact.read(made / "bpe.safetensors").arrays["tokenizer.model"].tobytes()
    (tmp_path / "x.model").write_bytes(model)
    shown = here("--kind", "sentencepiece", "--set", "path=x.model", input=TEXT)
    assert shown.stdout == here("-m", made / "bpe.safetensors", input=TEXT).stdout
    refused = here("-m", "x.model", input=TEXT)
    assert refused.returncode == 2
    assert "--set path=x.model" in refused.stderr


# a filter


def test_a_line_is_answered_before_the_next_is_asked(made: Path):
    for jobs in ("1", "2"):
        command = [sys.executable, "-m", "seqcli", "tokenize", "-m", "unigram.safetensors", "--jobs", jobs]
        with subprocess.Popen(command, cwd=made, env=ENV, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin
            assert process.stdout
            for line in (b"the first\n", b"\n", b"the third\n"):
                process.stdin.write(line)
                process.stdin.flush()
                answer = process.stdout.readline()
                assert answer.endswith(b"\n")
                assert (answer == b"\n") == (line == b"\n")
            process.stdin.close()
        assert process.returncode == 0


def test_a_closed_pipe_ends_it_quietly(made: Path):
    command = [sys.executable, "-m", "seqcli", "tokenize", "corpus.txt", "corpus.txt"]
    with subprocess.Popen(command, cwd=made, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_it_and_its_workers(made: Path, number: int, status: int):
    command = [sys.executable, "-m", "seqcli", "tokenize", "--jobs", "2"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=made, env=ENV, start_new_session=True, **pipes) as process:
        process.stdin.write(b"a\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"a\n"
        os.killpg(process.pid, number)
        assert process.wait(timeout=20) == status
        assert b"Traceback" not in process.stderr.read()
    deadline = time.monotonic() + 10
    while (left := alive(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []


def alive(group: int) -> list[str]:
    """The processes of a group that have not ended."""
    listed = subprocess.run(["ps", "-e", "-o", "pgid=,stat=,args="], capture_output=True, check=True, text=True)
    rows = [line.split(maxsplit=2) for line in listed.stdout.splitlines()]
    return [" ".join(row) for row in rows if int(row[0]) == group and not row[1].startswith("Z")]


def test_a_terminal_with_nothing_to_read_gets_help(tmp_path: Path):
    master, slave = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "seqcli", "tokenize"],
        stdin=slave,
        capture_output=True,
        env=ENV,
        check=False,
        timeout=60,
    )
    os.close(master)
    os.close(slave)
    assert done.returncode == 2
    assert done.stdout == b""
    assert b"Usage: seqcli tokenize" in done.stderr


def test_torch_is_not_imported(made: Path):
    code = (
        "import sys; from seqcli.cli import app; status = app.run(sys.argv[1:]); "
        "sys.exit(status or ('torch' in sys.modules) * 9)"
    )
    command = [sys.executable, "-c", code, "tokenize", "-m", "unigram.safetensors", "corpus.txt"]
    done = subprocess.run(command, cwd=made, env=ENV, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


# counts and records


def test_counts(here, made: Path):
    shown = here("--count", input="aé\n\nb").text.split("\n")
    assert [line.split()[1] for line in shown[:4]] == ["3", "5", "6", "6"]
    words = here("--count", "--json", "-m", made / "word.safetensors", input="the zyxw\n")
    expected = {"lines": 1, "characters": 9, "bytes": 9, "tokens": 3, "unknown": 1, "tokens-per-character": 0.333333}
    assert json.loads(words.stdout) == expected
    empty = json.loads(here("--count", "--json", "--kind", "word", input="").stdout)
    assert empty == {"lines": 0, "characters": 0, "bytes": 0, "tokens": 0}


def test_records(here, made: Path):
    shown = here("--jsonl", "-m", made / "unigram.safetensors", input="the é\n\nx")
    records = [json.loads(line) for line in shown.text.splitlines()]
    assert [record["text"] for record in records] == ["the é", "", "x"]
    for record in records:
        found = record["seqcli"]
        assert len(found["tokens"]) == len(found["ids"]) == len(found["offsets"])
    assert records[0]["seqcli"]["offsets"][-1] == [4, 5]
    free = json.loads(here("--jsonl", "--kind", "char", input="ab\n").stdout)
    assert free == {"text": "ab", "seqcli": {"tokens": ["a", "b"], "offsets": [[0, 1], [1, 2]]}}


def test_records_from_a_field(here):
    lines = '{"id": 7, "body": "a b", "more": [1, null]}\n{"body": ""}\n'
    shown = here("--kind", "word", "--field", "body", input=lines).text.splitlines()
    assert json.loads(shown[0]) == {
        "id": 7, "body": "a b", "more": [1, None], "seqcli": {"tokens": ["a", "b"], "offsets": [[0, 1], [2, 3]]},
    }  # fmt: skip
    assert json.loads(shown[1])["seqcli"]["tokens"] == []


# mistakes


@pytest.mark.parametrize(
    ("args", "text", "place", "message"),
    [
        (
            ["-m", "char.safetensors", "--unknown", "strict"],
            "ok\nthe ☃ x\n",
            "bad.txt:2:5",
            "no symbol for '☃' (U+2603)",
        ),
        (["-m", "char.safetensors", "--count", "--unknown", "strict"], "ok\nthe ☃ x\n", "bad.txt:2:5", "'☃'"),
        (["-m", "bpe.safetensors", "--decode"], "5 6\n 7 x 8\n", "bad.txt:2:4", "'x' is not an id"),
        (["-m", "bpe.safetensors", "--decode"], "5 6\n7 1000\n", "bad.txt:2:3", "from 0 to 999"),
        (["-m", "bpe.safetensors", "--decode", "--pieces"], "a\n☃\n", "bad.txt:2:1", "not a piece"),
        (["--field", "x"], '{"x": "a"}\n{"x" 1}\n', "bad.txt:2:6", "not a JSON object"),
        (["--field", "x"], '{"x": "a"}\n{"y": 1}\n', "bad.txt:2:1", "the object has no 'x'"),
        (["--field", "x"], '{"x": "a"}\n{"x": "\\ud800"}\n', "bad.txt:2:7", "surrogate"),
    ],
)
def test_a_mistake_in_the_input_is_named_after_the_lines_before_it(
    args, text, place, message, made, monkeypatch, capfd
):
    monkeypatch.chdir(made)
    Path("bad.txt").write_text(text, encoding="utf-8")
    assert app.run(["tokenize", *args, "bad.txt"]) == 1
    shown = capfd.readouterr()
    assert place in shown.err
    assert message in shown.err
    assert shown.out.count("\n") == ("--count" not in args)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--kind", "chr"], "did you mean 'char'"),
        (["--kind", "word", "--ids"], "--learn"),
        (["--kind", "sentencepiece"], "--learn"),
        (["-m", "x", "--kind", "char"], "-m has its own"),
        (["-m", "x", "--set", "size=3"], "-m has its own"),
        (["-m", "there-is-no-such-run"], "no such model"),
        (["--kind", "sentencepiece", "--set", "sise=8"], "did you mean 'size'"),
        (["--kind", "sentencepiece", "--set", "size"], "KEY=VALUE"),
        (["--kind", "sentencepiece", "--set", "size=2", "--set", "model_type=x"], "model_type=x"),
        (["--kind", "byte", "--set", "size=2"], "has no settings"),
        (["--decode", "--count"], "cannot be combined"),
        (["--ids", "--jsonl"], "--ids and --jsonl cannot be combined"),
        (["--pieces"], "--decode"),
        (["--json"], "--count"),
        (["--learn", "x"], "--learn needs --kind"),
        (["--learn", "x", "--kind", "char", "--ids"], "--ids and --learn cannot be combined"),
        (["--learn", "x", "-m", "y"], "cannot be combined with -m"),
        (["--jobs", "0"], "--jobs"),
    ],
)
def test_wrong_usage(args: list[str], message: str, capsys, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert app.run(["tokenize", *args, os.devnull]) == 2
    shown = capsys.readouterr()
    assert message in shown.err
    assert shown.out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("path", "kind", "message"),
    [("no/x", "char", "no is not a writable folder"), (".", "char", "a folder"), ("x", "word", "no text")],
)
def test_what_cannot_be_learned_or_written(path: str, kind: str, message: str, capsys, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert app.run(["tokenize", "--learn", path, "--kind", kind, os.devnull]) == 1
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
