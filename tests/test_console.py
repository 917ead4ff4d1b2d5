"""What a person sees: numbers, tables, hints, and nothing of it on stdout."""

from __future__ import annotations

import io
from typing import Any

import pytest

from seqcli import console, errors
from seqcli.errors import SeqcliError, UsageError, did_you_mean, nearest


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0"),
        (1234, "1,234"),
        (9_999, "9,999"),
        (10_000, "10k"),
        (12_345, "12.3k"),
        (999_499, "999k"),
        (999_500, "1M"),
        (1_234_567, "1.23M"),
        (999_999_999, "1G"),
        (2.5e9, "2.5G"),
        (1.2e12, "1.2T"),
    ],
)
def test_count(number: float, shown: str) -> None:
    assert console.count(number) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0:00"), (59.4, "0:59"), (59.6, "1:00"), (75, "1:15"), (3599.7, "1:00:00"), (4000, "1:06:40")],
)
def test_duration(seconds: float, shown: str) -> None:
    assert console.duration(seconds) == shown


def test_a_table_is_aligned_and_has_no_trailing_space() -> None:
    lines = console.table(["name", "size", "of"], [["a", "1", "x"], ["longer", "1,000", ""]], right=[1])
    assert "".join(f"{line}\n" for line in lines) == "name     size  of\na           1  x\nlonger  1,000\n"
    assert console.table(["name"], []) == ["name"]


@pytest.mark.parametrize(
    ("verbosity", "shown"), [(-1, ["warning: w"]), (0, ["s", "warning: w"]), (1, ["s", "v", "warning: w"])]
)
def test_verbosity(
    verbosity: int, shown: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "verbosity", verbosity)
    console.say("s")
    console.say("v", level=1)
    console.warn("w")
    out, err = capfd.readouterr()
    assert out == ""
    assert err.splitlines() == shown


def test_an_error_and_its_hints(capfd: pytest.CaptureFixture[str]) -> None:
    console.error("what", "do this\nor that")
    out, err = capfd.readouterr()
    assert out == ""
    assert err == "error: what\n  hint: do this\n  hint: or that\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "coloured"), [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({}, False)]
)
def test_colour_is_for_terminals_that_want_it(
    environment: dict[str, str], coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)  # TERM is dumb otherwise
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    console.error("what")
    assert ("\x1b[" in terminal.getvalue()) == coloured


def test_a_closed_stderr_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    assert not console.is_terminal()


def test_progress_in_a_log_is_a_line_every_ten_seconds(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    clock = iter([0.0, 0.4, 5.0, 11.0, 15.0, 22.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    with console.progress("reading", 1000) as advance:
        for _ in range(5):
            advance(100)
    _, err = capfd.readouterr()
    assert err.splitlines() == ["reading 30% (300B, 27B/s)", "reading 50% (500B, 23B/s)"]


def test_progress_on_a_terminal_is_a_bar_that_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, *(float(n) for n in range(1, 1000))])
    monkeypatch.setattr(console.time, "monotonic", lambda: next(clock))
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    for unit in ("B", " tokens"):
        with console.progress("[reading]", 1000, unit) as advance:
            advance(100)
            advance(400)
        shown = terminal.getvalue()
        assert "[reading]" in shown
        assert "50%" in shown
        assert shown.endswith("\x1b[2K")  # the line is cleared
        terminal.truncate(0)


def test_progress_is_quiet_and_ends_well_when_the_work_fails(capfd: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        with console.progress("reading", None) as advance:
            advance(1)
            raise KeyError("x")

    with pytest.raises(KeyError):
        work()
    assert capfd.readouterr() == ("", "")


# errors


def test_errors_carry_what_to_do_and_the_exit_status() -> None:
    error = SeqcliError("what", hint="do this")
    assert (error.message, error.hint, error.status) == ("what", "do this", errors.DATA)
    assert str(error) == "what\ndo this"
    assert str(SeqcliError("what")) == "what"
    assert UsageError("what").status == errors.USAGE == 2
    assert isinstance(UsageError("what"), SeqcliError)


@pytest.mark.parametrize(
    ("word", "known", "hint"),
    [
        ("ltsm", ["lstm", "gru"], "did you mean 'lstm'?"),
        ("LSTM", ["lstm", "gru"], "did you mean 'lstm'?"),
        ("language_model", ["language-model"], "did you mean 'language-model'?"),
        ("xyz", ["lstm", "gru"], "known: gru, lstm"),
        ("xyz", [], ""),
        ("", ["lstm"], "known: lstm"),
    ],
)
def test_did_you_mean(word: str, known: list[str], hint: str) -> None:
    assert did_you_mean(word, known) == hint
    near: Any = nearest(word, known)
    assert (near is not None) == ("did you mean" in hint)
