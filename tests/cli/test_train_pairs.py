"""`seqcli train` on pairs of texts: what it says, mistakes in recipes, runs that stop and go on, what was trained."""

from __future__ import annotations

import json
import re
import shutil
import signal
from pathlib import Path

import pytest
from support.pairs import furnish, orders
from support.resuming import assert_same, ended_again_and_again, log, saves, sets

from seqcli import artifact


@pytest.fixture
def place(tmp_path) -> Path:
    """A folder with the recipes and data of `translators`, and no runs."""
    return furnish(tmp_path / "place")


FEW = ("train.steps=4", "train.evaluate_every=2")


# what it says


def test_what_a_run_says(forks, place):
    done = forks.ok("train", "back.yaml", cwd=place)
    assert done.stdout == "runs/back/model.safetensors\n"
    said = done.stderr
    assert said.startswith(
        "back-train.tsv: train 500, valid 40, test 40 pairs; 10 symbols\nwarning: valid: 20 of 40 records"
    )
    assert "\nmodel: 1 x 20 gru, both directions, " in said
    assert "best valid loss while training: " in said
    assert " nats/target token, at step " in said
    for split in ("valid", "test"):
        assert re.search(rf"^{split}: chrf [0-9.]+, .*\(beam 5, length penalty 1\)$", said, re.MULTILINE)
    scores = artifact.read_header(place / "runs/back/model.safetensors")["scores"]
    assert scores["baseline"]["metric"] == "chrf"
    assert scores["baseline"]["margin"] == pytest.approx(scores["valid"]["chrf"] - scores["baseline"]["chrf"])
    assert (
        f"beats the copied source (chrf {scores['baseline']['chrf']:.4g} on valid) by {scores['baseline']['margin']:.4g}"
        in said
    )
    examples = said.partition("examples: source, answer, (reference)\n")[2].splitlines()
    source, target = (place / "back-valid.tsv").read_text().splitlines()[0].split("\t")
    assert (examples[0].strip(), examples[2].strip()) == (source, f"({target})")
    commands = said.partition("next:\n")[2].splitlines()
    assert commands[0].endswith("| seqcli generate -m runs/back")
    for command in commands[1:]:  # what is printed runs
        words = command.split()
        assert words[0] == "seqcli"
        assert forks.ok(*words[1:], cwd=place).stdout
    assert forks.ok("generate", "-m", "runs/back", cwd=place, input="abc\n").stdout == "cba\n"


def test_other_kinds_say_what_they_are(forks, place):
    done = forks.ok("train", "former.yaml", *sets(*FEW), cwd=place)
    assert "model: transformer, 1 and 1 layers, 24 wide, " in done.stderr
    assert "warning: loses to the copied source" in done.stderr
    done = forks.ok("train", "copies.yaml", *sets(*FEW), cwd=place)
    assert re.match(r"order-train.en: train 500, valid 40, test 40 pairs; \d+ and \d+ symbols\n", done.stderr)


def test_a_dry_run_trains_nothing(forks, place):
    done = forks.ok("train", "copies.yaml", "--dry-run", cwd=place)
    assert "# train: 500 pairs\n# valid: 40 pairs\n# test: 40 pairs" in done.stdout
    assert re.search(
        r"# source tokens per pair: mean \d\.\d, most 6\n# target tokens per pair: mean \d\.\d, most 6\n", done.stdout
    )
    assert re.search(r"# batches: 16 per epoch, as source \(\d+, 8\)", done.stdout)
    assert "copy_source: true" in done.stdout
    assert "\ntarget_tokenizer:" in done.stdout
    assert not (place / "runs").exists()


def test_the_score_that_is_watched_decides(forks, place):
    for name in ("bleu", "exact-match"):
        done = forks.ok(
            "train", "copies.yaml", "--name", name,
            *sets("train.steps=40", "train.evaluate_every=10", f"train.watch={name}", "model.beam=1"), cwd=place,
        )  # fmt: skip
        records = log(place / "runs" / name)
        values = [r[name] for r in records if name in r]
        assert len(values) == 4
        assert all("valid_loss" in r for r in records if name in r)
        assert f"best {name} on valid while training: {max(values):.4f}" in done.stderr
        assert artifact.read_header(place / f"runs/{name}/model.safetensors")["scores"]["baseline"]["metric"] == name


# data


def test_standard_input(forks, place):
    text = (place / "back-train.tsv").read_text()
    done = forks.ok("train", "back.yaml", *sets(*FEW, "data.train=-", "data.format=tsv"), cwd=place, input=text)
    assert "train 500, valid 40, test 40 pairs" in done.stderr
    one = artifact.read_header(place / "runs/back/model.safetensors")["data"]["splits"]
    forks.ok("train", "back.yaml", "--name", "file", *sets(*FEW), cwd=place)
    other = artifact.read_header(place / "runs/file/model.safetensors")["data"]["splits"]
    assert one["train"]["sha256"] == other["train"]["sha256"]
    assert forks.ok("train", "runs/back/recipe.yaml", "--resume", *sets("train.steps=6"), cwd=place).returncode == 0
    refused = forks("train", "copies.yaml", *sets("data.train=-", "data.format=lines"), cwd=place, input="a\n")
    assert refused.returncode == 2
    assert "data.train is -, but standard input has no file beside it with the targets" in refused.stderr


