"""Run folders: what a training run writes, and finding the run that a verb means when it is not told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqcli import artifact, console
from seqcli.errors import SeqcliError, UsageError

ROOT = Path("runs")


@dataclass(frozen=True)
class Run:
    """The files of one run."""

    path: Path

    @property
    def recipe(self) -> Path:
        return self.path / "recipe.yaml"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def model(self) -> Path:
        return self.path / "model.safetensors"

    @property
    def last(self) -> Path:
        return self.path / "last.safetensors"

    def snapshot(self, step: int) -> Path:
        return self.path / "snapshots" / f"step-{step:08d}.safetensors"

    def exists(self) -> bool:
        """Whether the folder holds a run, finished or not."""
        return any(f.exists() for f in (self.recipe, self.metrics, self.model, self.last))

    def claim(self, *, overwrite: bool, resume: bool) -> None:
        """Make the folder ready. Raises where it holds another run, none to resume, or cannot be written."""
        if resume and not self.last.exists():
            what = "has nothing to resume" if self.exists() else "does not exist"
            raise UsageError(f"the run {self.path} {what}", hint="leave --resume away to begin it")
        if self.exists() and not (overwrite or resume):
            raise UsageError(
                f"{self.path} already holds a run",
                hint="--resume goes on with it, --overwrite begins it anew, --name NAME keeps both",
            )
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if overwrite and not resume:
                for file in (self.recipe, self.metrics, self.model, self.last):
                    file.unlink(missing_ok=True)
                for file in self.path.glob("snapshots/step-*.safetensors"):
                    file.unlink()
            probe = self.path / ".writable"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise SeqcliError(f"cannot write into the run folder {self.path}: {error.strerror}") from None

    def log(self, record: dict[str, Any]) -> int:
        """Append a record to metrics.jsonl; the file's length in bytes then."""
        with self.metrics.open("ab") as file:
            file.write((json.dumps(record) + "\n").encode())
            return file.tell()

    def cut_log(self, length: int) -> None:
        """Cut metrics.jsonl back to a length: what a killed run logged after its last save is logged again."""
        if self.metrics.exists():
            with self.metrics.open("r+b") as file:
                file.truncate(length)


def fits(header: dict[str, Any], verb: str) -> bool:
    """Whether a model's task is one that a verb serves."""
    return verb in VERBS.get(header.get("task", ""), ())


VERBS = {"language-model": ("generate", "eval")}
ANY = ("inspect", "tokenize")


def newest(verb: str, accept: Callable[[dict[str, Any]], bool]) -> Path:
    """The model in ./runs with the newest recorded creation time that `accept` takes."""
    found: list[tuple[str, Path]] = []
    others = 0
    for path in ROOT.glob("*/model.safetensors"):
        try:
            header = artifact.read_header(path)
        except SeqcliError:
            continue
        if accept(header):
            found.append((header.get("created", ""), path))
        else:
            others += 1
    if not found:
        what = f"none of the {others} models in ./runs fits" if others else "there is no model in ./runs for"
        raise UsageError(f"{what} `{verb}`", hint="name one with -m FILE, or train one: seqcli train charlm")
    return max(found)[1]


def find_model(model: str | None, verb: str) -> Path:
    """The model file that -m names (a file, a run folder, or a run's name), or the newest that fits the verb."""
    if model is None:
        path = newest(verb, lambda header: verb in ANY or fits(header, verb))
        console.say(f"using {path}")
        return path
    for candidate in (Path(model), Path(model) / "model.safetensors", ROOT / model / "model.safetensors"):
        if candidate.is_file():
            return candidate
    from seqcli.errors import did_you_mean

    known = [p.parent.name for p in ROOT.glob("*/model.safetensors")]
    raise UsageError(f"no such model: {model}", hint=did_you_mean(Path(model).name, known))


def open_model(model: str | None, verb: str) -> artifact.Artifact:
    """Open the model that a verb is to use. Raises UsageError, naming the right verb, for a model of another kind."""
    path = find_model(model, verb)
    opened = artifact.read(path)
    task = opened.header.get("task")
    if task is None:
        raise UsageError(f"{path} is a {opened.header.get('kind', 'file')}, not a model", hint="see: seqcli inspect")
    if verb not in ANY and not fits(opened.header, verb):
        right = " or ".join(f"seqcli {v}" for v in VERBS.get(task, ())) or "seqcli inspect"
        raise UsageError(f"{path} is a {task}: `{verb}` does not serve it", hint=f"use: {right} -m {path}")
    return opened
