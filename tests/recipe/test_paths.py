"""Moved recipes still read the same files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from seqcli.files import expand
from seqcli.recipe.load import load_recipe
from seqcli.recipe.paths import moved, rebase, rebase_text, relative
from seqcli.recipe.positions import parse

RECIPE = """\
# seqcli train recipes/x.yaml
task: language-model   # the only one
tokenizer: char
data:
  train: [ '../data/a b.txt', "../data/*.txt", ../data/c.txt ]  # three
  valid: &held ../data/c.txt
  test: *held
model: {cell: gru}
"""


@pytest.fixture
def tree(tmp_path, monkeypatch) -> Path:
    (tmp_path / "data").mkdir()
    for name in ("a b.txt", "c.txt", "d.txt"):
        (tmp_path / "data" / name).write_text(name)
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "x.yaml").write_text(RECIPE)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(data, base: Path) -> list[list[str]]:
    listed = [v if isinstance(v, list) else [v] for v in (data["train"], data["valid"], data["test"])]
    return [[os.path.realpath(f) for f in expand(v, base)] for v in listed]


@pytest.mark.parametrize("folder", ["deep/er", ".", "recipes", "data"])
def test_text_and_recipe_move_alike(tree, folder):
    recipe = load_recipe("recipes/x.yaml")
    before = files(recipe.data.model_dump(), recipe.base)
    assert len(before[0]) == 5
    text, changes = rebase_text(RECIPE, recipe.base, Path(folder))
    read = parse(text, "x")
    assert read.problems == []
    assert files(read.value["data"], Path(folder)) == before
    assert [key for key, _, _ in changes] in ([], ["data.train[0]", "data.train[1]", "data.train[2]", "data.valid"])
    at = rebase(recipe, Path(folder))
    assert files(at.data.model_dump(), at.base) == before
    if folder == "recipes":
        assert text == RECIPE
    # nothing but the paths has changed
    kept = [line for line in RECIPE.splitlines() if "../data" not in line]
    assert [line for line in text.splitlines() if line in kept] == kept
    assert "# three" in text
    assert "&held" in text


def test_names_and_what_is_not_there_stay(tree):
    here, there = Path("recipes"), Path("deep/er")
    for path in ("python-docs", "-", "", "/dev/null", "~/x.txt", "../data/none.txt", "../data/*.md"):
        assert moved(path, here, there) == path
    assert moved("../data/c.txt", here, there) == "../../data/c.txt"
    assert moved("../data/[cd].txt", here, there) == "../../data/[cd].txt"


def test_paths_lead_through_links(tree, tmp_path_factory):
    """`..` in a folder that is a link leads to the folder around its target."""
    far = tmp_path_factory.mktemp("far") / "runs"
    far.mkdir()
    for link in (tree / "runs", tree / "deep/runs"):
        link.symlink_to(far, target_is_directory=True)
        for path in ("data/c.txt", "data/*.txt"):
            new = moved(path, Path(), link / "one")  # a folder that is yet to be made
            (link / "one").mkdir(exist_ok=True)
            found = [os.path.realpath(f) for f in expand([new], link / "one")]
            assert found == [os.path.realpath(f) for f in expand([path], Path())]
    (tree / "linked").symlink_to(tree / "data", target_is_directory=True)
    assert (
        relative(Path("linked/c.txt"), Path("deep")) == "../linked/c.txt"
    )  # the link's own name where it leads there


def test_paths_of_the_command_line_are_of_the_current_folder(tree):
    """Where no file or glob matches there, they are relative to the recipe, as those in it."""
    (tree / "own.txt").write_text("own")
    (tree / "ptb").mkdir()
    for given, found in {
        "data.train=own.txt": "../own.txt",
        "data.train=[own.txt, data/*.txt]": ["../own.txt", "../data/*.txt"],
        "data={train: own.txt, valid: 0.1}": "../own.txt",
        "data.train=../data/c.txt": "../data/c.txt",  # as in the recipe
        "data.train=ptb": "ptb",  # a data set, not the folder
        "data.train=none.txt": "none.txt",
    }.items():
        assert load_recipe("recipes/x.yaml", [given]).data.train == found
    replayed = load_recipe("recipes/x.yaml", ["data.replay={share: 0.5, train: own.txt}"]).data.replay
    assert replayed["train"] == "../own.txt"


def test_a_share_is_no_path(tree):
    recipe = rebase(load_recipe("recipes/x.yaml", ["data.valid=0.1", "data.test="]), Path("deep"))
    assert (recipe.data.valid, recipe.data.test, recipe.base) == (0.1, None, Path("deep"))


@pytest.mark.parametrize(
    "text", ["", "data: 5", "data: {train: 3, valid: [1, {a: b}]}", "- a", "data: {train: {x: y}}"]
)
def test_other_shapes_stay(tree, text):
    assert rebase_text(text, Path("recipes"), Path("deep")) == (text, [])
