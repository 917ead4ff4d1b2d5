"""What is said while a model trains, where stderr is no terminal."""

from __future__ import annotations

import io
from contextlib import nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from support import inprocess

from seqcli import console
from seqcli.training import display
from seqcli.training.progress import Progress


@given(values=st.lists(st.floats(0, 100), min_size=1, max_size=60), width=st.integers(1, 30))
def test_bars_are_as_high_as_their_values(values, width):
    shown = display.sparkline(values, width)
    last = values[-width:]
    assert len(shown) == len(last)
    heights = [display.BARS.index(c) for c in shown]
    assert heights[last.index(min(last))] == 0
    if min(last) < max(last):
        assert heights[last.index(max(last))] == len(display.BARS) - 1
    assert [h for _, h in sorted(zip(last, heights, strict=True))] == sorted(heights)


def test_bars_by_hand():
    assert display.sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert display.sparkline([7, 7, 7]) == "▁▁▁"


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """The time that the display sees, in a list of one."""
    now = [100.0]
    monkeypatch.setattr(display.time, "monotonic", lambda: now[0])
    return now


def test_a_log_gets_a_line_every_ten_seconds(clock, capsys):
    progress = Progress(best=1.25)
    with display.Display("valid_loss") as shown:
        for step in range(1, 31):  # a step a second, of 1,000 tokens and a hundredth of the budget
            progress.step, progress.tokens = step, 1000 * step
            clock[0] += 1.0
            shown.step(progress, loss=2.0, norm=0.5, rate=1e-3, share=step / 100, total=100)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("step 10 (10%)  loss 2.0000  best valid 1.2500  norm 0.50  1,000 tokens/s  1:30 left")


def test_evaluations_are_said_once_each_and_not_when_quiet(monkeypatch, capsys):
    progress = Progress(step=40, best=1.5, best_step=40)
    progress.history = [{"step": 40, "epoch": 2.0, "train_loss": 1.75, "valid_loss": 1.5}]
    with display.Display("valid_loss") as shown:
        shown.evaluation(progress)
        progress.step = 60
        progress.history.append({"step": 60, "epoch": 3.0, "train_loss": 1.5, "valid_loss": None})
        shown.evaluation(progress)
        monkeypatch.setattr(console, "verbosity", -1)
        shown.evaluation(progress)
    assert capsys.readouterr().err.splitlines() == [
        "epoch   2.00  step     40  train 1.7500  valid 1.5000  *best",
        "epoch   3.00  step     60  train 1.5000",
    ]


def test_a_notice_is_said_or_shown(capsys):
    with display.Display("valid_loss") as shown:
        shown.notice("stopping")
    assert capsys.readouterr().err == "stopping\n"


@pytest.mark.parametrize("width", [20, 60, 200])
def test_as_high_from_the_first_moment_to_the_last(clock, monkeypatch, width):
    """What is said while it is drawn depends on it: see `Display`."""
    screen = Console(file=io.StringIO(), width=width, force_terminal=True)
    monkeypatch.setattr(console, "is_terminal", lambda: True)
    monkeypatch.setattr(console, "stderr", lambda: screen)
    progress = Progress(step=12_000, best=1.25, history=[{"valid_loss": 2.0}, {"valid_loss": 1.0}])
    with display.Display("valid_loss") as shown:

        def drawn() -> list[str]:
            assert shown._live is not None
            return ["".join(s.text for s in line) for line in screen.render_lines(shown._live.renderable)]

        assert len(drawn()) == 2
        for step in range(3):
            clock[0] += 1.0
            progress.tokens = 1000 * step
            shown.step(progress, loss=2.0, norm=0.5, rate=1e-3, share=step / 100, total=100_000)
            assert len(drawn()) == 2
        assert drawn()[1].startswith("loss 2.0000")
        shown.notice("stopping after this step; interrupt again to leave unsaved")
        assert len(drawn()) == 2
        assert drawn()[1].startswith("stopping after")
        shown.step(progress, loss=2.0, norm=0.5, rate=1e-3, share=0.1, total=100_000)
        assert drawn()[1].startswith("stopping after")


def test_the_bar_of_a_score_is_as_long_as_its_split(monkeypatch, tmp_path):
    seen = {}
    monkeypatch.setattr(
        console, "progress", lambda what, total, *_: nullcontext(seen.setdefault(what, [total]).append)
    )
    (tmp_path / "text.txt").write_text("hello world\n" * 100)
    recipe = "task: language-model\ntokenizer: char\ndata: {train: text.txt, valid: 0.2, split_at: character}\n"
    (tmp_path / "r.yaml").write_text(f"{recipe}train: {{steps: 2, sequence_length: 8}}\n")
    assert inprocess.seqcli("train", "r.yaml", cwd=tmp_path).returncode == 0
    total, *scored = seen["scoring valid"]
    assert (total, set(scored)) == (240, {239})  # of the model and of its baseline; the first token is context
