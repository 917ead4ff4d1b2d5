"""`--input frames` and `--input pcm`: one record on standard input, answered while it comes."""

from __future__ import annotations

import json
import math
import random
import signal
import wave
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import inprocess
from support.shared import shared

MODELS = Path(__file__).resolve().parents[1] / "net" / "models"
TRAIN = "train: {steps: 40, evaluate_every: 40, batch_size: 16, learning_rate: 1e-1, threads: 1}\n"
FILES = "train: train.jsonl, valid: train.jsonl, test: train.jsonl"
RECIPES = {
    "labels": f"""task: classification
frames: values
data: {{{FILES}, text: wave}}
model: {{cell: gru, embedding: 6, hidden: 8, bidirectional: false, pooling: attention,
  front_end: {{kind: conv, width: 3, layers: 1}}}}
""",
    "tags": f"""task: tagging
frames: values
data: {{{FILES}, field: wave, tag: signs}}
model: {{cell: lstm, embedding: 6, hidden: 8, bidirectional: false, head: softmax,
  front_end: {{kind: conv, width: 5, layers: 1, stride: 1}}}}
""",
    "symbols": f"""task: sequence-to-sequence
frames: values
tokenizer: char
data: {{{FILES}, source: wave, target: said}}
model: {{kind: ctc, cell: minlstm, embedding: 6, hidden: 8, layers: 1, bidirectional: false}}
""",
    "sounds": """task: classification
frames: {kind: mel, bands: 8}
data: {train: sounds.tsv, valid: sounds.tsv, test: sounds.tsv}
model: {cell: rnn, embedding: 6, hidden: 8, bidirectional: false, pooling: max}
""",
}


def recording(path: Path, seed: int) -> None:
    """Half a second of noise, or of a tone."""
    rng, t = np.random.default_rng(seed), np.arange(2000)
    x = rng.normal(0, 3000, 2000) if seed % 2 else 8000 * np.sin(t / 3)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 4000, 0, "NONE", ""))
        file.writeframes(x.astype("<i2").tobytes())


def waves(count: int) -> str:
    """Series of two numbers: how fast the first swings is the label, its signs are tags, where they change is text."""
    draw, lines = random.Random(1), []
    for _ in range(count):
        label, phase = draw.choice(["slow", "fast"]), draw.uniform(0, 6)
        rate = {"slow": 0.4, "fast": 1.1}[label]
        swing = [[round(math.sin(rate * t + phase), 3), round(draw.gauss(0, 1), 3)] for t in range(20)]
        signs = ["up" if x > 0 else "down" for x, _ in swing]
        said = "".join(b[0] for a, b in pairwise(["", *signs]) if a != b)
        lines.append(json.dumps({"wave": swing, "label": label, "signs": signs, "said": said}) + "\n")
    return "".join(lines)


@pytest.fixture(scope="session")
def heard(forks, tmp_path_factory) -> Path:
    """A folder with finished runs, not to be changed, and records."""

    def make(folder: Path) -> None:
        (folder / "train.jsonl").write_text(waves(48))
        rows = []
        for seed in range(16) if "sounds" in names() else ():
            recording(folder / f"{seed}.wav", seed)
            rows.append(f"{seed}.wav\t{('tone', 'noise')[seed % 2]}\n")
        (folder / "sounds.tsv").write_text("text\tlabel\n" + "".join(rows))
        for name in names():
            (folder / f"{name}.yaml").write_text(RECIPES[name] + TRAIN)
            forks.ok("train", f"{name}.yaml", cwd=folder)

    return shared(tmp_path_factory, "heard", make)


def names() -> list[str]:
    """The runs that can be made: recordings need what reads them."""
    try:
        import kaldi_native_fbank
        import soundfile
    except ImportError:
        return [name for name in RECIPES if name != "sounds"]
    assert kaldi_native_fbank
    assert soundfile
    return list(RECIPES)


@pytest.fixture
def say(heard) -> Callable[..., inprocess.Done]:
    """`say(verb, model, *args, input=...)`: what became of a command."""

    def run(verb: str, model: object, *args: object, input: bytes | str = b"") -> inprocess.Done:
        return inprocess.seqcli("-q", verb, "-m", model, *args, cwd=heard, input=input)

    return run


def swing(heard: Path, number: int = 3) -> list[list[float]]:
    return json.loads((heard / "train.jsonl").read_text().splitlines()[number])["wave"]


def lines(rows: list[list[float]]) -> str:
    return "".join(f"{a},{b}\n" for a, b in rows)


def objects(done: inprocess.Done) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.text.splitlines()]


def test_each_frame_has_the_tag_of_the_whole(heard, say):
    rows = swing(heard)
    done = say("tag", "tags", "--input", "frames", input=lines(rows))
    whole = objects(say("tag", "tags", "--jsonl", input=" ".join(f"{a},{b}" for a, b in rows) + "\n"))[0]["seqcli"]
    assert done.text.count("\n") == len(rows)
    for t, (line, token) in enumerate(zip(done.text.splitlines(), whole["tokens"], strict=True)):
        assert line == f"{t}\t{token['label']}\t{token['probability']:.4f}"
    first = objects(say("tag", "tags", "--input", "frames", "--jsonl", input=lines(rows)))[0]
    token = whole["tokens"][0]
    assert first == {"seqcli": {"time": 0.0, "label": token["label"], "probability": token["probability"]}}


def test_symbols_are_those_of_the_greedy_whole(heard, say):
    rows = swing(heard)
    given = json.dumps(rows) + "\n"
    whole = objects(say("generate", "symbols", "--beam", "1", "--jsonl", "--times", input=given))[0]["seqcli"]
    assert whole["text"]
    assert say("generate", "symbols", "--input", "frames", input=lines(rows)).text == whole["text"] + "\n"
    symbols = [
        one["seqcli"]
        for one in objects(say("generate", "symbols", "--input", "frames", "--jsonl", input=lines(rows)))
    ]
    assert [(one["text"], one["time"]) for one in symbols] == [(t["text"], t["start"]) for t in whole["times"]]


