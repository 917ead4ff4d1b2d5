"""What ships beside the code is found in a checkout and in an installed package, and nothing else is taken for it."""

from __future__ import annotations

from pathlib import Path

import pytest

import seqcli
from seqcli import resources


@pytest.fixture
def package(tmp_path, monkeypatch) -> Path:
    """An empty package folder with a stranger's `data` and `recipes` beside it."""
    (tmp_path / "seqcli").mkdir()
    for folder in ("data", "recipes"):
        (tmp_path / folder).mkdir()
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "seqcli")
    return tmp_path


def test_a_stranger_s_folder_is_not_ours(package):
    assert resources.share("data") == package / "seqcli" / "_share" / "data"
    assert list(resources.share("data").glob("*")) == []


def test_a_checkout(package):
    for file in ("pyproject.toml", "README.md"):
        (package / file).touch()
    assert resources.share("recipes") == package / "recipes"


def test_an_installed_package(package):
    installed = package / "seqcli" / "_share" / "recipes"
    installed.mkdir(parents=True)
    for file in ("pyproject.toml", "README.md"):
        (package / file).touch()
    assert resources.share("recipes") == installed


def test_these_recipes():
    root = Path(seqcli.__file__).parent
    assert resources.share("recipes") in (root.parent / "recipes", root / "_share" / "recipes")