def test_shares_and_pairs_that_are_left_out(forks, place):
    rows = (place / "back-train.tsv").read_text() + "a\t\n\tb\n" + "ab" * 300 + "\tab\n" + "abcabcabc\ta\n" * 2
    (place / "odd.tsv").write_text(rows)
    changes = sets(*FEW, "data.train=odd.tsv", "data.valid=0.1", "data.test=null", "data.ratio=6")
    done = forks.ok("train", "back.yaml", *changes, cwd=place)
    assert "warning: 2 pairs with a blank side are left out" in done.stderr
    assert "train 453, valid 50 pairs" in done.stderr
    left = [line for line in done.stderr.splitlines() if "training pairs are left out" in line]
    assert left
    for line in left:
        assert re.fullmatch(
            r"warning: \d of 453 training pairs are left out: (a side has more than 500 tokens"
            r"|one side is more than 6 times as long)",
            line,
        )


# mistakes


def test_all_mistakes_are_reported_at_once(forks, place):
    (place / "bad.yaml").write_text("""\
task: sequence-to-sequence
tokenizer: {kind: word, splt: rule}
target_tokenizer: chr
data:
  train: back-train.tsv
  vaild: back-valid.tsv
  format: tvs
model:
  attention: genral
  hiden: 8
  copy_source: maybe
train: {steps: 60, schedule: inverse-sqr}
""")
    done = forks("train", "bad.yaml", cwd=place)
    assert done.returncode == 2
    lines = done.stderr.removeprefix("error: ").splitlines()
    assert [line.partition(": ")[0] for line in lines[:-1]] == [f"bad.yaml:{n}" for n in (2, 3, 6, 7, 9, 10, 11, 12)]
    words = (
        "'split'",
        "'char'",
        "'valid'",
        "'tvs' is not a format of pairs",
        "'general'",
        "'hidden'",
        "copy_source",
        "'inverse-sqrt'",
    )
    for line, word in zip(lines, words, strict=False):
        assert word in line
    assert lines[-1].startswith("  hint: 8 mistakes in bad.yaml")
    assert not (place / "runs").exists()


@pytest.mark.parametrize(
    ("recipe", "changes", "status", "message"),
    [
        ("back", ["model.kind=seq2sq"], 2, "did you mean 'seq2seq'?"),
        ("back", ["train.watch=blue"], 2, "train.watch: 'blue' is not a score of this task\n  hint: did you mean 'bleu'?"),
        ("back", ["train.watch=bleu", "data.valid=null"], 2, "train.watch: bleu is measured on a validation split; set data.valid"),
        ("back", ["data.bleu_tokenize=13b"], 2, "13b"),
        ("back", ["model.attention=none", "model.copy_source=true"], 2, "model.copy_source copies what attention points to"),
        ("copies", ["model.tied=all"], 2, "model.tied: all needs one tokenizer for both sides"),
        ("former", ["model.heads=5"], 2, "heads"),
        ("back", ["data.longest=0"], 2, "data.longest"),
        ("back", ["data.ratio=0.5"], 2, "data.ratio"),
        ("back", ["data.train=back-tran.tsv"], 1, "did you mean 'back-train.tsv'"),
        ("back", ["data.train=short.tsv"], 1, "short.tsv:2:2: the row has 1 column"),
        ("back", ["data.valid=bytes.tsv"], 1, "bytes.tsv:1:4: byte 0xe9 is not valid UTF-8"),
        ("back", ["data.train=empty.tsv"], 1, "the train split has no pairs"),
        ("lacks", ["data.target=fr"], 1, "no such file: order-train.fr: it should hold the targets of order-train.en"),
        ("copies", ["data.valid=slip.en"], 1, "slip.en has 2 lines, slip.de has 1"),
        ("copies", ["data.target=null"], 2, "the file of the targets"),
    ],
)  # fmt: skip
def test_mistakes(forks, place, recipe, changes, status, message):
    (place / "short.tsv").write_text("a\tb\na\n")
    (place / "bytes.tsv").write_bytes(b"a\tb\xe9\n")
    (place / "empty.tsv").write_text("\n")
    (place / "slip.en").write_text("a\nb\n")
    (place / "slip.de").write_text("a\n")
    done = forks("train", f"{recipe}.yaml", *sets(*FEW, *changes), cwd=place)
    assert done.returncode == status, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert "this is a bug" not in done.stderr
    assert done.stdout == ""
    assert not [*place.glob("runs/*/*.safetensors")]


# stop and go on

