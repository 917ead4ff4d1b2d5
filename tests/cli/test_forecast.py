"""Models of numbers in the shell: a series goes on, its quantiles, how far forecasts are off."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from seqcli import artifact, load

RECIPE = """\
task: language-model
tokenizer: {kind: bins, size: 40, period: 12}
data: {train: %s, valid: 0.2, test: 0.2}
model: {cell: gru, embedding: 12, hidden: 16}
train: {steps: 60, sequence_length: 16, batch_size: 8, learning_rate: 1e-2, threads: 1}
"""


@pytest.fixture(scope="module")
def waves(forks, tmp_path_factory: pytest.TempPathFactory):
    """A folder with a run `rows`, trained on a series a line, and one `column`, on a value a line."""
    folder = tmp_path_factory.mktemp("waves")
    values = [[math.sin(t / 12 * math.tau + start) + (t * 7 % 5) / 20 for t in range(60)] for start in range(30)]
    (folder / "rows.txt").write_text("".join(", ".join(f"{x:.3f}" for x in row) + "\n" for row in values))
    (folder / "column.txt").write_text("\n".join("".join(f"{x:.3f}\n" for x in row) for row in values))
    for name in ("rows", "column"):
        (folder / f"{name}.yaml").write_text(RECIPE % f"{name}.txt")
        forks.ok("-q", "train", f"{name}.yaml", cwd=folder)
    return folder


@pytest.fixture
def ask(forks, waves):
    """`ask(verb, *args, input="")`: the result of a command, whatever its status."""
    return lambda *args, input="": forks("-q", *args, cwd=waves, input=input)


def test_a_series_goes_on(ask):
    out = ask("generate", "-m", "rows", "--seed", 1, "--max-tokens", 5, input="0.1, 0.5, 0.9\n0.3\n").stdout
    rows = [line.split(", ") for line in out.splitlines()]
    assert len(rows) == 2
    assert all(-2 < float(x) < 2 for row in rows for x in row)
    assert len(rows[0]) <= 5
    raw = ask("generate", "-m", "rows", "--seed", 1, "--max-tokens", 3, "--prompt", "0.1, 0.5").stdout
    assert raw.startswith(", ")
    echo = ask("generate", "-m", "rows", "--seed", 1, "--max-tokens", 3, "--echo", input="0.1, 0.5\n").stdout
    assert [float(x) for x in echo.split(", ")][:2] == [0.1, 0.5]


def test_a_column_is_one_series_up_to_a_blank_line(ask):
    given = "0.1\n0.5\n0.9\n\n0.3\n0.2\n"
    out = ask("generate", "-m", "column", "--seed", 1, "--max-tokens", 4, input=given).stdout
    first, second, rest = out.split("\n\n")
    assert rest == ""
    assert [len([float(x) for x in part.splitlines()]) <= 4 for part in (first, second)] == [True, True]
    objects = ask("generate", "-m", "column", "--seed", 1, "--jsonl", "--quantiles", "0.5", input=given).stdout
    assert [json.loads(line)["prompt"].split() for line in objects.splitlines()] == [
        ["0.1", "0.5", "0.9"],
        ["0.3", "0.2"],
    ]
    for reading in ((), ("--prompt", "0.1\n0.5\n\nx\n")):
        failed = ask("generate", "-m", "column", *reading, input="0.1\n0.5\n\nx\n")
        assert failed.returncode == 1
        assert ":4:1: 'x' is not a number" in failed.stderr


def test_quantiles(ask, waves):
    asked = ("generate", "-m", "rows", "--quantiles", "0.1,0.5,0.9", "--max-tokens", 6, "--seed", 4)
    out = ask(*asked, "--prompt", "0.1, 0.5, 0.9").stdout
    table = np.array([[float(x) for x in line.split("\t")] for line in out.splitlines()])
    assert table.shape == (6, 3)
    assert (np.diff(table, axis=1) >= 0).all()
    assert ask(*asked, input="0.1, 0.5, 0.9\n").stdout == out
    found = json.loads(ask(*asked, "--jsonl", "-n", 7, "--prompt", "0.1, 0.5, 0.9").stdout)["seqcli"]
    assert found["samples"] == 7
    assert found["seed"] == 4
    assert list(found["quantiles"]) == ["0.1", "0.5", "0.9"]
    assert [len(steps) for steps in found["quantiles"].values()] == [6, 6, 6]
    own = load(waves / "runs/rows/model.safetensors").forecast("0.1, 0.5, 0.9", 6, seed=4)
    assert np.allclose(own, table, rtol=1e-4)
    jobs = ask(*asked, "--jobs", 2, input="0.1, 0.5\n0.3\n0.2\n").stdout
    assert jobs == ask(*asked, input="0.1, 0.5\n0.3\n0.2\n").stdout


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--quantiles", "0.5,2"), "numbers from 0 to 1"),
        (("--quantiles", "x"), "numbers from 0 to 1"),
        (("--quantiles", ""), "numbers from 0 to 1"),
        (("--quantiles", "0.5", "--next", "3"), "--next cannot be combined with it"),
        (("--quantiles", "0.5", "--stop", "3"), "--stop cannot be combined with it"),
        (("--quantiles", "0.5", "--input", "csv"), "one more column"),
    ],
)
def test_what_has_no_quantiles_is_refused(ask, given, said: str):
    done = ask("generate", "-m", "rows", *given, input="1\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_models_of_text_have_no_quantiles_and_no_horizon(forks, home):
    for asked in (("generate", "--quantiles", "0.5"), ("eval", "--horizon", 5)):
        done = forks(asked[0], "-m", "tiny", *asked[1:], cwd=home, input="the\n")
        assert done.returncode == 2
        assert "for models of numbers" in done.stderr


def test_what_is_beyond_the_bins_is_told_or_stopped_at(forks, waves):
    asked = ("generate", "-m", "rows", "--seed", 1, "--max-tokens", 2)
    assert "there is no symbol for '77'" in forks(*asked, cwd=waves, input="0.1, 77\n").stderr
    strict = forks(*asked, "--unknown", "strict", cwd=waves, input="0.1, 77\n")
    assert strict.returncode == 1
    assert "<stdin>:1:6" in strict.stderr


def test_training_stops_at_what_is_no_number(forks, waves):
    (waves / "gaps.txt").write_text("0.5 0.7\n0.1 NA 0.3\n" * 50)
    done = forks("-q", "train", "rows.yaml", "--set", "data.train=gaps.txt", "--name", "gaps", cwd=waves)
    assert done.returncode == 1
    assert "gaps.txt:2:5: 'NA' is not a number" in done.stderr


@pytest.mark.parametrize("name", ["rows", "column"])
def test_eval_says_how_far_off_it_is(ask, name: str):
    report = json.loads(ask("eval", "-m", name, "--json", "--horizon", 6).stdout)
    for kind in ("", "linear-", "naive-", "seasonal-", "horizon-", "horizon-linear-", "horizon-seasonal-"):
        assert report[f"{kind}rmse"] >= report[f"{kind}mae"] > 0
    assert 0 <= report["interval-coverage"] <= 1
    assert {len(steps) for steps in report["steps"].values()} == {6}
    assert report["counts"]["steps"] == 6
    shown = ask("eval", "-m", name, "--horizon", 6).stdout
    assert "interval-coverage" in shown
    assert "linear-rmse" in shown
    assert len([line for line in shown.splitlines() if line.split()[:1] in (["1"], ["6"])]) == 2
    assert float(ask("eval", "-m", name, "--metric", "linear-rmse").stdout) == pytest.approx(
        report["linear-rmse"], rel=1e-4
    )
    window = ask("eval", "-m", name, "--window", 8, "--horizon", 6)
    assert window.returncode == 2


def test_probabilities_are_sharpened_once(forks, waves):
    path = waves / "runs/rows/model.safetensors"
    before = path.read_bytes()
    header = artifact.read_header(path)
    assert header["decoding"]["sharpened"] > 0
    assert {"intercept", "weights"} == header["forecast"].keys()
    forks.ok("-q", "train", "runs/rows/recipe.yaml", "--resume", cwd=waves)
    assert path.read_bytes() == before
