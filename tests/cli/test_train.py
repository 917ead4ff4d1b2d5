"""`seqcli train`: what it writes, what it says, and what each option does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from seqcli import artifact


def sets(*changes: str) -> list[str]:
    return [part for change in changes for part in ("--set", change)]


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def log(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def same_weights(one: Path, other: Path) -> bool:
    a, b = (artifact.read(p / "model.safetensors").arrays for p in (one, other))
    return a.keys() == b.keys() and all(np.array_equal(x, b[n]) for n, x in a.items())


def test_what_a_run_writes_and_says(forks, place):
    done = forks.ok("train", "tiny.yaml", *sets("train.steps=20", "train.evaluate_every=5"), cwd=place)
    assert done.stdout == "runs/tiny/model.safetensors\n"
    run = place / "runs" / "tiny"
    assert sorted(p.name for p in run.iterdir()) == [
        "last.safetensors",
        "metrics.jsonl",
        "model.safetensors",
        "recipe.yaml",
    ]
    records = log(run)
    assert [r["step"] for r in records] == [5, 10, 15, 20]
    assert set(records[0]) >= {"step", "epoch", "seconds", "train_loss", "valid_loss", "learning_rate", "tokens"}
    said = done.stderr
    assert said.count("\nepoch ") == 4
    assert "corpus.txt: train 8," in said
    assert "char vocabulary of 22" in said
    assert re.search(r"model: 1 x 16 lstm, 2,214 parameters; float32 on cpu, 1 threads?, seed 1", said)
    assert re.search(r"valid: \d\.\d{4} nats/token, perplexity \d+\.\d\d, ", said)
    assert "6-gram baseline" in said
    assert "a sample, at temperature 0.8:" in said
    for line in re.findall(r"^  seqcli (.*)$", said, re.MULTILINE):  # what to type next works as it stands
        assert forks(*[p.strip('"') for p in re.findall(r'"[^"]*"|\S+', line)], cwd=place).returncode == 0, line
    scores = artifact.read_header(run / "model.safetensors")["scores"]
    assert scores["valid_loss"] == min(r["valid_loss"] for r in records)
    assert scores["baseline"]["margin"] == scores["baseline"]["cross-entropy"] - scores["valid"]["cross-entropy"]


def test_the_same_recipe_gives_the_same_bits_and_so_does_the_runs_own(forks, place):
    small = sets("train.steps=6", "model.dropout=0.2")
    forks.ok("train", "tiny.yaml", *small, cwd=place)
    forks.ok("train", "tiny.yaml", "--name", "again", *small, cwd=place)
    forks.ok("train", "runs/tiny/recipe.yaml", "--name", "from its own", cwd=place)
    forks.ok("train", "tiny.yaml", "--name", "other", *small, *sets("train.seed=2"), cwd=place)
    runs = place / "runs"
    assert same_weights(runs / "tiny", runs / "again")
    assert same_weights(runs / "tiny", runs / "from its own")
    assert not same_weights(runs / "tiny", runs / "other")
    before = (runs / "tiny" / "recipe.yaml").read_text()
    resolved = yaml.safe_load(before)
    assert resolved["train"]["steps"] == 6
    assert resolved["train"]["precision"] == "float32"
    assert resolved["train"]["device"] == "cpu"
    assert resolved["data"]["train"] == "../../corpus.txt"


def test_a_dry_run_writes_nothing(forks, place):
    before = tree(place)
    done = forks.ok("train", "tiny.yaml", "--dry-run", *sets("model.hidden=32"), cwd=place)
    assert tree(place) == before
    assert not (place / "runs").exists()
    for words in ("inputs and targets (16, 8) (T, B)", "weight_hh", "(128, 32)", "parameters", "memory: about"):
        assert words in done.stdout
    resolved = yaml.safe_load(done.stdout)  # the rest is comments
    assert resolved["model"]["hidden"] == 32
    (place / "resolved.yaml").write_text(done.stdout)
    again = forks.ok("train", "resolved.yaml", "--dry-run", cwd=place)
    assert yaml.safe_load(again.stdout) == resolved
    forks.ok("train", "tiny.yaml", *sets("train.steps=1"), cwd=place)
    forks.ok("train", "tiny.yaml", "--dry-run", cwd=place)  # whether or not there is a run


def test_quiet_says_warnings_alone(forks, place):
    (place / "learnt.txt").write_text("abcdefgh\n" * 300)
    easy = sets("data.train=learnt.txt", "train.steps=150", "train.learning_rate=0.02", "train.sequence_length=32")
    forks.ok("train", "tiny.yaml", "-q", "--name", "weak", *sets("train.steps=2"), cwd=place)
    weak = forks.ok("-q", "train", "tiny.yaml", "--overwrite", *sets("train.steps=2"), cwd=place)
    assert weak.stderr.startswith("warning: loses to the 6-gram baseline")
    assert weak.stderr.count("\n") == 1
    assert weak.stdout == "runs/tiny/model.safetensors\n"
    loud = forks.ok("train", "tiny.yaml", "--name", "easy", *easy, cwd=place)
    assert re.search(r"(beats|loses to) the 6-gram baseline", loud.stderr)


def test_snapshots_are_models(forks, place):
    forks.ok("train", "tiny.yaml", *sets("train.steps=7", "train.snapshot_every=3"), cwd=place)
    names = sorted(p.name for p in (place / "runs/tiny/snapshots").iterdir())
    assert names == ["step-00000003.safetensors", "step-00000006.safetensors"]
    for name in names:
        assert artifact.read_header(place / "runs/tiny/snapshots" / name)["scores"]["step"] == int(name[5:13])
        forks.ok("generate", "-m", f"runs/tiny/snapshots/{name}", "--prompt", "the", "--seed", 1, cwd=place)


def test_fine_tuning(forks, home, place, sentences):
    (place / "other.txt").write_text(sentences(300, 9).replace("the cat", "a cat").replace(".", "y."))
    base = home / "runs" / "tiny"
    changes = sets("data.train=other.txt", "train.steps=4", "train.evaluate_every=4", "model.dropout=0.1")
    forks.ok("train", "tiny.yaml", "--name", "fresh", *changes, cwd=place)
    done = forks.ok("train", "tiny.yaml", "--name", "tuned", "--init-from", base, *changes, cwd=place)
    assert "taken from" not in done.stderr
    fresh, tuned = (log(place / "runs" / n)[-1]["valid_loss"] for n in ("fresh", "tuned"))
    assert tuned < fresh - 0.5
    odd = forks.ok(
        *("train", "tiny.yaml", "--name", "odd", "--init-from", base, *changes),
        *sets("model.hidden=99", "tokenizer=byte", "model.dropout=0.3"),
        cwd=place,
    )
    assert "warning: taken from" in odd.stderr
    assert "model.hidden" in odd.stderr
    header = artifact.read_header(place / "runs/odd/model.safetensors")
    assert header["model"]["hidden"] == 16
    assert header["model"]["dropout"] == 0.3
    assert header["tokenizer"]["kind"] == header["recipe"]["tokenizer"]["kind"] == "char"
    again = forks.ok("train", "runs/odd/recipe.yaml", "--resume", *sets("train.steps=6"), cwd=place)
    assert "resumed at step 4" in again.stderr
    (place / "foreign.txt").write_text("the cat\nthe çat\n" * 200)
    refused = forks(
        "train", "tiny.yaml", "--name", "no", "--init-from", base, *sets("data.train=foreign.txt"), cwd=place
    )
    assert refused.returncode == 1
    assert "foreign.txt:2:5: the character 'ç'" in refused.stderr
    wrong = forks("train", "tiny.yaml", "--name", "no", "--init-from", home / "runs/counted", cwd=place)
    assert wrong.returncode == 2
    assert "is of the kind ngram; the recipe asks for language-model" in wrong.stderr


def test_over_fitting_is_said_and_the_earlier_model_kept(forks, place, sentences):
    (place / "little.txt").write_text(sentences(12, 3))
    (place / "judge.txt").write_text(
        sentences(60, 4, ["".join(w[::-1]) for w in ("the", "cat", "dog", "sat", "again")])
    )
    done = forks.ok(
        *("train", "tiny.yaml"),
        *sets("data={train: little.txt, valid: judge.txt}", "train.steps=120", "train.schedule=constant"),
        *sets("train.evaluate_every=10", "train.learning_rate=0.03", "model.hidden=48"),
        cwd=place,
    )
    records = log(place / "runs/tiny")
    best = min(records, key=lambda r: r["valid_loss"])
    assert best is not records[-1]
    assert f"over-fitting began after epoch {best['epoch']:.2f} (step {best['step']})" in done.stderr
    assert artifact.read_header(place / "runs/tiny/model.safetensors")["scores"]["step"] == best["step"]


def test_patience_ends_a_run_and_says_how_to_go_on(forks, place, sentences):
    (place / "judge.txt").write_text(sentences(60, 4, ["eht", "tac", "god"]))
    changes = sets("data.valid=judge.txt", "data.test=null", "train.patience=2", "train.evaluate_every=4")
    more = sets("train.steps=400", "train.schedule=constant", "train.learning_rate=0.05")
    forks.ok("train", "tiny.yaml", *changes, *more, cwd=place)
    steps = log(place / "runs/tiny")[-1]["step"]
    assert steps < 400
    again = forks.ok("train", "tiny.yaml", "--resume", *changes, *more, cwd=place)
    assert "--resume --set train.patience=" in again.stderr
    forks.ok("train", "tiny.yaml", "--resume", *changes, *more, *sets("train.patience=4"), cwd=place)
    assert log(place / "runs/tiny")[-1]["step"] > steps


@pytest.mark.parametrize("recipe", ["file", "override"])
def test_a_corpus_from_standard_input(forks, place, recipe):
    text = (place / "corpus.txt").read_text()
    (place / "corpus.txt").rename(place / "away.txt")
    piped = (place / "tiny.yaml").read_text().replace("train: corpus.txt", 'train: "-"')
    (place / "piped.yaml").write_text(piped)
    args = ["train", "piped.yaml"] if recipe == "file" else ["train", "tiny.yaml", *sets("data.train=-")]
    forks.ok(*args, "--name", "piped", *sets("train.steps=4"), cwd=place, input=text)
    run = place / "runs" / "piped"
    assert artifact.read_header(run / "model.safetensors")["data"]["name"] == "<stdin>"
    found = json.loads(forks.ok("-q", "eval", "-m", "piped", "--json", cwd=place).stdout)
    direct = forks.ok("train", "tiny.yaml", *sets("train.steps=4", "data.train=away.txt"), cwd=place)
    assert direct.stdout
    assert same_weights(run, place / "runs" / "tiny")
    assert (
        found["signature"]
        == json.loads(forks.ok("-q", "eval", "-m", "tiny", "--json", cwd=place).stdout)["signature"]
    )
    again = forks.ok("train", "runs/piped/recipe.yaml", "--resume", *sets("train.steps=6"), cwd=place)
    assert "resumed at step 4" in again.stderr  # with nothing on standard input
    assert artifact.read_header(run / "model.safetensors")["data"]["name"] == "<stdin>"


def test_runs_behind_links(forks, place, tmp_path):
    """A folder of runs on another disk, and a run that is resumed from where it stands."""
    (far := tmp_path / "disk" / "experiments").mkdir(parents=True)
    (place / "runs").symlink_to(far, target_is_directory=True)
    forks.ok("train", "tiny.yaml", *sets("train.steps=4"), cwd=place)
    assert "perplexity" in forks.ok("eval", "-m", "tiny", cwd=place).stdout
    (place / "mine").symlink_to(far / "tiny", target_is_directory=True)
    for where, recipe, steps in (
        (place, "runs/tiny", 6),
        (place, "mine", 8),
        (far, "tiny", 10),
        (far / "tiny", ".", 12),
    ):
        done = forks.ok("train", f"{recipe}/recipe.yaml", "--resume", *sets(f"train.steps={steps}"), cwd=where)
        assert f"resumed at step {steps - 2}" in done.stderr
        assert (where / done.stdout.strip()).samefile(far / "tiny/model.safetensors")
    assert sorted(p.name for p in far.iterdir()) == ["tiny"]


def test_the_token_cache_is_used_again(forks, place, tmp_path):
    cache = tmp_path / "cache"
    env = {"SEQCLI_CACHE": str(cache)}
    small = sets("train.steps=1")

    def entries() -> dict[str, int]:
        return {p.name: p.stat().st_mtime_ns for p in (cache / "tokens").glob("*.bin")}

    assert forks("train", "tiny.yaml", *small, cwd=place, env=env).returncode == 0
    first = entries()
    assert len(first) == 3  # a file a split
    assert (
        forks("train", "tiny.yaml", "--overwrite", *small, *sets("train.seed=5"), cwd=place, env=env).returncode == 0
    )
    assert entries() == first
    with (place / "corpus.txt").open("a") as file:
        file.write("the dog sat.\n")
    assert forks("train", "tiny.yaml", "--overwrite", *small, cwd=place, env=env).returncode == 0
    assert len(entries()) > 3
    assert first.items() <= entries().items()


def test_hello(forks, place):
    """The textbook's network learns its word."""
    root = Path(__file__).parents[2]
    forks.ok("train", root / "recipes" / "hello.yaml", *sets("train.threads=1"), cwd=place)
    out = forks.ok(
        "generate", "-m", "hello", "--prompt", "h", "--temperature", 0, "--max-tokens", 4, cwd=place
    ).stdout
    assert out == "ello"


