"""Models of frames in use: what looks at words refuses clearly, recipes' mistakes stand at their line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.inprocess import Done, seqcli

NET = Path(__file__).parents[1] / "net" / "models"
WAVE, VECTORS, BEEP = "0 1 2 1:1 0 1 0\n", "0,1 2,1 1,0\n", "0 0 1 1 0:1 1 0 0 0\n"


def run(*args: object, cwd: Path, input: str = "") -> Done:
    """A command on models of tests/net."""
    names = {path.stem for path in NET.glob("*")}
    return seqcli(*(NET / f"{a}.safetensors" if a in names else a for a in args), cwd=cwd, input=input)


REFUSED = [
    ("classify -m waves --explain --jsonl", "--explain leaves words out, but this model reads frames"),
    ("classify -m waves --attention --jsonl", "does not weigh its tokens"),
    ("classify -m waves --nodes --jsonl", "no labels at nodes"),
    ("generate -m beeps --explain --jsonl", "reads frames"),
    ("generate -m beeps-ctc --explain --jsonl", "reads frames"),
    ("generate -m beeps-ctc --draw x.png", "is for models with a decoder"),
    ("generate -m beeps-ctc --ensemble beeps-ctc", "a CTC model cannot be part of an ensemble"),
    ("generate -m beeps --ensemble back", "have different frames"),
    ("generate -m back --ensemble beeps", "have different frames"),
    ("generate -m beeps --lm lm-words", "--lm is for CTC models"),
    ("generate -m beeps --times --jsonl", "--times is for CTC models"),
    ("generate -m beeps-ctc --lm lm", "reads symbols of the kind char, but this model writes word"),
    ("look why -m waves in", "this model reads frames"),
    ("look flow -m waves in", "this model reads frames"),
    ("look gates -m waves in", "this model reads frames"),
    ("look attention -m waves in", "this model reads frames"),
    ("look neighbors x -m waves", "no embeddings"),
    ("look why -m waves-tags in", "this model reads frames"),
    ("look flow -m waves-tags in", "this model reads frames"),
    ("look gates -m waves-tags in", "this model reads frames"),
    ("look why -m beeps in", "reads frames"),
    ("look flow -m beeps in", "reads frames"),
    ("look neighbors x -m beeps", "reads frames"),
    ("look attention -m beeps-ctc in", "a decoder"),
    ("look why -m beeps-ctc in", "reads frames"),
    ("look why -m waves-linear in", "no layers to look at"),
]


@pytest.mark.parametrize(("command", "said"), REFUSED)
def test_what_does_not_apply_is_refused(tmp_path, command, said):
    of_tags, beeps = "waves-tags" in command, "beeps" in command
    record = {"source": [[0, 1], [1, 0]], "target": "dit"} if beeps else {"wave": [[0, 1], [1, 0]]}
    record |= {"label": "slow", "signs": ["up", "up"]}
    (tmp_path / "in").write_text(json.dumps(record) + "\n")
    done = run(*command.split(), cwd=tmp_path, input=VECTORS if of_tags else BEEP)
    assert done.returncode in (1, 2)
    assert done.returncode == 2 or "neighbors" in command
    assert said in done.stderr
    assert "bug" not in done.stderr
    assert not done.stdout


@pytest.mark.parametrize("model", ["waves", "waves-linear", "waves-tags", "beeps", "beeps-ctc"])
def test_inspect_tells_the_frames(tmp_path, model):
    done = run("inspect", model, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "values, 2 numbers each, to mean 0 and deviation 1" in done.text
    assert json.loads(run("inspect", model, "--json", cwd=tmp_path).text)


def test_what_a_tagger_explains_is_its_frames(tmp_path):
    """Named in a file as written on the line: the same weights."""
    np.save(tmp_path / "x.npy", np.array([[0, 1], [2, 1], [1, 0]], np.float32))
    done = run("tag", "-m", "waves-tags", "--explain", "--jsonl", cwd=tmp_path, input=VECTORS + "x.npy\n")
    assert done.returncode == 0, done.stderr
    one, other = ([t["explanation"] for t in json.loads(x)["seqcli"]["tokens"]] for x in done.text.splitlines())
    assert one == other
    assert any(w for w in one[0]["weights"] if w)


def test_attention_and_times_count_frames(tmp_path):
    done = run("generate", "-m", "beeps", "--attention", "--jsonl", cwd=tmp_path, input=BEEP)
    found = json.loads(done.text)["seqcli"]
    assert np.array(found["attention"]).shape == (len(found["tokens"]), 5)
    done = run("generate", "-m", "beeps-ctc", "--times", "--jsonl", cwd=tmp_path, input=BEEP)
    times = json.loads(done.text)["seqcli"]["times"]
    assert times
    assert all(0 <= t["start"] < t["end"] <= 5 for t in times)


def test_the_same_model_twice_is_an_ensemble(tmp_path):
    alone = run("generate", "-m", "beeps", cwd=tmp_path, input=BEEP)
    both = run("generate", "-m", "beeps", "--ensemble", "beeps", cwd=tmp_path, input=BEEP)
    assert both.returncode == 0, both.stderr
    assert both.text == alone.text


def test_answers_do_not_depend_on_how_they_are_asked_for(tmp_path):
    lines = "".join(f"{' '.join('0121'[: n % 4 + 1])}:{' '.join('1010'[: n % 4 + 1])}\n" for n in range(9))
    for verb, model in (("classify", "waves"), ("generate", "beeps"), ("generate", "beeps-ctc")):
        (one, other, third) = (
            run(verb, "-m", model, "--jsonl", "--batch-size", size, cwd=tmp_path, input=lines) for size in (1, 4, 100)
        )
        assert one.returncode == 0, one.stderr
        assert one.stdout == other.stdout == third.stdout


@pytest.mark.parametrize("model", ["waves", "waves-tags", "beeps", "beeps-ctc"])
def test_eval_names_the_record_that_cannot_be_read(tmp_path, model):
    good = {
        "wave": [[0, 1], [1, 0]],
        "source": [[0, 1], [1, 0]],
        "target": "dit",
        "label": "slow",
        "signs": ["up"] * 2,
    }
    bad = {**good, "wave": "gone.npy", "source": "gone.npy"}
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(r) + "\n" for r in (good, bad)))
    done = run("eval", "-m", model, "in.jsonl", cwd=tmp_path)
    assert done.returncode == 1
    assert "in.jsonl:2:" in done.stderr
    assert "gone.npy: No such file" in done.stderr


def test_a_prefix_needs_a_source(tmp_path):
    record = json.dumps({"source": "", "begin": "dit"}) + "\n"
    done = run("generate", "-m", "beeps", "--input", "jsonl", "--prefix", "begin", cwd=tmp_path, input=record)
    assert done.returncode == 1
    assert "<stdin>:1:" in done.stderr
    assert "the series is empty" in done.stderr


def test_sources_that_are_cut_are_told(tmp_path):
    long = ":".join(["1 " * 501] * 2) + "\n"
    for jobs in (1, 2):
        done = run("generate", "-m", "beeps-ctc", "--jobs", jobs, cwd=tmp_path, input=BEEP + long * 2)
        assert done.returncode == 0, done.stderr
        if jobs == 1:
            assert "<stdin>:2:1: 501 frames, but only the first 500 are read" in done.stderr
            one = done.stdout
    assert done.stdout == one


# recipes

DATA = "data: {train: in.jsonl}"
MISTAKES = {
    "frames with a tokenizer": ("classification", f"frames: values\ntokenizer: char\n{DATA}", 3, "tokenizer: frames are"),
    "a model of text": ("classification", f"frames: values\n{DATA}\nmodel: {{kind: bag}}", 2, "bag reads text"),
    "a task of text": ("language-model", f"frames: values\n{DATA}", 2, "reads text, not frames"),
    "no frames": ("classification", f"tokenizer: char\n{DATA}\nmodel: {{front_end: conv}}", 4, "model.front_end: it is"),
    "ctc without": (
        "sequence-to-sequence", f"tokenizer: char\n{DATA}\nmodel:\n  kind: ctc\n  front_end: conv", 6, "it is for frames"
    ),
    "linear without": ("classification", f"{DATA}\nmodel: {{kind: frames-linear}}", 3, "frames-linear reads frames"),
    "stride": ("tagging", f"frames: values\n{DATA}\nmodel:\n  front_end: conv", 5, "every frame has a tag"),
    "patches": ("tagging", f"frames: values\n{DATA}\nmodel: {{front_end: patches}}", 4, "every frame has a tag"),
    "word dropout": ("classification", f"frames: values\n{DATA}\nmodel: {{word_dropout: 0.1}}", 4, "it is for text"),
    "of a tagger": ("tagging", f"frames: values\n{DATA}\nmodel: {{word_dropout: 0.1}}", 4, "it is for text"),
    "characters": ("classification", f"frames: values\n{DATA}\nmodel: {{characters: cnn}}", 4, "it is for text"),
    "linear": ("classification", f"frames: values\n{DATA}\nmodel: {{linear: true}}", 4, "it is for text"),
    "features": ("tagging", f"frames: values\n{DATA}\nmodel: {{features: [pos]}}", 4, "it is for text"),
    "copying": (
        "sequence-to-sequence", f"frames: values\ntokenizer: char\n{DATA}\nmodel: {{copy_source: true}}", 5, "it is for text"
    ),
    "tied": ("sequence-to-sequence", f"frames: values\ntokenizer: char\n{DATA}\nmodel: {{tied: all}}", 5, "it is for text"),
    "two tokenizers": (
        "sequence-to-sequence", f"frames: values\ntokenizer: char\ntarget_tokenizer: char\n{DATA}", 4, "is for the target"
    ),
    "vectors": ("classification", "frames: values\ndata: {train: in.jsonl, vectors: x.vec}", 3, "data.vectors: it is"),
    "restoring": ("tagging", "frames: values\ndata: {train: in.jsonl, restore: case}", 3, "data.restore: it is for text"),
    "an option": (
        "classification", f"frames: values\n{DATA}\nmodel: {{front_end: {{kind: conv, strid: 1}}}}", 4, "did you mean 'stride'"
    ),
    "a kind": ("classification", f"frames: melody\n{DATA}", 2, "unknown frames 'melody'"),
    "augment": ("classification", f"frames: {{kind: values, augment: {{nois: 1}}}}\n{DATA}", 2, "did you mean 'noise'"),
    "cepstra": ("classification", f"frames: {{kind: mfcc, bands: 10, cepstra: 11}}\n{DATA}", 2, "at most the number of bands, 10, not 11"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_stands_at_its_line(tmp_path, name):
    task, recipe, line, said = MISTAKES[name]
    (tmp_path / "r.yaml").write_text(f"task: {task}\n{recipe}\n")
    done = run("train", "r.yaml", cwd=tmp_path)
    assert done.returncode == 2
    first = next(x for x in done.stderr.splitlines() if said in x)
    assert f"r.yaml:{line}: " in first


def test_what_has_the_defaults_is_no_mistake(tmp_path):
    """As a run's own recipe states them all."""
    from seqcli.recipe.load import load_recipe

    (tmp_path / "r.yaml").write_text(
        "task: sequence-to-sequence\nframes: values\ntokenizer: char\ndata: {train: in.jsonl}\n"
        "model: {tied: none, copy_source: false, word_dropout: 0.1, front_end: null}\n"
    )
    assert load_recipe(tmp_path / "r.yaml").frames.kind == "values"