STATE = {  # all that has a state
    "back": ("model.dropout=0.2", "model.word_dropout=0.1", "model.scheduled_sampling=0.3", "train.average=0.9", "train.epochs=2.2"),
    "former": ("model.dropout=0.2", "train.accumulate=2", "train.batch_tokens=200", "train.epochs=1.2", "train.watch=exact-match"),
}  # fmt: skip


@pytest.mark.parametrize("recipe", STATE)
def test_killed_and_resumed_it_ends_with_the_same_bits(forks, place, recipe):
    often = ("train.save_every=1e-9", "train.evaluate_every=8", "train.steps=null", *STATE[recipe])
    forks.ok("train", f"{recipe}.yaml", "--name", "alone", *sets(*often), cwd=place)
    run = place / "runs" / "killed"
    steps = ended_again_and_again(
        forks, ["train", f"{recipe}.yaml", *sets(*often)], run, signal.SIGKILL, saves(run, 14)
    )
    assert steps, "it was killed too seldom to prove anything"
    assert_same(place / "runs" / "alone", run)


def test_going_on_with_other_data_is_refused(forks, place):
    forks.ok("train", "back.yaml", *sets(*FEW), cwd=place)
    rows = (place / "back-train.tsv").read_text()
    (place / "back-train.tsv").write_text(rows + "a\tb\n")
    done = forks("train", "back.yaml", *sets("train.steps=8", "train.evaluate_every=2"), "--resume", cwd=place)
    assert done.returncode == 1
    assert "the data has changed since runs/back started: train" in done.stderr


def test_a_model_to_begin_from(forks, translators, place):
    """Its tokenizers and weights: what it knew it still knows."""
    shutil.copytree(translators / "runs" / "copies", place / "runs" / "copies")
    new = orders(40, 77)
    for mark, side in (("en", 0), ("de", 1)):
        (place / f"order-train.{mark}").write_text("".join(pair[side] + "\n" for pair in new))
    changes = sets("train.steps=2", "train.learning_rate=1e-6")
    forks.ok("train", "copies.yaml", "--name", "more", "--init-from", "runs/copies", *changes, cwd=place)
    old, fine = (artifact.read_header(place / f"runs/{name}/model.safetensors") for name in ("copies", "more"))
    assert fine["tokenizer"] == old["tokenizer"]
    assert fine["vocabulary"] == old["vocabulary"]
    assert fine["scores"]["test"]["exact-match"] == pytest.approx(old["scores"]["test"]["exact-match"], abs=0.06)


# what a file says of itself


def facts(text: str) -> dict[str, str]:
    """The lines above the recipe as {name: value}."""
    head = text.partition("\nrecipe\n")[0]
    return {line[:12].strip(): line[12:] for line in head.splitlines() if line[:12].strip()}


def test_inspect(forks, translators):
    def inspect(name: str) -> str:
        return forks.ok("inspect", name, cwd=translators).stdout

    back, copies, former, blunt = (facts(inspect(name)) for name in ("back", "copies", "former", "blunt"))
    assert re.fullmatch(r"seq2seq, cell gru, general attention, [\d,]+ parameters", back["model"])
    assert re.fullmatch(r"seq2seq, cell gru, general attention, copies, [\d,]+ parameters", copies["model"])
    assert re.fullmatch(r"seq2seq, cell gru, without attention, [\d,]+ parameters", blunt["model"])
    assert re.fullmatch(r"transformer, [\d,]+ parameters", former["model"])
    assert back["tokenizer"] == "char, vocabulary of 8, of both sides"
    assert back["answers"] == "beam 5, length penalty 1"
    sizes = artifact.read_header(translators / "runs/copies/model.safetensors")["vocabulary"]
    assert copies["tokenizer"] == f"word, vocabulary of {sizes['source'] - 2}, of the source"
    assert f"\n            word, vocabulary of {sizes['target'] - 2}, of the target\n" in inspect("copies")
    assert back["train"].startswith("back-train.tsv, 500 pairs, sha256 ")
    assert back["test"].startswith("back-test.tsv, 40 pairs, sha256 ")
    header = artifact.read_header(translators / "runs/back/model.safetensors")
    assert back["test score"].endswith("(beam 5, length penalty 1)")
    assert f"exact-match {header['scores']['test']['exact-match']:.4g}" in back["test score"]
    for line in header["scores"]["test"]["signature"].split("\n"):
        assert f"\n            {line}\n" in inspect("back")
    assert back["baseline"].startswith("copied source chrf ")
    whole = json.loads(forks.ok("inspect", "--json", "copies", cwd=translators).stdout)
    assert whole["vocabulary"] == sizes
    assert not sizes["shared"]
    for verb in ("tag", "classify"):
        refused = forks(verb, "-m", "back", cwd=translators, input="a\n")
        assert refused.returncode == 2
        assert (
            f"`{verb}` cannot use it\n  hint: use: seqcli generate or seqcli eval or seqcli embed -m "
            in refused.stderr
        )
