"""Every command of the documentation does what the page has it do: run by bash as it stands, where models and files of
those names are, page by page, in order. Runs are not trained but looked at (`--dry-run`); with `-m slow` they are."""

from __future__ import annotations

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
import yaml
from support.shared import shared

import seqcli
from docs import furniture
from docs.pages import PAGES, ROOT, Command, blocks, commands, spans
from seqcli.cli.app import load_verb
from seqcli.registry import names

HERE = Path(__file__).resolve().parent
Shell = Callable[..., subprocess.CompletedProcess[str]]

# Programs whose lines are looked at and not run: they install, need hours, other machines or a folder of their own.
LOOKED_AT = re.compile(r"(SEQCLI_DATA=\S+ )?(pip|pytest|python3?|ruff|torchrun|\.ci/\S+|chromium)\b")
TRAINS = re.compile(r"^seqcli train (?:\S*/)?([\w-]+?)(?:\.yaml)?(?: .*?--name ([\w-]+).*| .*)?$")
WHOLE = {"pos-tagger", "sentiment", "numbers", "charlm", "hello", "mackey-glass", "trec-linear"}  # minutes, if that
# The run that is the newest from a heading of a page on, where the commands there take one for granted.
NEWEST = {
    ("constraints", "Constraints on answers"): "multi30k-en-de",
    ("coming-from", "fastText"): "fasttext",
    ("coming-from", "char-rnn, nanoGPT"): "charlm",
    ("coming-from", "CRFsuite"): "wnut17-ner",
    ("coming-from", "OpenNMT-py, fairseq, JoeyNMT"): "multi30k-en-de",
}


def lines(page: Path) -> list[Command]:
    """The commands of a page; of the page that sets ours beside others' those in its text, too."""
    found = [c for block in blocks(page) for c in commands(block)]
    return found + list(spans(page)) if page.stem == "coming-from" else found


WITH_COMMANDS = [page for page in PAGES if lines(page) and page.stem != "extending"]  # that one has a test of its own


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


def bare(command: Command) -> str:
    """A command without the comment behind it."""
    return command.text.partition("  #")[0].strip()


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
    data = yaml.safe_load(path.read_text(encoding="utf-8"))["data"]["train"] if path.exists() else ""
    known = ROOT / "seqcli/datasets/catalog" / f"{Path(data).name}.yaml"
    return known.exists() and "builtin" not in yaml.safe_load(known.read_text(encoding="utf-8"))


def through(page: Path, folder: Path, shell: Shell, train: Callable[[str], str]) -> list[str]:
    """Run the commands of a page, one after the other, `train(recipe)` saying how; what is wrong."""
    files_of(page, folder)
    wrong, heading = [], ""
    for number, command in enumerate(lines(page), 1):
        if command.heading != heading and (run := NEWEST.get((page.stem, command.heading))):
            furniture.stamp(folder, run, number)
        heading = command.heading
        trained = TRAINS.match(bare(command))
        recipe = trained[1] if trained else ""
        wrong += filter(None, [tried(command, folder, shell, train(recipe))])
        if trained:
            furniture.stamp(folder, trained[2] or recipe, number)
    return wrong


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.stem)
def test_commands_of_a_page(page: Path, folder: Path, shell: Shell) -> None:
    wrong = through(page, folder, shell, lambda recipe: "validate" if needs_data(recipe) else "--dry-run")
    assert not wrong, "\n".join(["", *wrong])


TRAINING = [page for page in WITH_COMMANDS if any(TRAINS.match(bare(c)) for c in lines(page))]


@pytest.mark.slow
@pytest.mark.parametrize("page", TRAINING, ids=lambda page: page.stem)
def test_commands_of_a_page_that_train(page: Path, folder: Path, shell: Shell, data_folder: Path) -> None:
    """Runs are trained: those of WHOLE as the page says, others for 20 steps; what comes after them uses them."""

    def words(recipe: str) -> str:
        return "--overwrite" if recipe in WHOLE else "--overwrite --set train.steps=20"

    wrong = through(page, folder, shell, words)
    assert not wrong, "\n".join(["", *wrong])


def parts(line: str) -> Iterator[list[str]]:
    """The words of each command of a line, up to a pipe, `;` or `&&`; redirections are words."""
    words: list[str] = []
    for word in shlex.split(line, comments=True):
        end = word.rstrip(";")
        words += [end] if end and end not in ("|", "&&") else []
        if word in ("|", "&&") or word != end:
            yield words
            words = []
    yield words


def options_of(words: list[str]) -> set[str]:
    """The options that a verb has, of the words behind `seqcli`."""
    command = load_verb(words[0])
    inner = getattr(command, "commands", {}).get(words[1] if words[1:] else "")
    inner = inner or next((c for c in getattr(command, "commands", {}).values()), None)  # for `look MODE`
    found = {"-h", "--help", "-q", "--quiet", "-v", "--verbose", "--debug"}
    return found.union(*(p.opts for c in (command, inner) if c for p in c.params))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_verbs_and_options_exist(page: Path) -> None:
    """Of all command lines, those in the text and those that are not run among them."""
    found = [c for block in blocks(page) for c in commands(block)] + list(spans(page))
    for command in found:
        for words in parts(command.text.replace("'…'", "'...'")):
            if "seqcli" not in words[:1] and words[-2:-1] != ["-m"] and "torchrun" not in words:
                continue
            rest = words[words.index("seqcli") + 1 :]
            if rest and not (rest[0].isupper() or rest[0].startswith("-")):
                assert rest[0] in names("cli"), str(command)
                unknown = {w.partition("=")[0] for w in rest if re.match(r"--?[a-z]", w)} - options_of(rest)
                assert not unknown, f"{command}: {unknown}"


def test_scripts_that_are_named_exist() -> None:
    for page in PAGES:
        for script in re.findall(
            r"(?:tests|examples|findings|data|docs)/[\w/-]+\.(?:py|sh)\b", page.read_text(encoding="utf-8")
        ):
            assert (ROOT / script).exists(), f"{page.name}: {script}"


ELSEWHERE = (
    "extending",
    "export",
)  # tests/docs/test_extending.py and tests/export/test_reader.py run what stands there
PYTHON = [p for p in PAGES if any(b.language == "python" for b in blocks(p)) and p.stem not in ELSEWHERE]


@pytest.mark.parametrize("page", PYTHON, ids=lambda page: page.stem)
def test_python_of_a_page(page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a page, one after the other, as one program, in which `texts` are some; skips what needs a package
    that is not here."""
    monkeypatch.chdir(folder)
    known = {"seqcli": seqcli, "texts": (folder / "lines.txt").read_text().splitlines()}
    for block in blocks(page):
        if block.language == "python":
            try:
                exec(compile("\n" * (block.line - 1) + block.text, str(page), "exec"), known)
            except ModuleNotFoundError as error:
                pytest.skip(f"{error.name} is not installed")