def test_counted_models(forks, place):
    recipe = (place / "tiny.yaml").read_text().partition("\nmodel:")[0]
    (place / "counted.yaml").write_text(f"{recipe}\nmodel: {{kind: ngram, order: 3}}\n")
    done = forks.ok("train", "counted.yaml", cwd=place)
    assert done.stdout == "runs/counted/model.safetensors\n"
    assert "beats the 1-gram baseline" in done.stderr
    assert sorted(p.name for p in (place / "runs/counted").iterdir()) == ["model.safetensors", "recipe.yaml"]
    for flag in (["--resume"], ["--init-from", "counted"]):
        refused = forks("train", "counted.yaml", *flag, cwd=place)
        assert refused.returncode == 2
        assert "counted in one pass" in refused.stderr
    assert forks("train", "counted.yaml", cwd=place).returncode == 2  # it holds a run
    forks.ok("train", "counted.yaml", "--overwrite", cwd=place)
    dry = forks.ok("train", "counted.yaml", "--dry-run", cwd=place)
    assert yaml.safe_load(dry.stdout)["model"]["order"] == 3


TRANSFORMER = """\
task: language-model
tokenizer: char
data: {train: text.txt, valid: 0.1}
model: {kind: transformer, size: 16, heads: 2, layers: 1}
train: {steps: 60, sequence_length: 12, batch_size: 8, learning_rate: 1e-2, threads: 1}
"""


