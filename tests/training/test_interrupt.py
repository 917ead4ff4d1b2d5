"""The first signal asks, the second leaves; afterwards all is as it was."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from seqcli.training import interrupt


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_first_and_second_signal(monkeypatch, capsys, number):
    left: list[int] = []
    monkeypatch.setattr(os, "_exit", left.append)
    before = signal.getsignal(number)
    with interrupt.Interrupt() as caught:
        assert caught.wanted == 0
        signal.raise_signal(number)
        assert (caught.wanted, left) == (number, [])
        assert "interrupt again to leave unsaved" in capsys.readouterr().err
        signal.raise_signal(signal.SIGINT)
        assert left == [130]
    assert signal.getsignal(number) is before


def test_the_same_signal_twice_is_one(monkeypatch, capsys):
    """Where processes train together, a terminal sends it and who started them hands it on."""
    left: list[int] = []
    monkeypatch.setattr(os, "_exit", left.append)
    now = [100.0]
    monkeypatch.setattr(interrupt.time, "monotonic", lambda: now[0])
    with interrupt.Interrupt(same=1.0) as caught:
        for _ in range(2):
            signal.raise_signal(signal.SIGINT)
        assert (caught.wanted, left, capsys.readouterr().err.count("interrupt again")) == (signal.SIGINT, [], 1)
        now[0] += 1.1
        signal.raise_signal(signal.SIGINT)
        assert left == [130]


def test_a_signal_amid_a_write_to_stderr():
    """Python forbids a handler to write where the interrupted code was writing: it must not end the run."""

    def say(text: str) -> None:
        raise RuntimeError("reentrant call inside <_io.BufferedWriter name='<stderr>'>")

    with interrupt.Interrupt(say) as caught:
        signal.raise_signal(signal.SIGTERM)
    assert caught.wanted == signal.SIGTERM


def test_outside_the_main_thread_nothing_is_touched():
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def work() -> None:
        with interrupt.Interrupt() as caught:
            seen.append((caught.wanted, signal.getsignal(signal.SIGINT) is before))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(0, True)]
