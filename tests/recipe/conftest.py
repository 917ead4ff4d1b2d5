"""An empty folder to stand in, and recipes written into it."""

from __future__ import annotations

import pytest

from seqcli.recipe import discover


@pytest.fixture
def alone(tmp_path, monkeypatch) -> None:
    """An empty current folder, and no packaged recipes but those a test makes in `packaged`."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(discover, "share", lambda folder: tmp_path / "packaged")


@pytest.fixture
def write(alone, tmp_path):
    """Write a recipe into the current folder; returns its name."""

    def put(text: str, name: str = "x.yaml") -> str:
        path = tmp_path / "here" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return name

    return put