def test_the_last_label_is_that_of_the_whole_and_each_differs_from_the_one_before(heard, say):
    for number in range(6):
        rows = swing(heard, number)
        found = say("classify", "labels", "--input", "frames", input=lines(rows)).text.splitlines()
        cells = [line.split("\t") for line in found]
        assert cells[-1][1:] == say("classify", "labels", input=json.dumps(rows) + "\n").text.rstrip("\n").split("\t")
        assert cells[-1][0] == "18"  # two frames a step
        assert all(a[1] != b[1] for a, b in pairwise(cells[:-1]))


def test_samples_are_answered_as_their_recording(heard, say):
    pytest.importorskip("kaldi_native_fbank")
    pytest.importorskip("soundfile")
    for number in (0, 1):
        samples = (heard / f"{number}.wav").read_bytes()[44:]
        done = say("classify", "sounds", "--input", "pcm", input=samples)
        time, *answer = done.text.splitlines()[-1].split("\t")
        assert "\t".join(answer) == say("classify", "sounds", f"{number}.wav").text.rstrip("\n")
        assert time == "0.470"
    assert "of 4,000 samples a second" in inprocess.seqcli("inspect", "sounds", cwd=heard).text


def test_odd_samples_are_told(heard, say):
    pytest.importorskip("kaldi_native_fbank")
    pytest.importorskip("soundfile")
    whole = (heard / "0.wav").read_bytes()
    for given, status, message in (
        (b"", 0, ""),
        (b"a", 1, "error: <stdin>: an odd number of bytes: the last sample is cut short"),
        (b"ab" * 99, 1, "error: <stdin>: the recording is too short: less than one window"),
        (whole, 1, "error: <stdin> is a WAV file, not raw samples"),
    ):
        done = say("classify", "sounds", "--input", "pcm", input=given)
        assert (done.returncode, done.stderr.partition("\n")[0]) == (status, message)
        assert not done.text
    done = say("classify", "sounds", "--input", "pcm", input=whole[44:] + b"\x00")
    assert done.returncode == 1
    assert done.text == say("classify", "sounds", "--input", "pcm", input=whole[44:]).text
    done = say("classify", "sounds", "--input", "frames", input="1,2\n")
    assert done.returncode == 2
    assert "reads recordings: --input frames does not apply to it" in done.stderr


def test_odd_lines_are_told_after_what_precedes_them(heard, say):
    rows = lines(swing(heard))
    for line, message in (
        ("1,2,3", "1,2,3: it has 3 numbers a step, not 2 as in training"),
        ("1,x", "'x' is not a number"),
        ("", "'' is not a number"),
        ("nan,1", "nan,1: value 1, 1 is missing (NaN)"),
    ):
        done = say("tag", "tags", "--input", "frames", input=rows + line + "\n1,2\n")
        assert done.returncode == 1
        assert done.stderr.startswith(f"error: <stdin>:21: {message}")
        assert done.text == say("tag", "tags", "--input", "frames", input=rows).text
    done = say("tag", "tags", "--input", "frames", input=b"1,\xff\n")
    assert (done.returncode, done.text) == (1, "")
    assert "<stdin>:1:3: byte 0xff is not valid UTF-8" in done.stderr
    assert say("tag", "tags", "--input", "frames") == (0, b"", "")


@pytest.mark.parametrize(
    ("verb", "model", "message"),
    [
        ("classify", "waves", "it reads records from their ends too"),
        ("classify", "waves-linear", "it reads whole records"),
        ("classify", "remarks", "it reads text"),
        ("tag", "waves-tags", "the tag of a frame depends on the frames after it"),
        ("generate", "beeps", "its decoder needs whole records"),
        ("generate", "lm", "it reads text"),
    ],
)
def test_what_must_read_all_is_refused(say, verb, model, message):
    done = say(verb, MODELS / f"{model}.safetensors", "--input", "frames", input="1,2\n")
    assert done.returncode == 2
    assert f"{model}.safetensors cannot answer while its input arrives: {message}\n  hint: " in done.stderr


@pytest.mark.parametrize(("args", "odd"), [(("--top", 2), "--top"), (("x.txt",), "x.txt"), (("--jobs", 2), "--jobs")])
def test_what_serves_no_stream_is_refused(say, args, odd):
    done = say("classify", "labels", "--input", "frames", *args, input="1,2\n")
    assert done.returncode == 2
    assert f"{odd} does not apply to --input frames" in done.stderr
    assert "does not apply to it" in say("tag", "tags", "--input", "pcm").stderr


def test_answers_come_before_the_input_ends(spawn, heard):
    """Frames that a window of five sees are answered two frames later; signals and closed pipes end it."""
    process = spawn("-q", "tag", "-m", "tags", "--input", "frames", cwd=heard)
    process.stdin.write(lines(swing(heard)[:6]).encode())
    process.stdin.flush()
    assert [process.stdout.readline().partition(b"\t")[0] for _ in range(4)] == [b"0", b"1", b"2", b"3"]
    process.stdin.write(b"1,2\n")
    process.stdin.flush()
    assert process.stdout.readline().startswith(b"4\t")
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert b"Traceback" not in process.stderr.read()


def test_a_closed_pipe_ends_it_quietly(spawn, heard):
    process = spawn("-q", "generate", "-m", "symbols", "--input", "frames", cwd=heard)
    process.stdout.close()
    _, err = process.communicate(lines(swing(heard)).encode(), timeout=30)
    assert (process.returncode, err) == (141, b"")
