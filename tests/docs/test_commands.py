"""Every command of the documentation does what the page has it do: run by bash as it stands, where models and files of
those names are, page by page, in order. Runs are not trained but looked at (`--dry-run`); with `-m slow` they are."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.shared import shared

from docs import furniture
from docs.pages import PAGES, ROOT, Command, blocks, commands, spans
from seqcli.cli.app import load_verb
from seqcli.registry import names

HERE = Path(__file__).resolve().parent
Shell = Callable[..., subprocess.CompletedProcess[str]]

# Programs whose lines are looked at and not run: they install, need hours, other machines or a folder of their own.
LOOKED_AT = re.compile(r"(SEQCLI_DATA=\S+ )?(pip|pytest|python3?|ruff|torchrun|\.ci/\S+|chromium)\b")
TRAINS = re.compile(r"^seqcli train (?:\S*/)?([\w-]+?)(?:\.yaml)?(?: .*?--name ([\w-]+).*| .*)?$")
WHOLE = {"pos-tagger", "sentiment", "numbers", "charlm", "hello", "mackey-glass"}  # minutes, if that
# The run that is the newest from a heading of a page on, where the commands there take one for granted.
NEWEST = {
    ("constraints", "What answers must hold"): "multi30k-en-de",
    ("coming-from", "fastText"): "fasttext",
    ("coming-from", "char-rnn, nanoGPT"): "charlm",
    ("coming-from", "CRFsuite"): "wnut17-ner",
    ("coming-from", "OpenNMT-py, fairseq, JoeyNMT"): "multi30k-en-de",
}


def lines(page: Path) -> list[Command]:
    """The commands of a page; of the page that sets ours beside others' those in its text, too."""
    found = [c for block in blocks(page) for c in commands(block)]
    return found + list(spans(page)) if page.stem == "coming-from" else found


WITH_COMMANDS = [page for page in PAGES if lines(page)]


@pytest.fixture(scope="session")
def shell(isolated: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """`shell(line, folder, NAME=...)`: a line by bash, with a `seqcli` on PATH that needs no start."""
    place = tmp_path_factory.mktemp("shell")
    asker = f"#!{sys.executable} -SEs\n{(HERE / 'asker.py').read_text()}"
    for name, text in {**furniture.STAND_INS, "seqcli": asker}.items():
        (place / name).write_text(text)
        (place / name).chmod(0o755)
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "SEQCLI_DOOR": str(place / "door")}
    env["PATH"] = f"{place}{os.pathsep}{env['PATH']}"
    pipe = subprocess.PIPE
    command = [sys.executable, str(ROOT / "tests/cli/forks.py"), env["SEQCLI_DOOR"]]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=env, text=True) as server:
        assert server.stdout
        assert server.stdout.readline() == "ready\n"

        def run(line: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
            bash = ["bash", "-o", "pipefail", "-c", line]
            options: Any = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "check": False}
            return subprocess.run(bash, cwd=folder, env={**env, **more}, **options)

        yield run
        server.communicate()


@pytest.fixture(scope="session")
def furnished(shell: Shell, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with models and files of the names that the pages use, to be copied."""

    def fill(folder: Path) -> None:
        def seqcli(*args: str) -> None:
            done = shell(shlex.join(["seqcli", *args]), folder, SEQCLI_TRAIN="-q")
            assert done.returncode == 0, done.stderr

        furniture.furnish(folder, seqcli)

    return shared(tmp_path_factory, "documentation", fill)


@pytest.fixture
def folder(furnished: Path, tmp_path: Path) -> Path:
    """A copy of it, that a page's commands may change."""
    return Path(shutil.copytree(furnished, tmp_path / "here", symlinks=True))


def files_of(page: Path, folder: Path) -> None:
    """Write the YAML of a page whose first line names a file: `# reader.yaml`."""
    for block in blocks(page):
        if block.language == "yaml" and (named := re.match(r"# ([\w-]+\.yaml)\n", block.text)):
            (folder / named[1]).write_text(block.text)


def tried(command: Command, folder: Path, shell: Shell, train: str) -> str:
    """Run one; what is wrong with it, or nothing."""
    if LOOKED_AT.match(command.text):
        return ""
    done = shell(command.text, folder, SEQCLI_TRAIN=train)
    fails = bool(command.shown) and command.shown[0].startswith("error: ")
    if fails and tuple(done.stderr.splitlines()) != command.shown:
        return f"{command}\n{done.stderr}"
    cut = done.returncode == 141 and "| head" in command.text  # which does not wait for the end
    if (done.returncode != 0) != fails and not cut:
        return f"{command}\n  status {done.returncode}: {done.stderr.strip()[-600:]}"
    if "Traceback" in done.stderr:
        return f"{command}\n{done.stderr}"
    return ""


def needs_data(recipe: str) -> bool:
    """Whether a recipe of that name ships, and reads data that do not."""
    path = ROOT / "recipes" / f"{recipe}.yaml"
    return path.exists() and "SEQCLI_DATA" in path.read_text(encoding="utf-8")


def through(page: Path, folder: Path, shell: Shell, train: Callable[[str], str]) -> list[str]:
    """Run the commands of a page, one after the other, `train(recipe)` saying how; what is wrong."""
    files_of(page, folder)
    wrong, heading = [], ""
    for number, command in enumerate(lines(page), 1):
        if command.heading != heading and (run := NEWEST.get((page.stem, command.heading))):
            furniture.stamp(folder, run, number)
        heading = command.heading
        trained = TRAINS.match(command.text.partition("  #")[0].strip())
        recipe = trained[1] if trained else ""
        wrong += filter(None, [tried(command, folder, shell, train(recipe))])
        if trained:
            furniture.stamp(folder, trained[2] or recipe, number)
    return wrong


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.stem)
def test_commands_of_a_page(page: Path, folder: Path, shell: Shell) -> None:
    wrong = through(page, folder, shell, lambda recipe: "validate" if needs_data(recipe) else "--dry-run")
    assert not wrong, "\n".join(["", *wrong])