def test_a_transformer_as_a_language_model(forks, place, sentences):
    (place / "text.txt").write_text(sentences(200, 1))
    (place / "t.yaml").write_text(TRANSFORMER)
    done = forks("train", "t.yaml", cwd=place)
    assert done.returncode == 0, done.stderr
    assert "transformer-language-model, 1 layers, 16 wide" in done.stderr
    header = artifact.read_header(place / "runs" / "t" / "model.safetensors")
    assert header["model"]["window"] == 12
    losses = [line["valid_loss"] for line in log(place / "runs" / "t")]
    assert losses[-1] < 0.8 * losses[0]
    half = forks("train", "t.yaml", "--name", "half", "--set", "train.steps=30", cwd=place)
    assert half.returncode == 0, half.stderr
    for how in ("--prompt=the ", "--next=3"):
        args = ["generate", "-m", "runs/t", how, "--temperature", "0", "--max-tokens", "40"]
        assert forks.ok(*args, cwd=place, input="the \n").stdout
    scored = [forks.ok("eval", "-m", "runs/t", *more, "text.txt", cwd=place) for more in ([], ["--window", "12"])]
    assert all("cross-entropy" in s.stdout for s in scored)
    long = forks("train", "t.yaml", "--name", "long", "--set", "model.window=8", cwd=place)
    assert long.returncode == 2
    assert (
        "train.sequence_length is 12, but model.window 8: training sequences must fit into the window" in long.stderr
    )
